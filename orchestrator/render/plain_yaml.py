# SPDX-License-Identifier: Apache-2.0
"""Writes the small part of YAML that every reader takes alike: block mappings and lists, whole numbers, truth values, strings.

A string is plain where it can be nothing else, a literal block where it has lines, and in double quotes otherwise. What none
of them holds safely is an error.
"""

from __future__ import annotations

LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
INSIDE = LETTERS | frozenset("0123456789-._/@=,%+~;:")
# What YAML 1.1 reads as a truth value, as nothing, or as a number that is none.
OTHERWISE = frozenset("y n yes no on off true false null nan inf".split())
QUOTED = {'"': '\\"', "\\": "\\\\"}
STEP = "  "


class Octal(int):
    """A number that is written with a 0 before it, as file modes are."""


def text(document: dict[str, object]) -> str:
    """A document. ValueError for what this does not write."""
    return "".join(f"{line}\n" for line in _mapping(document))


def _mapping(value: dict[str, object]) -> list[str]:
    """The lines of a mapping, in the order that it has."""
    lines: list[str] = []
    for key, inner in value.items():
        if not isinstance(key, str) or _string(key) != key:
            raise ValueError(f"not a key that is written here: {type(key).__name__}")
        lines += _entry(key, inner)
    return lines


def _entry(key: str, value: object) -> list[str]:
    """A key and its value."""
    if isinstance(value, (dict, list)):
        if not value:
            raise ValueError(f"{key} is empty")
        inner = _mapping(value) if isinstance(value, dict) else _list(value)
        return [f"{key}:", *(STEP + line for line in inner)]
    if isinstance(value, str) and "\n" in value:
        return [f"{key}: |", *(STEP + line for line in _block(value))]
    return [f"{key}: {_scalar(value)}"]


def _list(value: list[object]) -> list[str]:
    """The lines of a list, each item after a dash."""
    lines: list[str] = []
    for item in value:
        inner = _mapping(item) if isinstance(item, dict) and item else [_scalar(item)]
        lines += [f"- {inner[0]}", *(STEP + line for line in inner[1:])]
    return lines


def _scalar(value: object) -> str:
    """A number, a truth value or a string of one line."""
    if value is True or value is False:
        return str(value).lower()
    if isinstance(value, Octal) and value >= 0:
        return f"0{value:o}"
    if type(value) is int:
        return str(value)
    if isinstance(value, str):
        return _string(value)
    raise ValueError(f"not written here: {type(value).__name__}")


def _string(value: str) -> str:
    """A string of one line, in double quotes where another reader could take it for something else."""
    _check(value)
    plain = value[:1] in LETTERS | {"/"} and value[-1:] != ":" and not set(value) - INSIDE
    if plain and value.lower() not in OTHERWISE:
        return value
    return f'"{"".join(QUOTED.get(char, char) for char in value)}"'


def _block(value: str) -> list[str]:
    """The lines of a literal block: of a text that ends in one newline and begins with neither a blank nor an empty line."""
    lines = value.split("\n")
    if lines.pop() or not lines[-1] or lines[0][:1] in ("", " "):
        raise ValueError("a text that no literal block holds as it is")
    for line in lines:
        _check(line)
    return lines


def _check(line: str) -> None:
    """Only printable ASCII is written: no reader changes it."""
    if not (line.isascii() and line.isprintable()):
        raise ValueError("a string holds something else than printable ASCII")
