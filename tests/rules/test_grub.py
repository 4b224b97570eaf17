# SPDX-License-Identifier: Apache-2.0
"""Entries stay off the lengths that GRUB 2.14 cannot read. vm-tests/test_grub.py asks GRUB itself."""

from __future__ import annotations

import pytest

from orchestrator.decide.plan import Replace
from orchestrator.planning import plan
from orchestrator.rules import bls, grub
from orchestrator.system.target import Target
from tests.conftest import Make
from tests.sample import CONF, ENTRY, OPTIONS

# Seen on a machine, the variable set to nothing: a path of 117 bytes and options of 212 bytes.
LINUX = "/" + "l" * 116
SEEN = "$ignition_firstboot " + "o" * 192
# Of many lengths, the same for the kernel.
STARTS = ("1G", "1024M", "1048576K", "1073741824")
SIZES = ("256M", "262144K", "268435456")
VALUES = [f"{start}-:{size}" for start in STARTS for size in SIZES]


@pytest.mark.parametrize(("more", "boots"), [(0, True), (1, False), (2, True), (8, True), (16, True), (17, False)])
def test_what_was_seen_on_a_machine(more: int, boots: bool) -> None:
    text = f"{SEEN} {'x' * more}"
    assert grub.overruns(text, LINUX, b"") is not boots


@pytest.mark.parametrize(
    ("options", "linux", "value", "overruns"),
    [
        # "linux /k a...\n" and its NUL: 10 bytes around the options, 9 of them counted
        ("a" * 6, "/k", None, True),
        ("a" * 7, "/k", None, False),
        ("a" * 5, "/k", None, False),
        ("a" * 22, "/k", None, True),
        # bytes, not characters
        ("é" * 3, "/k", None, True),
        # not set: the variable and one blank behind it are gone
        ("aa $ignition_firstboot bbb", "/k", None, True),
        ("aa $ignition_firstboot  bb", "/k", None, True),
        ("aa $other bbb", "/k", b"", True),
        # set to nothing: a blank stands there, and 15 bytes before it fill the block
        ("aa $ignition_firstboot bb", "/k", b"", True),
        ("a" * 14 + " $ignition_firstboot " + "b" * 9, "/k", b"", True),
        ("a" * 15 + " $ignition_firstboot " + "b" * 9, "/k", b"", False),
        ("a" * 11 + " $ignition_firstboot b", "/k", b"ign", True),
    ],
)
def test_the_rule(options: str, linux: str, value: bytes | None, overruns: bool) -> None:
    assert grub.overruns(options, linux, value) is overruns


@pytest.mark.parametrize("front", ["quiet", "quiet ro", ""])
@pytest.mark.parametrize("middle", ["$ignition_firstboot", "", "$ignition_firstboot $tuned", "x=$y"])
def test_every_length_comes_out_readable(front: str, middle: str) -> None:
    """And nothing but the number of blanks in one place changes."""
    for length in range(1, 40):
        before = " ".join(part for part in (front, middle, "crashkernel=" + "1" * length) if part)
        after = grub.off_bad_lengths(before, LINUX)
        assert grub.is_read_whole(after, LINUX)
        assert after.split() == before.split()
        assert 0 <= len(after) - len(before) <= 6
        assert grub.off_bad_lengths(after, LINUX) == after


def test_the_blanks_stand_before_the_variable_or_else_at_the_end() -> None:
    assert grub.off_bad_lengths("aa $ignition_firstboot bb", "/k") == "aa   $ignition_firstboot bb"
    assert grub.off_bad_lengths("aa b=$c b", "/k") == "aa  b=$c b"
    assert grub.off_bad_lengths("aaaaaa", "/k") == "aaaaaa "
    assert grub.off_bad_lengths("$ignition_firstboot aaaaaa", "/k") == "$ignition_firstboot aaaaaa "


def test_a_plan_lands_on_no_bad_length(make: Make) -> None:
    """Whatever the length of the value: the text in between and the final one, with every other word where it was."""
    lengths = {len(value) % grub.BLOCK for value in VALUES}
    assert len(lengths) >= 8
    padded = 0
    for value in VALUES:
        sample = make(extra={CONF: f"crashkernel={value}\n"})
        steps = plan(Target(str(sample.root), live=False)).steps
        linux = bls.first_value(sample.text(ENTRY), "linux")
        texts = [bls.options(step.new, "entry").text for step in steps if isinstance(step, Replace)]
        assert len(texts) == 2
        for text in texts:
            assert grub.is_read_whole(text, linux)
        assert texts[1].split() == [*OPTIONS.split(), f"crashkernel={value}"]
        padded += "  " in texts[1]
    assert padded >= 2
