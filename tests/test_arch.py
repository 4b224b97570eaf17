# SPDX-License-Identifier: Apache-2.0
"""arch.py: numbers that must agree with the kernel's headers."""

from __future__ import annotations

import pytest

from orchestrator import arch
from orchestrator.errors import Refusal
from tests.sample import GIB, MIB


@pytest.mark.parametrize(
    ("name", "size", "align", "limit", "low"),
    [("x86_64", 2048, 16 * MIB, 4 * GIB, 256 * MIB), ("aarch64", 2048, 2 * MIB, 4 * GIB, 128 * MIB)],
)
def test_numbers(name: str, size: int, align: int, limit: int, low: int) -> None:
    found = arch.named(name)
    assert (found.command_line_size, found.align, found.low_limit, found.default_low) == (size, align, limit, low)
    assert found.high_low


def test_unknown_is_refused() -> None:
    with pytest.raises(Refusal, match="^the architecture vax is not known; known are x86_64, aarch64"):
        arch.named("vax")
