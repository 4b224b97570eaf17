# SPDX-License-Identifier: Apache-2.0
"""kernel_image.py and kernel_names.py: what a header and a file name say of a kernel. vm-tests/ reads real kernels' headers."""

from __future__ import annotations

import pytest

from orchestrator.rules import kernel_image, kernel_names
from tests.kernelimage import bzimage, efi_program, image

MIB = 1 << 20

HEADERS: list[tuple[str, bytes, int | None, str]] = [
    ("x86", bzimage("6.12.1-cloud", 55 * MIB), 55 * MIB, "6.12.1-cloud"),
    ("x86 without a release", bzimage("", 55 * MIB), 55 * MIB, ""),
    ("x86 from before init_size", bzimage("2.6.30", 55 * MIB, version=0x0209), None, "2.6.30"),
    ("x86 with a size of 0", bzimage("6.12", 0), None, "6.12"),
    ("x86, a release without an end", bzimage("6.12", MIB)[:0x804], MIB, ""),
    ("arm64", image(b"ARM\x64", 40 * MIB), 40 * MIB, ""),
    ("riscv", image(b"RSC\x05", 30 * MIB), 30 * MIB, ""),
    ("an EFI zboot image", b"MZ\0\0zimg" + bytes(200), None, ""),
    ("ELF", b"\x7fELF" + bytes(200), None, ""),
    ("cut short", bzimage("6.12", MIB)[:0x203], None, ""),
    ("empty", b"", None, ""),
]


@pytest.mark.parametrize(("start", "memory", "release"), [row[1:] for row in HEADERS], ids=[row[0] for row in HEADERS])
def test_headers(start: bytes, memory: int | None, release: str) -> None:
    assert kernel_image.memory(start) == memory
    assert kernel_image.release(start) == release


SIGNATURES: list[tuple[str, bytes, bool | None]] = [
    ("signed", efi_program(1472), True),
    ("not signed", efi_program(0), False),
    ("no place for a signature", efi_program(1472, directories=4), False),
    ("no EFI stub", bzimage("6.12", MIB), None),
    ("no 64-bit program", efi_program(1472).replace(b"\x0b\x02", b"\x0b\x01"), None),
    ("arm64 without a stub", image(b"ARM\x64", MIB), None),
    ("cut short", efi_program(1472)[:0x82], None),
    ("empty", b"", None),
]


@pytest.mark.parametrize(("start", "expected"), [row[1:] for row in SIGNATURES], ids=[row[0] for row in SIGNATURES])
def test_is_signed(start: bytes, expected: bool | None) -> None:
    assert kernel_image.is_signed(start) is expected


NAMES = [
    ("/usr/lib/modules/6.12.1+deb13-amd64/vmlinuz", "6.12.1+deb13-amd64"),
    ("/usr/lib/modules/6.12.1/initramfs.img", "6.12.1"),
    ("/boot/vmlinuz-6.12.1", "6.12.1"),
    ("/var/lib/kdump/initrd.img-6.12.1+deb13-amd64", "6.12.1+deb13-amd64"),
    ("/boot/ostree/fedora-1/initramfs-7.2.5-200.fc44.x86_64kdump.img", "7.2.5-200.fc44.x86_64"),
    ("/boot/ostree/fedora-1/initramfs-7.2.5.img", "7.2.5"),
    ("/boot/initrd-6.4.0-150600-default-kdump", "6.4.0-150600-default"),
    ("/var/lib/kdump/initrd.img", ""),
    ("/var/lib/kdump/kernel", ""),
    ("/usr/lib/kdump/initramfs.img", ""),
    ("", ""),
]


@pytest.mark.parametrize(("path", "release"), NAMES)
def test_names(path: str, release: str) -> None:
    assert kernel_names.release(path) == release
