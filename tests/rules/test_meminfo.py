# SPDX-License-Identifier: Apache-2.0
"""meminfo.py: the kernel's numbers in bytes."""

from __future__ import annotations

from pathlib import Path

from orchestrator.rules.meminfo import parse


def test_numbers_are_in_bytes_and_the_rest_is_left_out() -> None:
    text = "MemFree:        12 kB\nActive(anon):     1 kB\nHugePages_Total:    3\nx\nBad:   -1 kB\nOdd: ٣ kB\n\n: 1 kB"
    assert parse(text) == {"MemFree": 12288, "Active(anon)": 1024, "": 1024}


def test_this_kernel_has_what_the_estimate_needs() -> None:
    assert {"MemTotal", "MemFree", "Cached", "Buffers", "Shmem", "AnonPages"} <= set(parse(Path("/proc/meminfo").read_text()))
