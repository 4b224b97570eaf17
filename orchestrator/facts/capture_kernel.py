# SPDX-License-Identifier: Apache-2.0
"""What is known of the capture kernel before it is loaded: its size and its initramfs. Facts, read and not judged."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.errors import Refusal
from orchestrator.facts import initrd, volumes
from orchestrator.facts.initrd import Initrd
from orchestrator.rules import cmdline, memory
from orchestrator.system import tree
from orchestrator.system.target import provisioned_root

DEBIAN_SETTINGS = "etc/default/kdump-tools"
DEBIAN_INITRD = "/var/lib/kdump/initrd.img"  # kdump-tools' own default, a link to the one of the running version
RELEASE = "proc/sys/kernel/osrelease"
SHIPPED = "/usr/"  # what lies below it comes with the image, and another deployment has its own
MODULES = "usr/lib/modules"  # where ostree has every deployment's kernel, as KVER/vmlinuz
RELEASE_WORDS = ("$(uname -r)", "`uname -r`", "${KVER}", "$KVER")
KERNEL = 64 << 20  # where /proc/iomem does not tell: more than any distribution's kernel has been seen to take
# A kdump initramfs is taken for one part in so many of the machine's own. Seen on Fedora CoreOS: 39 to 66 MB, with Ignition's
# modules in and out.
SHARE = 2
KERNEL_PARTS = ("Kernel code", "Kernel rodata", "Kernel data", "Kernel bss")


@dataclass(frozen=True)
class CaptureKernel:
    """What decides how much it needs. All sizes are in bytes.

    `path`: which initramfs was looked at, as it stands in a sentence after "the initramfs"; `memory`: the machine's;
    `unlock`: what Argon2 takes for a LUKS volume.
    """

    kernel: int
    initrd: Initrd
    path: str
    in_tmpfs: bool
    memory: int = 0
    unlock: int = 0


def expected(own: Initrd, *, packed: bool) -> Initrd:
    """The initramfs that kdump will make, from the machine's own; `packed`: in a squashfs, as kdump-utils has dracut do."""
    stored = own.stored // SHARE
    return Initrd(stored, stored if packed else own.unpacked // SHARE, exact=False)


def read(root: str, boot: str, line: str, entry: str = "") -> CaptureKernel | None:
    """The capture kernel of the running system; None where neither its initramfs nor the machine's own can be found.

    `boot` is the boot directory, `line` the running command line, `entry` the text of the booted entry. The capture kernel is
    the running one, so that /proc/iomem tells its size, as kdumpctl's get_kernel_size() has it in the end.
    """
    provisioned = provisioned_root(root)
    release = running_release(root)
    settings = _text(provisioned, DEBIAN_SETTINGS)
    found = _made(provisioned, provisioned, boot, release, settings) or _expected(boot, entry, settings)
    return _with(root, line, settings, found, running_bytes(root)) if found else None


def read_other(root: str, boot: str, line: str, image: str, release: str, kernel: int) -> CaptureKernel | None:
    """As `read`, for the kernel `release` of `kernel` bytes, of another deployment, whose directory is `image`.

    Its settings are those of the running system, which ostree merges into the other one's.
    """
    provisioned = provisioned_root(root)
    settings = _text(provisioned, DEBIAN_SETTINGS)
    found = _made(provisioned, image, boot, release, settings)
    if found is None:
        path = f"{MODULES}/{release}/initramfs.img"
        own = initrd.read(image, path)
        found = (expected(own, packed=settings is None), f"that kdump will make of its /{path}") if own else None
    return _with(root, line, settings, found, kernel) if found else None


def running_release(root: str) -> str:
    """The running kernel's release; "" where the kernel's files do not tell."""
    return (_text(root, RELEASE) or "").strip()


def running_bytes(root: str) -> int:
    """What the running kernel takes."""
    return kernel_bytes(_text(root, memory.IOMEM, tree.LARGEST_OF_KERNEL) or "") or KERNEL


def _with(root: str, line: str, settings: str | None, found: tuple[Initrd, str], kernel: int) -> CaptureKernel:
    """A capture kernel of this size with the initramfs that was found."""
    return CaptureKernel(
        kernel=kernel,
        initrd=found[0],
        path=found[1],
        # The kernel keeps an initramfs in a tmpfs where no root= is given (linux init/do_mounts.c init_rootfs()), which
        # may fill half of the memory; kdump-utils always takes root= out (prepare_cmdline()), Debian's does not.
        in_tmpfs=settings is None or cmdline.value(line, "root") is None,
        memory=_memory(_text(root, memory.IOMEM, tree.LARGEST_OF_KERNEL) or ""),
        unlock=max((volume.unlock_bytes for volume in volumes.read(root)), default=0),
    )


def kernel_bytes(iomem: str) -> int:
    """What the running kernel's code and data take, from the text of /proc/iomem; 0 where it does not list them (ppc64le)."""
    total = 0
    for line in iomem.splitlines():
        span, _, what = line.strip().partition(" : ")
        start, _, end = span.partition("-")
        if what in KERNEL_PARTS:
            try:
                total += int(end, 16) - int(start, 16) + 1
            except ValueError:
                continue
    return total if total > len(KERNEL_PARTS) else 0  # hidden addresses are all zero


def _memory(iomem: str) -> int:
    """The machine's memory; 0 where the text of /proc/iomem does not tell."""
    try:
        return memory.parse(iomem).total
    except Refusal:
        return 0


def _made(provisioned: str, image: str, boot: str, release: str, settings: str | None) -> tuple[Initrd, str] | None:
    """The capture kernel's own initramfs, where it has been made already. `image`: the directory whose /usr it may be in."""
    if settings is not None:
        paths = debian_paths(debian_initrd(settings, release), release, booted=image == provisioned)
        found = ((initrd.read(image if path.startswith(SHIPPED) else provisioned, path), path) for path in paths)
        return next(((archive, path) for archive, path in found if archive), None)
    name = f"initramfs-{release}kdump.img"
    for directory in tree.names(boot, "ostree"):
        archive = initrd.read(boot, f"ostree/{directory}/{name}")
        if archive:
            return archive, f"/boot/ostree/{directory}/{name}"
    archive = initrd.read(provisioned, f"var/lib/kdump/{name}")
    return (archive, f"/var/lib/kdump/{name}") if archive else None


def debian_paths(path: str, release: str, *, booted: bool) -> tuple[str, ...]:
    """Where the initramfs of KDUMP_INITRD is, for this kernel.

    The default is a link, which kdump-config turns to the file of the running kernel when it loads (manage_symlinks()).
    """
    if path != DEBIAN_INITRD:
        return (path,) if path else ()
    return (f"{path}-{release}", path) if booted else (f"{path}-{release}",)


def debian_initrd(settings: str, release: str) -> str:
    """KDUMP_INITRD in /etc/default/kdump-tools' text, the shell's words for the version replaced; "" where it has others."""
    return debian_path(settings, release, "KDUMP_INITRD", DEBIAN_INITRD)


def debian_path(settings: str, release: str, variable: str, path: str) -> str:
    """A variable of /etc/default/kdump-tools' text that names a file, `path` where it is not set; as debian_initrd()."""
    for line in settings.splitlines():
        key, equals, value = line.strip().partition("=")
        if key == variable and equals:
            path = value.strip("\"'")
    for word in RELEASE_WORDS:
        path = path.replace(word, release)
    return "" if "$" in path or "`" in path else path


def _expected(boot: str, entry: str, settings: str | None) -> tuple[Initrd, str] | None:
    """What the distribution will make of the machine's own initramfs."""
    for line in entry.split("\n"):
        key, *paths = line.split()[:2] or [""]
        path = paths[0].removeprefix("/boot").lstrip("/") if key == "initrd" and paths else ""
        archive = initrd.read(boot, path) if path else None
        if archive:
            return expected(archive, packed=settings is None), f"that kdump will make of /boot/{path}"
    return None


def _text(root: str, path: str, limit: int = tree.LARGEST) -> str | None:
    """A file's text; None also where it cannot be read, since an estimate is no reason to fail."""
    try:
        return tree.read_text(root, path, limit)
    except Refusal:
        return None
