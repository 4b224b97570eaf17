# SPDX-License-Identifier: Apache-2.0
"""The files that the capture kernel is loaded from, where its initramfs comes from, and for which kernel each was made.

kdump-tools notes what it has loaded; of the other packages the places are known. Read, not judged.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from orchestrator.errors import Refusal
from orchestrator.facts import capture_kernel, kdumpconf, kernel_file
from orchestrator.facts.capture_kernel import SHIPPED
from orchestrator.rules import capture_cmdline, kernel_image, kernel_names, shell_assignments
from orchestrator.rules.capture_cmdline import Package
from orchestrator.system import tree
from orchestrator.system.target import provisioned_root

DEBIAN_KERNEL = "/var/lib/kdump/vmlinuz"  # kdump-tools' own default, a link
SUSE_KERNEL, SUSE_INITRD = "/var/lib/kdump/kernel", "/var/lib/kdump/initrd"
OSTREE_BOOT = "/boot/ostree/"
KDUMP_SUFFIX = "kdump.img"  # of what kdumpctl builds beside the machine's own initramfs


class Origin(Enum):
    """Where the capture initramfs comes from."""

    IMAGE = "image"  # in the deployment or beside its kernel: ostree owns it, and it follows an update
    MACHINE = "machine"  # built by the kdump package or the image's own means, once for every kernel


@dataclass(frozen=True)
class CaptureFiles:
    """`kernel` and `initrd` are paths, links followed; the releases are those that each was made for; "" where not known."""

    kernel: str
    kernel_release: str
    initrd: str
    initrd_release: str
    # Does the kernel have a signature as Secure Boot wants it? None where that is not known.
    signed: bool | None = None

    @property
    def origin(self) -> Origin | None:
        """Where the initramfs comes from; None where there is none."""
        if not self.initrd:
            return None
        beside = self.initrd.startswith(OSTREE_BOOT) and not self.initrd.endswith(KDUMP_SUFFIX)
        return Origin.IMAGE if beside or self.initrd.startswith(SHIPPED) else Origin.MACHINE

    @property
    def apart(self) -> bool:
        """Is the initramfs known to be made for another kernel, whose modules this one does not load?"""
        return bool(self.kernel_release and self.initrd_release) and self.kernel_release != self.initrd_release


def read(root: str, boot: str, *, loaded: bool) -> CaptureFiles | None:
    """What is loaded; while nothing is, what the next load will take. None where no kdump package is known.

    Raises Refusal for what cannot be read. `boot` is the boot directory.
    """
    provisioned = provisioned_root(root)
    package = kdumpconf.installed(provisioned)
    if package is None:
        return None
    release = capture_kernel.running_release(root)
    if package is Package.KDUMP_UTILS:
        return _of_kdump_utils(provisioned, boot, release)
    kernel, initrd = (SUSE_KERNEL, SUSE_INITRD) if package is Package.SUSE else _of_kdump_tools(provisioned, release, loaded)
    return _described(provisioned, kernel, initrd)


def _of_kdump_tools(provisioned: str, release: str, loaded: bool) -> tuple[str, str]:
    """The paths in the command that kdump-config has noted, else those of its settings."""
    settings = (tree.read_bytes(provisioned, capture_kernel.DEBIAN_SETTINGS) or b"").decode("utf-8", "replace")
    record = kdumpconf.record(shell_assignments.parse(settings, f"/{capture_kernel.DEBIAN_SETTINGS}"))
    noted = (tree.read_bytes(provisioned, record) or b"") if loaded else b""
    kernel, initrd = capture_cmdline.recorded_files(noted.decode("utf-8", "replace"))
    if kernel:
        return kernel, initrd
    initrd = capture_kernel.debian_initrd(settings, release)
    paths = capture_kernel.debian_paths(initrd, release, booted=True)
    found = next((path for path in paths if tree.exists(provisioned, path)), "")
    return capture_kernel.debian_path(settings, release, "KDUMP_KERNEL", DEBIAN_KERNEL), found


def _of_kdump_utils(provisioned: str, boot: str, running: str) -> CaptureFiles:
    """Kernel and initramfs share the release: kdumpctl looks for one name and builds it where it is missing.

    Of a debug kernel kdumpctl may take the other flavour (kdump-lib.sh _get_kdump_kernel_version()), which is not known here.
    """
    config = kdumpconf.CONFIGS[Package.KDUMP_UTILS]
    text = (tree.read_bytes(provisioned, config) or b"").decode("utf-8", "replace")
    named = shell_assignments.parse(text, f"/{config}").get("KDUMP_KERNELVER").text
    release = running if named == "" else named or ""
    if not release or (not named and release.endswith(("+debug", "-debug"))):
        return CaptureFiles("", "", "", "")
    name = f"initramfs-{release}{KDUMP_SUFFIX}"
    beside = next((each for each in tree.names(boot, "ostree") if tree.exists(boot, f"ostree/{each}/{name}")), None)
    initrd = f"{OSTREE_BOOT}{beside}/{name}" if beside else f"/var/lib/kdump/{name}"
    there = beside is not None or tree.exists(provisioned, initrd)
    return CaptureFiles("", release, initrd if there else "", release if there else "")


def _described(provisioned: str, kernel: str, initrd: str) -> CaptureFiles:
    """Two files, and for which kernel each is: a kernel's own header counts more than its name."""
    kernel, initrd = (_followed(provisioned, path) if path else "" for path in (kernel, initrd))
    header = kernel_file.header(provisioned, kernel) if kernel else b""
    release = kernel_image.release(header) or kernel_names.release(kernel)
    return CaptureFiles(kernel, release, initrd, kernel_names.release(initrd), kernel_image.is_signed(header))


def _followed(provisioned: str, path: str) -> str:
    """The path with all links followed, as seen from the provisioned root; as it is where that is not possible."""
    try:
        return tree.resolve(provisioned, path)[len(provisioned) :] or path
    except Refusal:
        return path
