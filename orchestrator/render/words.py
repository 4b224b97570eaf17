# SPDX-License-Identifier: Apache-2.0
"""The words of a request, as options of the command line and as `key = value` lines of a file. What they mean: request.py.

No message repeats what it does not know: it may be a key that was pasted in the wrong place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator.errors import Refusal, UsageError

FROM = "from"
# Every word and what follows it, as the help shows it.
WORDS = {
    "crashkernel": "SIZE",
    "path": "DIR",
    "ssh": "USER@HOST[:DIR]",
    "key": "FILE",
    "known-hosts": "FILE",
    "nfs": "HOST:/EXPORT",
    "raw": "DEVICE",
    "core-collector": "COMMAND",
    "failure-action": "ACTION",
    "distribution": "NAME",
    "format": "FORMAT",
    "role": "ROLE",
    "name": "NAME",
}
OPTIONS = (FROM, *WORDS)
LONGEST = 1024  # characters of a value
LONGEST_SHOWN = 30


@dataclass(frozen=True)
class Given:
    """A value, where it was given, and the directory from which it names files."""

    value: str
    where: str
    directory: str = ""

    def __repr__(self) -> str:
        """Without the value."""
        return f"Given({self.where})"


def of_options(argv: Sequence[str]) -> dict[str, Given]:
    """The words of a command line, `from` among them. UsageError for anything else."""
    found: dict[str, Given] = {}
    todo = iter(argv)
    for option in todo:
        name, equals, value = option.partition("=")
        word = name.removeprefix("--")
        if not name.startswith("--") or word not in OPTIONS:
            raise UsageError(f"render does not know {_shown(name)}; see kdump-karg --help")
        if word in found:
            raise UsageError(f"render takes {name} once")
        given = value if equals else next(todo, "")
        if not given or (not equals and given.startswith("--") and given[2:3] != "-"):
            raise UsageError(f"{name} needs a value, {name} {WORDS.get(word, 'FILE')}")
        found[word] = Given(given, name)
    return found


def of_text(text: str, path: str, directory: str = "") -> dict[str, Given]:
    """The words of a file, one `key = value` a line; `#` begins a comment. Refusal for anything else, with its line."""
    found: dict[str, Given] = {}
    for number, raw in enumerate(text.split("\n"), start=1):
        line = raw.strip(" \t")
        if not line or line.startswith("#"):
            continue
        where = f"{path}:{number}"
        name, equals, value = line.partition("=")
        word = name.rstrip(" \t")
        if not equals:
            raise Refusal(f"{where} is not a line of key = value; known keys are {', '.join(WORDS)}")
        if word not in WORDS:
            raise Refusal(f"{where}: unknown key {_shown(word)}; known keys are {', '.join(WORDS)}")
        if word in found:
            raise Refusal(f"{where}: {word} is given for the second time; take one of the two out")
        found[word] = Given(value.lstrip(" \t"), f"{where}: {word}", directory)
    return found


def together(options: Mapping[str, Given], lines: Mapping[str, Given]) -> dict[str, Given]:
    """The words of both. Refusal for one that both give, and for a value that is not one line of plain text."""
    for word in WORDS:
        if word in options and word in lines:
            place = lines[word].where.rpartition(":")[0]
            raise Refusal(f"{options[word].where} is given by {place} as well; take one of the two out")
    found = {**lines, **options}
    for given in found.values():
        _check(given)
    return found


def _check(given: Given) -> None:
    """Refuse what no value of any word holds."""
    if not given.value:
        raise Refusal(f"{given.where} has no value; give one, or take the word out")
    if len(given.value) > LONGEST:
        raise Refusal(f"{given.where} has more than {LONGEST} characters; shorten it")
    if "\n" in given.value or "\r" in given.value:
        raise Refusal(f"{given.where} holds a line break; give a value of one line")
    if not (given.value.isascii() and given.value.isprintable()):
        raise Refusal(f"{given.where} holds a character that is no printable ASCII; write it without")


def _shown(word: str) -> str:
    """A word that is not known, where it is one: a key would be longer or hold other characters."""
    plain = word.removeprefix("--")
    known = plain and len(plain) <= LONGEST_SHOWN and all(char in "abcdefghijklmnopqrstuvwxyz-_" for char in plain)
    return repr(word) if known else "a word that is not repeated here"
