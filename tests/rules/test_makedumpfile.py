# SPDX-License-Identifier: Apache-2.0
"""makedumpfile.py: the dump level of a core collector."""

from __future__ import annotations

import pytest

from orchestrator.rules.makedumpfile import level, level_of_collector

LEVELS: list[tuple[str, int | None]] = [
    ("-l --message-level 7 -d 31", 31),
    ("-F -c -d 31", 31),
    ("-d31 -c", 31),
    ("-lFd 17", 17),
    ("-c", 0),
    ("", 0),
    ("-d 11,31", 31),
    ("-d 1 -d 31", 31),
    ("-i d -c", 0),
    ("--dump-dmesg", 0),
    ("-d 32", None),
    ("-d x", None),
    ("-d", None),
    ("-d ٣", None),
    ("-d $LEVEL", None),
]


@pytest.mark.parametrize(("words", "expected"), LEVELS)
def test_level_of_the_arguments(words: str, expected: int | None) -> None:
    assert level(words) == expected


COLLECTORS: list[tuple[str, int | None]] = [
    ("makedumpfile -l --message-level 7 -d 31", 31),
    ("/usr/sbin/makedumpfile -d 1", 1),
    ("cp", 0),
    ("scp", 0),
    ("/usr/local/bin/save -d 31", None),
    ("", None),
]


@pytest.mark.parametrize(("command", "expected"), COLLECTORS)
def test_level_of_a_command(command: str, expected: int | None) -> None:
    assert level_of_collector(command) == expected
