# SPDX-License-Identifier: Apache-2.0
"""dump_size.py: how large a dump may become."""

from __future__ import annotations

import pytest

from orchestrator.decide.dump_size import BESIDE, largest
from orchestrator.facts.memory_use import Usage

MIB = 1 << 20
MEMINFO = {
    "MemFree": 1000 * MIB,
    "Buffers": 10 * MIB,
    "Cached": 200 * MIB,
    "Shmem": 50 * MIB,
    "AnonPages": 300 * MIB,
    "Hugetlb": 64 * MIB,
    "SwapCached": 7 * MIB,
    "SReclaimable": 30 * MIB,
}
USAGE = Usage(2048 * MIB, 192 * MIB, MEMINFO)
ALL = 2048 - 192
LEVELS: list[tuple[str, int, int]] = [
    ("nothing is left out", 0, ALL),
    ("zeros are not counted", 1, ALL),
    ("of the cache without buffers only shared memory is certain", 2, ALL - 50),
    ("all of the cache", 4, ALL - 210),
    ("all of the cache, as the lower bit adds nothing", 6, ALL - 210),
    ("user data and huge pages", 8, ALL - 364),
    ("free pages", 16, ALL - 1000),
    ("everything but what the kernel uses", 31, ALL - 1574),
]


@pytest.mark.parametrize(("level", "mib"), [row[1:] for row in LEVELS], ids=[row[0] for row in LEVELS])
def test_level(level: int, mib: int) -> None:
    saved = mib * MIB
    assert largest(USAGE, level) == saved + saved // 128 + 2048 * MIB // 16384 + BESIDE


def test_numbers_that_do_not_fit_together_give_no_negative_size() -> None:
    assert largest(Usage(MIB, 0, {"MemFree": 2 * MIB}), 31) == 64 + BESIDE


def test_a_kernel_that_says_little_gives_the_largest_bound() -> None:
    assert largest(Usage(MIB, 0, {"MemTotal": MIB}), 31) == MIB + MIB // 128 + 64 + BESIDE
