# SPDX-License-Identifier: Apache-2.0
"""What a crash proves: the capture kernel, its initramfs, its command line, what is reserved, and where the dump goes.

Files and the line are kept as digests. Read, not judged.
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.errors import Refusal
from orchestrator.facts import capture_kernel, dump_target, kdumpconf, machine
from orchestrator.rules import cmdline
from orchestrator.rules.capture_cmdline import Facts, Package
from orchestrator.system import digest, tree
from orchestrator.system.target import provisioned_root

SUSE_FILES = ("var/lib/kdump/kernel", "var/lib/kdump/initrd")
# Every deployment changes these words, also one with the same kernel and initramfs, which count by their content. The third is
# kdumpctl's own, of one test.
PASSING = ("BOOT_IMAGE=", "ostree=", "kdump_test_id=")


UNREADABLE = "?"  # a capture initramfs may be root's own to read, and `status` is for everybody


@dataclass(frozen=True)
class Subject:
    """`kernel`, `initramfs` and `line` are SHA-256 in hex; "" for what is not known, UNREADABLE. `reserved` in bytes.

    `directory`: where the dump goes, "" where that is no directory of this machine or not known.
    """

    release: str = ""
    kernel: str = ""
    initramfs: str = ""
    line: str = ""
    reserved: int = 0
    crashkernel: str = ""
    directory: str = ""


def read(root: str, capture: Facts | None, line: str | None, reserved: int | None) -> Subject:
    """What would be proven now. Reads the whole of kernel and initramfs: not for a boot that has nothing to prove.

    `capture` and `line`: what is known of the capture kernel's line, None where nothing is.
    """
    provisioned = provisioned_root(root)
    release = (tree.read_text(root, capture_kernel.RELEASE) or "").strip()
    kernel, initramfs = _digests(root, provisioned, capture.package, release) if capture else ("", "")
    values = cmdline.crashkernel_values(machine.surroundings(root).cmdline)
    return Subject(
        release,
        kernel,
        initramfs,
        digest.of_text(comparable(line)) if line else "",
        reserved or 0,
        (cmdline.in_force(values) or "") if values else "",
        dump_target.directory(root, capture.package, capture.config) if capture else "",
    )


def _digests(root: str, provisioned: str, package: Package, release: str) -> tuple[str, str]:
    """Of the capture kernel's image and of its initramfs."""
    try:
        kernel, initramfs = _files(root, provisioned, package, release)
    except Refusal:  # a /boot that only root may list
        return UNREADABLE, UNREADABLE
    return _digest(provisioned, kernel), _digest(provisioned, initramfs)


def _digest(provisioned: str, path: str) -> str:
    """Of a file; UNREADABLE where that is denied or fails."""
    try:
        return digest.of_file(provisioned, path) if path else ""
    except (OSError, Refusal):
        return UNREADABLE


def comparable(line: str) -> str:
    """The line without the words that change with every deployment, and with one blank between the others."""
    return " ".join(word for word in line.split() if not word.startswith(PASSING))


def _files(root: str, provisioned: str, package: Package, release: str) -> tuple[str, str]:
    """The paths of the capture kernel's image and initramfs; "" for what is not found."""
    if package is Package.SUSE:
        return SUSE_FILES
    if package is Package.KDUMP_TOOLS:
        return _of_kdump_tools(provisioned, release)
    # kdump-lib.sh prepare_kdump_kernel(), prepare_kdump_bootinfo(); ostree's copy below /usr has the same bytes.
    beside = [f"boot/ostree/{name}" for name in tree.names(root, "boot/ostree")]
    kernels = [f"usr/lib/modules/{release}/vmlinuz", *(f"{place}/vmlinuz-{release}" for place in (*beside, "boot"))]
    made = [f"{place}/initramfs-{release}kdump.img" for place in (*beside, "var/lib/kdump", "boot")]
    return _first(provisioned, kernels), _first(provisioned, made)


def _of_kdump_tools(provisioned: str, release: str) -> tuple[str, str]:
    """As in the command that kdump-config notes after a load; without one, its settings name the initramfs."""
    noted = _text(provisioned, f"{kdumpconf.DUMPS}/{kdumpconf.RECORD}")
    kernel, initramfs = recorded_files(noted)
    if not kernel:
        initramfs = capture_kernel.debian_initrd(_text(provisioned, capture_kernel.DEBIAN_SETTINGS), release)
    return kernel, initramfs


def recorded_files(command: str) -> tuple[str, str]:
    """Kernel and initramfs of `kexec -p ... --command-line="..." --initrd=INITRD KERNEL` (kdump-config kdump_load())."""
    words = command.rpartition('"')[2].split()
    initramfs = next((word.partition("=")[2] for word in words if word.startswith("--initrd=")), "")
    return (words[-1] if words and words[-1].startswith("/") else "", initramfs)


def _first(provisioned: str, paths: list[str]) -> str:
    """The first path that is there."""
    return next((path for path in paths if tree.exists(provisioned, path)), "")


def _text(provisioned: str, path: str) -> str:
    """A file's text; "" where it cannot be read: then the files are not known."""
    try:
        return (tree.read_bytes(provisioned, path) or b"").decode("utf-8", "surrogateescape")
    except Refusal:
        return ""
