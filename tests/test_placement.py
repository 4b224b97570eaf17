# SPDX-License-Identifier: Apache-2.0
"""placement.py: pieces of memory, windows, and what the kernel shows of it."""

from __future__ import annotations

import pytest

from orchestrator import arch
from orchestrator.arch import Window
from orchestrator.memory import Memory
from orchestrator.placement import Reservation, Request, crash_size, highest, place
from tests.sample import GIB, MIB

ARM = arch.named("aarch64")
SPANNING = Memory(((GIB, 9 * GIB),))  # as virtual aarch64 machines have it: one piece on both sides of 4 GiB


@pytest.mark.parametrize(
    ("size", "window", "base"),
    [
        (256 * MIB, Window.LOW, 4 * GIB - 256 * MIB),
        (256 * MIB, Window.HIGH, 9 * GIB - 256 * MIB),
        (256 * MIB, Window.ANY, 9 * GIB - 256 * MIB),
        (3 * GIB, Window.LOW, GIB),
        (3 * GIB + 1, Window.LOW, None),
        (5 * GIB, Window.HIGH, 4 * GIB),
        (5 * GIB + 1, Window.HIGH, None),
        (6 * GIB, Window.ANY, 3 * GIB),
        (8 * GIB + 1, Window.ANY, None),
    ],
)
def test_windows(size: int, window: Window, base: int | None) -> None:
    assert highest(SPANNING, size, ARM, window) == base


def test_a_base_below_the_limit_takes_no_low_part() -> None:
    old = arch.named("aarch64", "6.1")
    given = Request(6 * GIB, above=True, low=72 * MIB)
    assert place(given, SPANNING, old, 0) == Reservation(6 * GIB)
    assert place(Request(4 * GIB, above=True, low=72 * MIB), SPANNING, old, 0) == Reservation(4 * GIB, 72 * MIB)


def test_older_kernels_show_the_main_part_only() -> None:
    both = Reservation(256 * MIB, 128 * MIB)
    assert crash_size(both, ARM) == 384 * MIB
    assert crash_size(both, arch.named("aarch64", "6.1")) == 256 * MIB
