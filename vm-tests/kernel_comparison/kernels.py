# SPDX-License-Identifier: Apache-2.0
"""The kernels that the predictions are compared with: Debian's own, taken from the archive and made ready for QEMU's -kernel."""

from __future__ import annotations

import struct
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from host.apt import Apt
from host.cache import Cache, digest
from host.process import remove_tree
from host.progress import Progress

#: Debian's name of the architecture, and its smallest kernel there.
DEBIAN_NAMES = {
    "x86_64": ("amd64", "linux-image-cloud-amd64"),
    "aarch64": ("arm64", "linux-image-cloud-arm64"),
    "riscv64": ("riscv64", "linux-image-riscv64"),
    "ppc64le": ("ppc64el", "linux-image-powerpc64le"),
}

#: What decides about the bytes of the things made here.
SOURCE = Path(__file__).read_bytes()

#: How a compressed kernel starts, and what unpacks it.
UNPACKERS = (
    (b"\xfd7zXZ\x00", "xz"), (b"\x28\xb5\x2f\xfd", "zstd"), (b"\x02\x21\x4c\x18", "lz4"), (b"\x1f\x8b", "gzip"),
)  # fmt: skip

#: linux Documentation/arch/x86/boot.rst: the header, and the compressed kernel behind the set-up code.
SETUP_SECTORS, PAYLOAD = 0x1F1, 0x248


@dataclass(frozen=True)
class Kernel:
    """One of Debian's kernels: `arch` as uname(2) has it."""

    arch: str
    version: str
    suite: str

    def __str__(self) -> str:
        return f"{self.arch}-{self.version}"


KERNELS = (
    Kernel("x86_64", "6.1", "bookworm"), Kernel("x86_64", "6.12", "trixie"), Kernel("x86_64", "7.2", "forky"),
    Kernel("aarch64", "6.1", "bookworm"), Kernel("aarch64", "6.12", "trixie"), Kernel("aarch64", "7.2", "forky"),
    # s390x is not here: Debian builds it without CONFIG_CRASH_DUMP.
    Kernel("riscv64", "7.2", "forky"), Kernel("ppc64le", "6.1", "bookworm"), Kernel("ppc64le", "7.2", "forky"),
)  # fmt: skip
BUSYBOX_SUITE = "forky"


def image(kernel: Kernel, cache: Cache, progress: Progress) -> Path:
    """The kernel, unpacked on this side: x86_64's own unpacking, and with it KASLR, would cost time on every boot."""

    def build(partial: Path) -> None:
        progress.step(f"apt: the kernel {kernel.version} for {kernel.arch} of {kernel.suite}")
        directory = Path(tempfile.mkdtemp(prefix="kernel-", dir=cache.directory))
        try:
            apt = Apt(kernel.suite, DEBIAN_NAMES[kernel.arch][0], directory)
            (package,) = apt.depends(DEBIAN_NAMES[kernel.arch][1], "linux-image-")
            names = [package, *apt.depends(package, "linux-binary-")]
            files = [path for name in names for path in apt.unpack(name).rglob("vmlinu[xz]*")]
            partial.write_bytes(unpacked(next(path for path in files if path.is_file()).read_bytes()))
        finally:
            remove_tree(directory)

    return cache.get(f"kernel-{digest(str(kernel), kernel.suite, SOURCE)}.image", build)


def unpacked(data: bytes) -> bytes:
    """vmlinux out of a bzImage, which QEMU enters by its PVH note; anything else as it is, without compression."""
    if data[0x202:0x206] == b"HdrS":
        start = ((data[SETUP_SECTORS] or 4) + 1) * 512
        offset, length = struct.unpack_from("<II", data, PAYLOAD)
        data = data[start + offset : start + offset + length]
    for magic, program in UNPACKERS:
        if data.startswith(magic):
            # What follows the compressed data (its length) makes the program fail; the result tells.
            done = subprocess.run([program, "-dc"], input=data, capture_output=True, check=False)
            if not done.stdout:
                raise RuntimeError(f"{program} unpacks nothing of the kernel: {done.stderr.decode(errors='replace')}")
            return done.stdout
    return data


def busybox(arch: str, cache: Cache, progress: Progress) -> Path:
    """A static busybox."""

    def build(partial: Path) -> None:
        progress.step(f"apt: busybox-static for {arch}")
        directory = Path(tempfile.mkdtemp(prefix="busybox-", dir=cache.directory))
        try:
            tree = Apt(BUSYBOX_SUITE, DEBIAN_NAMES[arch][0], directory).unpack("busybox-static")
            binary = next(path for path in tree.rglob("busybox") if path.parent.name == "bin")
            partial.write_bytes(binary.read_bytes())
        finally:
            remove_tree(directory)

    return cache.get(f"busybox-{digest(arch, BUSYBOX_SUITE, SOURCE)}.{arch}", build)


def initramfs(arch: str, script: str, cache: Cache, progress: Progress) -> Path:
    """busybox and a script as /init."""

    def build(partial: Path) -> None:
        binary = busybox(arch, cache, progress).read_bytes()
        partial.write_bytes(
            _entry("bin", 0o40755, b"") + _entry("proc", 0o40755, b"") + _entry("sys", 0o40755, b"")
            + _entry("dev", 0o40755, b"") + _entry("dev/console", 0o20600, b"", device=(5, 1))
            + _entry("bin/busybox", 0o100755, binary) + _entry("init", 0o100755, script.encode())
            + _entry("TRAILER!!!", 0, b"")
        )  # fmt: skip

    return cache.get(f"init-{digest(arch, script, SOURCE)}.cpio", build)


def _entry(name: str, mode: int, data: bytes, device: tuple[int, int] = (0, 0)) -> bytes:
    """A member of a "newc" archive (linux Documentation/driver-api/early-userspace/buffer-format.rst)."""
    fields = (0, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(name) + 1, 0)
    head = b"070701" + "".join(f"{field:08x}" for field in fields).encode() + name.encode() + b"\0"
    return _padded(head) + _padded(data)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)

