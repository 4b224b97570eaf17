# SPDX-License-Identifier: Apache-2.0
"""The kernel command line as its readers see it. Text in, text out: nothing here touches a file."""

from __future__ import annotations

from dataclasses import dataclass

KEY = "crashkernel="
SUFFIXES = (",high", ",low", ",cma")


@dataclass(frozen=True)
class Word:
    """`text` stands at [start, end) of the line it was taken from."""

    start: int
    end: int
    text: str


def words(line: str) -> tuple[Word, ...]:
    """The words of a line, split at blanks outside double quotes as next_arg() does (linux lib/cmdline.c)."""
    found = []
    start: int | None = None
    quoted = False
    for at, char in enumerate(line):
        if char == '"':
            quoted = not quoted
        if not quoted and char in " \t":
            if start is not None:
                found.append(Word(start, at, line[start:at]))
            start = None
        elif start is None:
            start = at
    if start is not None:
        found.append(Word(start, len(line), line[start:]))
    return tuple(found)


def value(line: str, key: str) -> str | None:
    """The value of the last `key=value` word, "" for a bare `key`, None where there is neither."""
    if key not in line:  # most are not, and a line is asked for many
        return None
    found = None
    for word in words(line):
        name, _, text = word.text.partition("=")
        if name == key:
            found = text
    return found


def ostree_target(line: str) -> str | None:
    """The value of the FIRST `ostree=` word, blanks only: otcore_find_proc_cmdline_key() knows no quotes."""
    for word in line.split():
        if word.startswith("ostree="):
            return word[len("ostree=") :]
    return None


def crashkernel_values(line: str) -> tuple[str, ...]:
    """Every value the kernel may take for crashkernel=, in order.

    get_last_crashkernel() (linux kernel/crash_reserve.c) uses strstr(), so it also finds the key inside quotes, after
    `--` and at the end of another key, and ends a value at a blank only. Of several keys before one blank only the last
    counts: their values end alike, and the last of a kind wins.
    """
    found = []
    at = line.find(KEY)
    while at >= 0:
        end = line.find(" ", at)
        end = end if end >= 0 else len(line)
        found.append(line[line.rfind(KEY, at, end) + len(KEY) : end])
        at = line.find(KEY, end)
    return tuple(found)


def is_plain(text: str) -> bool:
    """Is this value free of a suffix, so that it decides alone?"""
    return not text.endswith(SUFFIXES)


def in_force(values: tuple[str, ...]) -> str | None:
    """The value that decides the main reservation: the last plain one, else the last `,high`; None without either."""
    plain = [text for text in values if is_plain(text)]
    candidates = plain or [text for text in values if text.endswith(",high")]
    return candidates[-1] if candidates else None
