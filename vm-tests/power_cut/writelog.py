# SPDX-License-Identifier: Apache-2.0
"""The block writes that QEMU's blklogwrites driver recorded, and the disks that a power cut could leave of them.

The format is that of Linux' dm-log-writes (drivers/md/dm-log-writes.c): a sector with the magic, the version, the number of
entries and the sector size; then per entry a sector with sector, count, flags and data length, and the data behind it.
Writes are recorded in the order in which the guest sent them.
"""

from __future__ import annotations

import itertools
import os
import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from image.partitions import SECTOR, Partition

MAGIC = 0x6A736677736872
SUPERBLOCK = struct.Struct("<QQQI")
ENTRY = struct.Struct("<QQQQ")
FLUSH, FUA, DISCARD = 1, 2, 4

#: Of this many unflushed writes or fewer, every subset is tried; of more, that many subsets at random.
MOST_SUBSETS = 4096


class WriteLogError(ValueError):
    """The file is no log of writes, or has entries that are not understood here."""


@dataclass(frozen=True)
class Write:
    """One write: where on the disk in bytes, and what."""

    offset: int
    data: bytes


@dataclass(frozen=True)
class Flush:
    """What was written before is on the disk from here on."""


Entry = Write | Flush


@dataclass(frozen=True)
class Cut:
    """A disk that a power cut can leave: writes applied over the disk as it was at power-on, by their number in the log, in order.

    `flushed`: all before this one are on the disk. `kept`: which ones behind it are as well.
    """

    flushed: int
    kept: tuple[int, ...]

    @property
    def writes(self) -> tuple[int, ...]:
        """The numbers of all writes that are on the disk."""
        return (*range(self.flushed), *self.kept)

    def has_all_before(self, number: int) -> bool:
        """Is every write before this one on the disk?"""
        return set(range(self.flushed, number)) <= set(self.kept)


def read(path: Path, size: int | None = None) -> tuple[Entry, ...]:
    """The entries of a log file, or of its first `size` bytes. The superblock's own count may be behind."""
    with path.open("rb") as file:
        return parse(file.read() if size is None else file.read(size))


def parse(log: bytes) -> tuple[Entry, ...]:
    """The entries of a log. A last one that is cut off in the middle is left out."""
    magic, version, _, sector = SUPERBLOCK.unpack_from(log)
    if (magic, version) != (MAGIC, 1):
        raise WriteLogError("no log of blklogwrites")
    found: list[Entry] = []
    position = sector
    while position + sector <= len(log):
        start, count, flags, _ = ENTRY.unpack_from(log, position)
        position += sector
        if flags & DISCARD:
            raise WriteLogError("a discard: what the disk reads back after it is not known")
        if flags & FLUSH:
            found.append(Flush())
        if count:
            data = log[position : position + count * sector]
            position += count * sector
            if position <= len(log):
                found.append(Write(start * sector, data))
    return tuple(found)


def writes(entries: tuple[Entry, ...]) -> tuple[Write, ...]:
    """Only the writes; their place in the result is their number."""
    return tuple(entry for entry in entries if isinstance(entry, Write))


def epochs(entries: tuple[Entry, ...]) -> tuple[range, ...]:
    """The numbers of the writes between two flushes, for all of the log. A write forced through (FUA) counts as any other:
    that makes more cuts, not fewer."""
    found, first, number = [], 0, 0
    for entry in (*entries, Flush()):
        if isinstance(entry, Write):
            number += 1
        elif number > first:
            found.append(range(first, number))
            first = number
    return tuple(found)


def within(write: Write, partition: Partition) -> bool:
    """Does the write touch the partition?"""
    return write.offset < partition.start + partition.size and write.offset + len(write.data) > partition.start


def flushed_elsewhere(entries: tuple[Entry, ...], partition: Partition, cut: Cut) -> Cut:
    """The same cut of one partition, and nothing on the others but what had been flushed."""
    every = writes(entries)
    return Cut(cut.flushed, tuple(number for number in cut.kept if within(every[number], partition)))


def subsets(numbers: tuple[int, ...], seed: int) -> Iterator[tuple[int, ...]]:
    """Every subset where there are no more than MOST_SUBSETS; else every prefix and as many random ones as it takes."""
    if 1 << len(numbers) <= MOST_SUBSETS:
        for length in range(len(numbers) + 1):
            yield from itertools.combinations(numbers, length)
        return
    yield from (numbers[:length] for length in range(len(numbers) + 1))
    chance = random.Random(f"{seed} {numbers}")
    for _ in range(MOST_SUBSETS):
        bits = chance.getrandbits(len(numbers))
        yield tuple(number for place, number in enumerate(numbers) if bits >> place & 1)


def cuts(entries: tuple[Entry, ...], partition: Partition, start: int = 0, stop: int | None = None, seed: int = 1) -> Iterator[Cut]:
    """Every power cut from write number `start` on and before `stop`, as far as one partition can tell them apart.

    What other partitions hold is that of the same moment: all that was written before the last write that is kept.
    """
    every = writes(entries)
    for epoch in epochs(entries):
        if epoch.stop <= start or (stop is not None and epoch.start >= stop):
            continue
        ours = tuple(number for number in epoch if within(every[number], partition))
        for kept in subsets(ours, seed):
            last = kept[-1] if kept else epoch.start
            others = (number for number in range(epoch.start, last) if number not in ours)
            yield Cut(epoch.start, tuple(sorted((*kept, *others))))


def sectors(write: Write, partition: Partition) -> Iterator[tuple[int, bytes]]:
    """The sectors of the partition that a write fills: number within the partition, contents."""
    for offset in range(0, len(write.data), SECTOR):
        place = write.offset + offset - partition.start
        if 0 <= place < partition.size:
            yield place // SECTOR, write.data[offset : offset + SECTOR]


def put(write: Write, file: int, partition: Partition) -> None:
    """Carry a write out on a file that is a copy of the partition; what lies outside is dropped."""
    first = max(partition.start - write.offset, 0)
    last = min(partition.start + partition.size - write.offset, len(write.data))
    if first < last:
        os.pwrite(file, write.data[first:last], write.offset + first - partition.start)
