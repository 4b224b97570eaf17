# SPDX-License-Identifier: Apache-2.0
"""Kernel images that hold nothing but a header."""

from __future__ import annotations

from orchestrator.rules import kernel_image


def bzimage(release: str, memory: int, version: int = 0x020F) -> bytes:
    """x86's: a release text, and what the kernel takes (init_size)."""
    image = bytearray(0x1000)
    image[kernel_image.X86_MAGIC : kernel_image.X86_MAGIC + 4] = b"HdrS"
    image[kernel_image.X86_VERSION : kernel_image.X86_VERSION + 2] = version.to_bytes(2, "little")
    image[kernel_image.X86_INIT_SIZE : kernel_image.X86_INIT_SIZE + 4] = memory.to_bytes(4, "little")
    if release:
        text = f"{release} (build@host) #1 SMP".encode() + b"\0"
        image[kernel_image.X86_RELEASE : kernel_image.X86_RELEASE + 2] = (0x600).to_bytes(2, "little")
        image[0x800 : 0x800 + len(text)] = text
    return bytes(image)


def image(magic: bytes, memory: int) -> bytes:
    """arm64's and riscv's."""
    return b"MZ".ljust(16, b"\0") + memory.to_bytes(8, "little") + bytes(32) + magic + bytes(64)


def efi_program(signatures: int, directories: int = 16) -> bytes:
    """A kernel with an EFI stub, and that many bytes of signatures."""
    program = bytearray(0x400)
    header = 0x80
    program[:2] = b"MZ"
    program[kernel_image.PE_AT : kernel_image.PE_AT + 4] = header.to_bytes(4, "little")
    program[header : header + 4] = kernel_image.PE
    for offset, number in (
        (kernel_image.PE_64_AT, kernel_image.PE_64),
        (kernel_image.DIRECTORIES_AT, directories),
        (kernel_image.SIGNATURES_LENGTH_AT, signatures),
    ):
        program[header + offset : header + offset + 2] = number.to_bytes(2, "little")
    return bytes(program)
