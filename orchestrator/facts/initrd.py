# SPDX-License-Identifier: Apache-2.0
"""How much memory an initramfs takes once the kernel has unpacked it, read from headers and trailers: nothing is decompressed.

An initramfs is any number of cpio archives one after the other, of which the last may be compressed (linux
Documentation/driver-api/early-userspace/buffer-format.rst). All sizes are in bytes.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass

from orchestrator.errors import Refusal
from orchestrator.system import tree

PAGE = 4096
ZEROS = 1 << 20  # looked at in one go: a file that was cut short and grown again is zeros to its end
CPIO = (b"070701", b"070702")
CPIO_HEADER = 110
CPIO_END = b"TRAILER!!!"
GZIP, XZ, ZSTD, LZ4 = b"\x1f\x8b", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"\x02\x21\x4c\x18"
# Where the format does not say: both initramfs images of the test machine unpack to 2.7 and 3.2 times their size by zstd -15.
FACTOR = 4
ZSTD_BLOCK = 128 << 10  # RFC 8878 3.1.1.2.4: no block becomes larger
LZ4_BLOCK = 8 << 20  # lz4's legacy frame, the one that the kernel reads: no block becomes larger
ENTRIES = 1 << 16  # more files or blocks than any initramfs has are not counted
INDEX = 1 << 20  # nor an index read that is larger than any
LARGEST = 4 << 30  # of the whole file; no boot loader loads more


@dataclass(frozen=True)
class Initrd:
    """`stored`: the file. `unpacked`: what it becomes in memory; `exact` where the file says so, else an upper estimate."""

    stored: int
    unpacked: int
    exact: bool = True


def read(root: str, path: str) -> Initrd | None:
    """The sizes of the initramfs `path` below `root`; None where there is no such regular file or it cannot be read."""
    try:
        file = os.open(tree.resolve(root, path), tree.READ)
    except (OSError, Refusal):
        return None
    try:
        status = os.fstat(file)
        return measure(file, status.st_size) if stat.S_ISREG(status.st_mode) and status.st_size <= LARGEST else None
    except OSError:
        return None
    finally:
        os.close(file)


def measure(file: int, size: int) -> Initrd:
    """The sizes of an open file of that size. Never fails on what is in it: what it cannot read it estimates."""
    at = unpacked = 0
    while at < size:
        start = os.pread(file, 6, at)
        if start[:1] == b"\0":
            at = _after_zeros(file, at, size)
        elif start in CPIO:
            at, content = _cpio(file, at, size)
            unpacked += content
        else:
            content, exact = _compressed(file, at, size, start)
            return Initrd(size, unpacked + max(content, size - at), exact)
    return Initrd(size, unpacked)


def _after_zeros(file: int, at: int, size: int) -> int:
    """The place of the next byte that is not zero."""
    while at < size:
        piece = os.pread(file, ZEROS, at)
        left = len(piece.lstrip(b"\0"))
        if left or not piece:
            return at + len(piece) - left if piece else size
        at += len(piece)
    return at


def _cpio(file: int, at: int, size: int) -> tuple[int, int]:
    """The end of the archive at `at`, and the pages that its files fill. A broken one reaches to the end of the file."""
    pages = 0
    start = at
    for _ in range(ENTRIES):
        header = os.pread(file, CPIO_HEADER, at)
        try:
            length, name_length = int(header[54:62], 16), int(header[94:102], 16)
        except ValueError:
            break
        if header[:6] not in CPIO:
            break
        name = os.pread(file, len(CPIO_END), at + CPIO_HEADER)
        at = -(-(at + CPIO_HEADER + name_length) // 4) * 4
        at = -(-(at + length) // 4) * 4
        if name == CPIO_END:
            return at, pages
        pages += -(-length // PAGE) * PAGE
    return size, max(pages, size - start)


def _compressed(file: int, at: int, size: int, magic: bytes) -> tuple[int, bool]:
    """What the compressed rest of the file becomes, and whether that is exact."""
    found = None
    if magic.startswith(GZIP):
        found = _gzip(file, at, size)
    elif magic.startswith(XZ):
        found = _xz(file, at, size)
    elif magic.startswith(ZSTD):
        found = _zstd_header(file, at)
    if found is not None:
        return found, True
    if magic.startswith(ZSTD):
        return _zstd_blocks(file, at, size), False
    if magic.startswith(LZ4):
        return _lz4(file, at, size), False
    return FACTOR * (size - at), False


def _gzip(file: int, at: int, size: int) -> int | None:
    """ISIZE, the last four bytes (RFC 1952); None where it is too small to be true, as with several members."""
    found = int.from_bytes(os.pread(file, 4, max(size - 4, at)), "little")
    return found if found >= size - at else None


def _xz(file: int, at: int, size: int) -> int | None:
    """The sum of the sizes in the index, which the footer points to (xz-file-format 2.1.2 and 4)."""
    if size - at < 24:
        return None
    footer = os.pread(file, 12, size - 12)
    length = (int.from_bytes(footer[4:8], "little") + 1) * 4
    if footer[10:] != b"YZ" or length > min(INDEX, size - at - 12):
        return None
    index = os.pread(file, length, size - 12 - length)
    count, place = _xz_number(index, 1)
    total = 0
    for _ in range(min(count, length)):
        _, place = _xz_number(index, place)
        content, place = _xz_number(index, place)
        total += content
    return total if place <= length and index[:1] == b"\0" else None


def _xz_number(index: bytes, at: int) -> tuple[int, int]:
    """A number of seven bits a byte, lowest first, and the place after it (xz-file-format 1.2)."""
    number = 0
    for count, byte in enumerate(index[at : at + 9]):
        number |= (byte & 0x7F) << (7 * count)
        if not byte & 0x80:
            return number, at + count + 1
    return 0, len(index) + 1


def _zstd_fields(file: int, at: int) -> tuple[int, int, int]:
    """Of a frame header (RFC 8878 3.1.1.1): where the content size stands, its bytes (0 for none), where the blocks begin."""
    descriptor = os.pread(file, 1, at + 4)[0]
    single = bool(descriptor & 0x20)
    place = at + 5 + (not single) + (0, 1, 2, 4)[descriptor & 3]
    length = (int(single), 2, 4, 8)[descriptor >> 6]
    return place, length, place + length


def _zstd_header(file: int, at: int) -> int | None:
    """The frame's content size; None where zstd was fed by a pipe and did not know it."""
    if len(os.pread(file, 5, at)) < 5:
        return None
    place, length, _ = _zstd_fields(file, at)
    content = int.from_bytes(os.pread(file, length, place), "little") + (256 if length == 2 else 0)
    return content if length else None


def _zstd_blocks(file: int, at: int, size: int) -> int:
    """An upper estimate from the frame's blocks: stored ones say their size, a compressed one is at most a full one."""
    if size - at < 5:
        return 0
    start, total = at, 0
    _, _, at = _zstd_fields(file, at)
    for _ in range(ENTRIES):
        header = int.from_bytes(os.pread(file, 3, at), "little")
        last, kind, length = header & 1, header >> 1 & 3, header >> 3
        total += min(FACTOR * length, ZSTD_BLOCK) if kind == 2 else length
        at += 3 + (1 if kind == 1 else length)
        if last or at >= size:
            return total
    return FACTOR * (size - start)


def _lz4(file: int, at: int, size: int) -> int:
    """An upper estimate from the blocks of a legacy frame: each has its stored size in front, and all but the last are full."""
    total = 0
    at += 4
    for _ in range(ENTRIES):
        length = int.from_bytes(os.pread(file, 4, at), "little")
        if at >= size or not length or length > size - at:
            break
        total += min(255 * length, LZ4_BLOCK)  # no lz4 sequence grows by more
        at += 4 + length
    return total
