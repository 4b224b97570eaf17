# SPDX-License-Identifier: Apache-2.0
"""arch.py: numbers that must agree with the kernel's headers."""

from __future__ import annotations

import pytest

from orchestrator.errors import Refusal
from orchestrator.rules import arch
from orchestrator.rules.arch import Window
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


@pytest.mark.parametrize(
    ("release", "expected"),
    [
        ("6.1.0-50-cloud-amd64", (6, 1)),
        ("7.2.12+deb14-cloud-arm64", (7, 2)),
        ("5.14.0-570.el9.x86_64", (5, 14)),
        ("6.12-rc1", (6, 12)),
        ("7", None),
        ("7.", None),
        ("v7.2", None),
        ("", None),
    ],
)
def test_version_of_a_release(release: str, expected: tuple[int, int] | None) -> None:
    assert arch.version(release) == expected


@pytest.mark.parametrize(
    ("name", "release", "old"),
    [
        ("x86_64", "6.1.0", True),
        ("x86_64", "5.14.0", True),
        ("x86_64", "6.6.9", True),
        ("x86_64", "6.7.0", False),
        ("aarch64", "6.1.176", True),
        ("aarch64", "6.2.0", False),
        ("riscv64", "6.6.0", True),
        ("riscv64", "6.12.117", False),
    ],
)
def test_the_release_picks_the_placement(name: str, release: str, old: bool) -> None:
    assert (arch.named(name, release).plain_windows != (Window.LOW, Window.HIGH)) is old


@pytest.mark.parametrize("name", arch.NAMES)
def test_an_unknown_release_counts_as_the_newest(name: str) -> None:
    assert arch.named(name) == arch.named(name, "unknown") == arch.named(name, "99.0")
    assert arch.named(name).grammar == arch.GRAMMAR
    assert arch.named(name).shows_low


@pytest.mark.parametrize(
    ("release", "cma", "lax", "below_memory", "shows_low"),
    [
        ("6.1.0", False, True, False, False),
        ("6.6.0", False, True, False, True),
        ("6.12.0", False, True, True, True),
        ("6.17.0", True, True, True, True),
        ("7.2.0", True, False, True, True),
    ],
)
def test_the_release_picks_the_parser(release: str, cma: bool, lax: bool, below_memory: bool, shows_low: bool) -> None:
    found = arch.named("aarch64", release)
    grammar = found.grammar
    assert (",cma" in grammar.suffixes, grammar.lax_numbers) == (cma, lax)
    assert (grammar.below_memory, found.shows_low) == (below_memory, shows_low)


def test_what_only_old_x86_64_does() -> None:
    assert arch.named("x86_64", "6.1.0").grammar.high_after_failure
    assert not arch.named("x86_64", "6.12.0").grammar.high_after_failure
    assert not arch.named("aarch64", "6.1.0").grammar.high_after_failure
