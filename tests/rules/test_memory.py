# SPDX-License-Identifier: Apache-2.0
"""memory.py: /proc/iomem."""

from __future__ import annotations

import pytest

from orchestrator.errors import Refusal
from orchestrator.rules import memory
from tests.sample import GIB, IOMEM_8G, iomem


def test_system_ram_of_the_left_margin_counts() -> None:
    found = memory.parse(IOMEM_8G)
    assert found.ranges == ((0x1000, 0x9FC00), (0x100000, 0xBFFE0000), (4 * GIB, 9 * GIB))
    assert found.total == 0x9EC00 + 0xBFEE0000 + 5 * GIB


def test_the_samples_own_format() -> None:
    assert memory.parse(iomem((0, GIB))).total == GIB


BAD = [
    ("empty", "", "lists no System RAM"),
    ("none", "00000000-00000fff : Reserved\n", "lists no System RAM"),
    ("only indented", "  00000000-3fffffff : System RAM\n", "lists no System RAM"),
    ("another name", "00000000-3fffffff : System RAM (kmem)\n", "lists no System RAM"),
    ("hidden", "00000000-00000000 : System RAM\n" * 3, "hides its addresses from this user; run as root"),
    ("not a range", "0000-zzzz : System RAM\n", "'0000-zzzz : System RAM' is not an address range"),
    ("no end", "0000 : System RAM\n", "is not an address range"),
]


@pytest.mark.parametrize(("text", "message"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_bad_is_refused(text: str, message: str) -> None:
    with pytest.raises(Refusal) as caught:
        memory.parse(text)
    assert str(caught.value).startswith("/proc/iomem")
    assert message in str(caught.value)
