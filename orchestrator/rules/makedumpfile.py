# SPDX-License-Identifier: Apache-2.0
"""Which pages a core collector leaves out: the dump level of its command line (makedumpfile(8), -d)."""

from __future__ import annotations

PROGRAM = "makedumpfile"
ZERO, CACHE, PRIVATE_CACHE, USER, FREE = 1, 2, 4, 8, 16  # makedumpfile(8), "Base level"
EVERYTHING = 0  # what `-d` defaults to: all of the memory is written
HIGHEST = ZERO | CACHE | PRIVATE_CACHE | USER | FREE
DIGITS = 3  # more than a level has
COPIERS = frozenset(("cp", "dd", "cat", "scp"))  # kdump.conf(5), core_collector: "simply copy the vmcore file"
TAKES_A_WORD = "bdgix"  # makedumpfile.c main(): the short options with an argument


def level(words: str) -> int | None:
    """The dump level of makedumpfile's arguments; None where they do not tell.

    Of several levels (`-d 11,31`) the last one counts: it is the one that is tried when the disk is full.
    """
    found = str(EVERYTHING)
    todo = words.split()[::-1]
    while todo:
        word = todo.pop()
        if word[:1] != "-" or word[:2] == "--":
            continue
        at = next((at for at, letter in enumerate(word) if letter in TAKES_A_WORD), None)
        if at is None:
            continue
        value = word[at + 1 :] or (todo.pop() if todo else "")
        found = value if word[at] == "d" else found
    last = found.rpartition(",")[2]
    known = last.isascii() and last.isdecimal() and len(last) <= DIGITS and int(last) <= HIGHEST
    return int(last) if known else None


def level_of_collector(command: str) -> int | None:
    """The same for a whole command; None for a program that is not known."""
    program, _, words = command.strip().partition(" ")
    name = program.rpartition("/")[2]
    if name in COPIERS:
        return EVERYTHING
    return level(words) if name == PROGRAM else None
