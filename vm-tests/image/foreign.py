# SPDX-License-Identifier: Apache-2.0
"""The trait `arch`: a machine of another architecture.

Its packages are installed and its initramfs images made by its own programs, under QEMU's user emulation. That emulation makes no
namespaces, which ostree needs for what it runs in a deployment; so ostree is this architecture's, as are GRUB's tools.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from host.process import run

NATIVE = "x86_64"
GRUB = "usr/lib/grub"
KDUMP_DEFAULTS = "etc/default/kdump-tools"
#: Debian's kernel for arm64 has no kexec_file_load(2) (CONFIG_KEXEC_FILE is not set): kexec loads by itself, as Debian has it by default.
NO_FILE_LOAD = "# This kernel has no kexec_file_load(2).\nKDUMP_KEXEC_ARGS=\n"


@dataclass(frozen=True)
class Architecture:
    """What differs between the kernel's architectures."""

    #: Debian's name of it.
    debian: str
    #: The first serial port of QEMU's machine.
    console: str
    #: GRUB's platform under UEFI, and where the firmware looks for it (UEFI specification, 3.5.1.1).
    grub: str
    program: str
    #: What stands in the place of a package of files/packages.txt, and of files/packages-forky.txt.
    instead: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


ARCHITECTURES = {
    NATIVE: Architecture("amd64", "ttyS0", "x86_64-efi", "EFI/BOOT/BOOTX64.EFI"),
    "aarch64": Architecture(
        "arm64",
        "ttyAMA0",
        "arm64-efi",
        "EFI/BOOT/BOOTAA64.EFI",
        {
            "linux-image-cloud-amd64": ("linux-image-cloud-arm64",),
            "grub-pc-bin": (),
            "grub-efi-amd64-bin": ("grub-efi-arm64-bin",),
            "grub-efi-amd64-unsigned": ("grub-efi-arm64-unsigned",),
        },
    ),
}


def packages(names: Iterable[str], arch: str) -> tuple[str, ...]:
    """The packages that an architecture has for these."""
    instead = ARCHITECTURES[arch].instead
    return tuple(word for name in names for word in instead.get(name, (name,)))


def karg(karg: str, arch: str) -> str:
    """What a kernel argument of the image is on an architecture: the serial console has another name."""
    return karg.replace(ARCHITECTURES[NATIVE].console, ARCHITECTURES[arch].console)


def options(arch: str) -> tuple[str, ...]:
    """What mmdebstrap is told. Whether foreign programs run is found out before (host/binfmt.py)."""
    if arch == NATIVE:
        return ()
    return (f"--architectures={ARCHITECTURES[arch].debian}", "--skip=check/qemu")


def lend_boot_loader(guest: Path, tools: Path, arch: str) -> None:
    """Put a foreign GRUB's modules beside this machine's own GRUB tools, which make an image of any platform's."""
    if arch != NATIVE:
        run(["cp", "-a", guest / GRUB / ARCHITECTURES[arch].grub, tools / GRUB])


def furnish(tree: Path, arch: str) -> None:
    """Change what holds for the other architectures only, in a tree that is furnished otherwise."""
    if arch == NATIVE:
        return
    with (tree / KDUMP_DEFAULTS).open("a") as defaults:
        defaults.write(NO_FILE_LOAD)
