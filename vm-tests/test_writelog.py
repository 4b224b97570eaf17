# SPDX-License-Identifier: Apache-2.0
"""writelog.py, boot_outcome.py and grubview.py, where no machine is needed."""

from __future__ import annotations

import struct

import pytest
from image.partitions import SECTOR, Partition
from power_cut import writelog
from power_cut.boot_outcome import BootOutcome, Texts, boot_outcome
from power_cut.grubview import STAMP, View, sectors_read
from power_cut.writelog import ENTRY, FLUSH, FUA, MAGIC, SUPERBLOCK, Cut, Flush, Write, WriteLogError

PARTITION = Partition(1, "boot", 8 * SECTOR, 8 * SECTOR)


def log(*entries: tuple[int, bytes, int]) -> bytes:
    """A log of (sector, data, flags)."""
    found = SUPERBLOCK.pack(MAGIC, 1, 0, SECTOR).ljust(SECTOR, b"\0")
    for sector, data, flags in entries:
        found += ENTRY.pack(sector, len(data) // SECTOR, flags, 0).ljust(SECTOR, b"\0") + data
    return found


def block(letter: str, count: int = 1) -> bytes:
    """Sectors full of one letter."""
    return letter.encode() * SECTOR * count


A, B, C, D = (Write((8 + place) * SECTOR, block(letter)) for place, letter in enumerate("ABCD"))
OUTSIDE = Write(0, block("x"))


def test_a_log_is_read() -> None:
    entries = writelog.parse(log((8, block("A"), 0), (0, b"", FLUSH), (9, block("B"), FUA)))
    assert entries == (A, Flush(), B)


def test_a_flush_with_data_comes_before_its_data() -> None:
    assert writelog.parse(log((8, block("A"), FLUSH))) == (Flush(), A)


def test_an_entry_that_is_cut_off_is_left_out() -> None:
    assert writelog.parse(log((8, block("A"), 0), (9, block("B"), 0))[:-1]) == (A,)


@pytest.mark.parametrize("data", [b"\0" * SECTOR, log((8, b"", writelog.DISCARD)), struct.pack("<QQQI", MAGIC, 2, 0, 512)])
def test_what_is_not_understood_is_refused(data: bytes) -> None:
    with pytest.raises(WriteLogError):
        writelog.parse(data)


def test_every_subset_between_two_flushes() -> None:
    found = list(writelog.cuts((A, B, Flush(), C, Flush()), PARTITION))
    assert [cut.writes for cut in found] == [(), (0,), (1,), (0, 1), (0, 1), (0, 1, 2)]


def test_cuts_begin_with_the_epoch_of_the_first_write_and_end_before_the_last() -> None:
    entries = (A, B, Flush(), C, Flush(), D)
    assert [cut.writes for cut in writelog.cuts(entries, PARTITION, start=1, stop=2)] == [(), (0,), (1,), (0, 1)]
    assert [cut.writes for cut in writelog.cuts(entries, PARTITION, start=3)] == [(0, 1, 2), (0, 1, 2, 3)]


def test_other_partitions_are_at_the_same_moment() -> None:
    """No subsets of them: what was written before the last write that is kept."""
    assert [cut.kept for cut in writelog.cuts((OUTSIDE, A, OUTSIDE, B), PARTITION)] == [(), (0, 1), (0, 2, 3), (0, 1, 2, 3)]


def test_many_writes_give_every_prefix_and_a_seeded_choice() -> None:
    numbers = tuple(range(13))
    found = list(writelog.subsets(numbers, seed=1))
    assert len(found) == 14 + writelog.MOST_SUBSETS and found == list(writelog.subsets(numbers, seed=1))
    assert {numbers[:length] for length in range(14)} <= set(found) and len(set(found)) > 3000
    assert found != list(writelog.subsets(numbers, seed=2))


def test_a_write_over_the_edge_of_a_partition() -> None:
    write = Write(7 * SECTOR, block("x", 10))
    assert [sector for sector, _ in writelog.sectors(write, PARTITION)] == list(range(8))
    assert writelog.within(write, PARTITION) and not writelog.within(OUTSIDE, PARTITION)
    assert Cut(2, (3, 5)).writes == (0, 1, 3, 5)


TRACE = """\
openat(AT_FDCWD, "/lib/libc.so.6", O_RDONLY|O_CLOEXEC) = 3
read(3, "..."..., 832) = 832
openat(AT_FDCWD, "/disk.img", O_RDONLY|O_CLOEXEC) = 3
lseek(3, 1024, SEEK_SET)                = 1024
read(3, "\\"x\\" = 7"..., 1024)          = 1024
read(3, "y"..., 4096)                   = 100
openat(AT_FDCWD, "/other", O_RDONLY) = 3
read(3, "z"..., 4096)                   = 4096
"""


def test_sectors_that_were_read() -> None:
    assert sectors_read(TRACE, "/disk.img") == {2, 3, 4}


OLD, NEW = "options $ignition_firstboot old\n", "options $ignition_firstboot new\n"
INTERIM = "options new\n"
CASES = [
    (OLD, True, BootOutcome.OLD),
    (OLD, False, BootOutcome.LOST),
    (NEW, True, BootOutcome.REPEATED),
    (NEW, False, BootOutcome.NEW),
    (INTERIM, True, BootOutcome.NEW),
    ("", True, BootOutcome.UNBOOTABLE),
    (NEW[:20], False, BootOutcome.UNBOOTABLE),
    ("ERROR bad extent\n", False, BootOutcome.UNBOOTABLE),
]


@pytest.mark.parametrize(("text", "stamp", "expected"), CASES)
def test_boot_outcome(text: str, stamp: bool, expected: BootOutcome) -> None:
    view = View((STAMP,) if stamp else (), ("ostree-1.conf",), (("ostree-1.conf", text),), (("/vmlinuz", "1 bytes\n"),))
    assert boot_outcome(view, Texts(OLD, (INTERIM, NEW))) is expected


def test_no_entry_or_a_damaged_kernel_does_not_boot() -> None:
    good = (("ostree-1.conf", NEW),)
    texts = Texts(OLD, (NEW,))
    assert boot_outcome(View((), (), (), ()), texts) is BootOutcome.UNBOOTABLE
    assert boot_outcome(View((), ("ostree-1.conf",), good, (("/vmlinuz", "ERROR missing"),)), texts) is BootOutcome.UNBOOTABLE
