# SPDX-License-Identifier: Apache-2.0
"""What the header of a kernel image says of the kernel in it: the memory that it takes, its release, is it signed. Pure.

Sources: linux Documentation/arch/x86/boot.rst (The Real-Mode Kernel Header), Documentation/arch/arm64/booting.rst (section 4),
Documentation/arch/riscv/boot-image-header.rst; of the signature: Microsoft's PE format, Optional Header Data Directories. Not
read: an EFI zboot image, whose header only tells of the packed kernel, and ppc64le's ELF file.
"""

from __future__ import annotations

HEADER = 64 << 10  # bytes from the start of the file that hold all that is looked at: x86's setup has at most 64 sectors
SECTOR = 0x200
X86_MAGIC, X86_VERSION, X86_RELEASE, X86_INIT_SIZE = 0x202, 0x206, 0x20E, 0x260
INIT_SIZE_SINCE = 0x020A  # the version of the boot protocol
IMAGE_MAGIC, IMAGE_SIZE = 56, 16  # arm64 and riscv: the same layout
IMAGE_MAGICS = (b"ARM\x64", b"RSC\x05")
# Of a PE file, which a kernel with an EFI stub is: where its header is; from there on the directories of a 64-bit one.
PE_AT, PE, PE_64_AT, PE_64 = 0x3C, b"PE\0\0", 24, 0x20B
DIRECTORIES_AT, SIGNATURES_LENGTH_AT, SIGNATURES = 132, 172, 5  # how many, the fifth one's length, its number


def memory(start: bytes) -> int | None:
    """Bytes that the kernel takes from where it is loaded to the end of its bss; None where the header does not say.

    On x86 this is init_size, which also holds what the kernel needs to unpack itself. `start`: HEADER bytes of the file.
    """
    if _is_x86(start) and _number(start, X86_VERSION, 2) >= INIT_SIZE_SINCE:
        return _number(start, X86_INIT_SIZE, 4) or None
    if start[IMAGE_MAGIC : IMAGE_MAGIC + 4] in IMAGE_MAGICS:
        return _number(start, IMAGE_SIZE, 8) or None
    return None


def release(start: bytes) -> str:
    """The kernel's release as uname(2) will give it; "" where the header does not have it (only x86's does)."""
    offset = _number(start, X86_RELEASE, 2)
    if not _is_x86(start) or not offset:
        return ""
    text, end, _ = start[offset + SECTOR :].partition(b"\0")
    words = text.split() if end else []
    return words[0].decode("ascii", "replace") if words else ""


def is_signed(start: bytes) -> bool | None:
    """Is there a signature as Secure Boot wants it, whoever made it? None where the file is none that could have one."""
    header = _number(start, PE_AT, 4)
    if not start.startswith(b"MZ") or start[header : header + 4] != PE or _number(start, header + PE_64_AT, 2) != PE_64:
        return None
    return _number(start, header + DIRECTORIES_AT, 4) >= SIGNATURES and _number(start, header + SIGNATURES_LENGTH_AT, 4) > 0


def _is_x86(start: bytes) -> bool:
    """Is this x86's bzImage?"""
    return start[X86_MAGIC : X86_MAGIC + 4] == b"HdrS"


def _number(start: bytes, at: int, length: int) -> int:
    """A little-endian number."""
    return int.from_bytes(start[at : at + length], "little")
