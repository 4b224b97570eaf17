# SPDX-License-Identifier: Apache-2.0
"""The headers of a dump that makedumpfile or the kernel's /proc/vmcore leaves: which kernel died, and is the dump whole?

Sources: makedumpfile 1.7.9 IMPLEMENTATION, diskdump_mod.h (struct disk_dump_header), makedumpfile.h (struct
makedumpfile_header, makedumpfile_data_header) and write_end_flat_header(); ELF: elf(5), linux kernel/vmcore_info.c. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum

Read = Callable[[int, int], bytes]  # (offset, length): bytes of the file, fewer at its end

KDUMP, FLAT, ELF = b"KDUMP   ", b"makedumpfile\0", b"\x7fELF"
FLAT_HEADER = 4096  # MAX_SIZE_MDF_HEADER
FLAT_RECORD = 16  # offset and size, both of 64 bits and big endian
FLAT_END = b"\xff" * FLAT_RECORD  # END_FLAG_FLAT_HEADER twice
FLAT_SEARCH = 64  # records: the main header is the first one, and no writer is known that puts it far behind
# Offsets and sizes in struct disk_dump_header, of 64-bit machines: the only ones for which it is read.
UTSNAME, UTSNAME_FIELD, RELEASE_FIELD, STATUS = 12, 65, 2, 424
HEADER = STATUS + 4
INCOMPLETE = 0x8  # DUMP_DH_COMPRESSED_INCOMPLETE
LARGEST_VERSION = 1 << 16  # header_version tells the order of the bytes: it is a small number
# Elf64_Ehdr and Elf64_Phdr.
ELF_HEADER, ELF_CLASS64, ELF_LITTLE, ELF_CORE, PT_NOTE, PHDR = 64, 2, b"\x01", 4, 4, 56
ELF_INCOMPLETE = 0x1  # DUMP_ELF_INCOMPLETE
PHNUM_ELSEWHERE = 0xFFFF  # PN_XNUM
LARGEST_NOTE = 1 << 20
OSRELEASE = b"OSRELEASE="


class Format(Enum):
    """How the dump is laid out."""

    COMPRESSED = "kdump-compressed"
    FLATTENED = "flattened"
    ELF = "ELF"


@dataclass(frozen=True)
class Header:
    """`release`: of the kernel that died. `complete`: neither the header nor the end of the file says otherwise."""

    format: Format
    release: str
    complete: bool


class NotADump(ValueError):
    """What stands there cannot be read as a dump; the message is half a sentence about the file."""


def parse(read: Read, size: int) -> Header:
    """The headers of a file of `size` bytes. A few small pieces are read, of the largest dump too. Raises NotADump."""
    start = read(0, FLAT_RECORD)
    if start.startswith(KDUMP):
        return _compressed(read(0, HEADER), Format.COMPRESSED, whole=True)
    if start.startswith(FLAT):
        return _flattened(read, size)
    if start.startswith(ELF):
        return _elf(read, size)
    raise NotADump("is empty" if not size else f"is no dump that is known here: it begins with {start[:8].hex(' ')}")


def _compressed(head: bytes, kind: Format, *, whole: bool) -> Header:
    """From the main header; `whole`: nothing else says that the dump was cut short."""
    if len(head) < HEADER:
        raise NotADump("ends within its header")
    little = int.from_bytes(head[8:12], "little") < LARGEST_VERSION
    start = UTSNAME + RELEASE_FIELD * UTSNAME_FIELD
    release = _text(head[start : start + UTSNAME_FIELD])
    status = _number(head, STATUS, 4, little)
    return Header(kind, release, whole and not status & INCOMPLETE)


def _flattened(read: Read, size: int) -> Header:
    """From the main header in the first records. Only a makedumpfile that came to its end has written the end record."""
    whole = size >= FLAT_HEADER + FLAT_RECORD and read(size - FLAT_RECORD, FLAT_RECORD) == FLAT_END
    for offset, place, length in _records(read):
        if offset == 0 and length:
            head = read(place, min(length, HEADER))
            if head.startswith(ELF):
                return Header(Format.FLATTENED, _flat_release(read), whole)
            if not head.startswith(KDUMP):
                raise NotADump("is flattened, and holds no dump that is known here")
            return _compressed(head, Format.FLATTENED, whole=whole)
    raise NotADump("is flattened, and its main header is not where it should be" if whole else "ends within its header")


def _records(read: Read) -> Iterator[tuple[int, int, int]]:
    """(offset in the dump, place in the file, length) of the first records."""
    at = FLAT_HEADER
    for _ in range(FLAT_SEARCH):
        record = read(at, FLAT_RECORD)
        if len(record) < FLAT_RECORD or record == FLAT_END:
            return
        offset, length = int.from_bytes(record[:8], "big"), int.from_bytes(record[8:], "big")
        yield offset, at + FLAT_RECORD, length
        at += FLAT_RECORD + length


def _flat_release(read: Read) -> str:
    """The release from the notes of a flattened ELF dump, which are among its first records."""
    for _, place, length in _records(read):
        found = _osrelease(read(place, min(length, LARGEST_NOTE)))
        if found:
            return found
    raise NotADump("is flattened, and its notes do not name the kernel")


def _elf(read: Read, size: int) -> Header:
    """From the program headers: the notes have VMCOREINFO, and no segment may lie behind the end of the file."""
    head = read(0, ELF_HEADER)
    little = head[5:6] == ELF_LITTLE
    if len(head) < ELF_HEADER or head[4] != ELF_CLASS64 or _number(head, 16, 2, little) != ELF_CORE:
        raise NotADump("is an ELF file, but no core dump of a 64-bit machine")
    table, count = _number(head, 32, 8, little), _number(head, 56, 2, little)
    if count == PHNUM_ELSEWHERE:
        raise NotADump("has more segments than are counted here")
    release, end = "", 0
    for index in range(count):
        header = read(table + index * PHDR, PHDR)
        place, length = _number(header, 8, 8, little), _number(header, 32, 8, little)
        end = max(end, place + length)
        if _number(header, 0, 4, little) == PT_NOTE and not release:
            release = _osrelease(read(place, min(length, LARGEST_NOTE)))
    if not release:
        raise NotADump("has no notes that name the kernel")
    return Header(Format.ELF, release, end <= size and not _number(head, 48, 4, little) & ELF_INCOMPLETE)


def _number(data: bytes, at: int, length: int, little: bool) -> int:
    """An unsigned number in a header."""
    return int.from_bytes(data[at : at + length], "little" if little else "big")


def _osrelease(notes: bytes) -> str:
    """The kernel's name in a VMCOREINFO note; "" where there is none."""
    _, found, rest = notes.partition(OSRELEASE)
    return _text(rest.partition(b"\n")[0]) if found else ""


def _text(field: bytes) -> str:
    """A C string."""
    return field.partition(b"\0")[0].decode("utf-8", "backslashreplace")
