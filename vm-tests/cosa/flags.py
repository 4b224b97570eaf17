# SPDX-License-Identifier: Apache-2.0
"""kola's flags as recorded in kola-flags.txt, for the tests: a command line is taken apart as kola would."""

from __future__ import annotations

from pathlib import Path

FLAGS = Path(__file__).with_name("kola-flags.txt")


def known(name: str) -> dict[str, str]:
    """The flags of a command of kola, long and short ones, and their kinds."""
    rows = [line.split() for line in FLAGS.read_text().splitlines() if not line.startswith("#")]
    ours = [(flag, letter, kind) for where, flag, letter, kind in rows if where in (name, "any")]
    return {f"--{flag}": kind for flag, _, kind in ours} | {f"-{letter}": kind for _, letter, kind in ours if letter != "-"}


def parsed(argv: list[str]) -> tuple[str, dict[str, str], list[str]]:
    """The command, its flags with values, and the words that are no flags, as pflag takes them apart; KeyError for an unknown flag."""
    name, words = argv[0], iter(argv[1:])
    flags, options, rest = known(name), dict[str, str](), list[str]()
    for word in words:
        if word == "--":
            rest += words
        elif word.startswith("-"):
            flag, equals, value = word.partition("=")
            takes = flags[flag] != "bool"
            options[flag] = value if equals else (next(words) if takes else "true")
        else:
            rest.append(word)
    return name, options, rest
