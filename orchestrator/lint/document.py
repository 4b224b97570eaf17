# SPDX-License-Identifier: Apache-2.0
"""A JSON document as bytes, as data, and where in its text something stands."""

from __future__ import annotations

import json
from collections.abc import Iterable

from orchestrator.errors import Refusal
from orchestrator.facts import ignition_config
from orchestrator.lint import limits

ADVICE = "lint takes JSON: the output of butane, or of oc get machineconfig NAME -o json"
BLANKS = " \t\n\r"
Trie = dict[str, "Trie"]


class NotJson(ValueError):
    """Why a text is no JSON object, as half a sentence with line and column."""


def text_of(content: bytes, where: str) -> str:
    """The text; Refusal for bytes that are no UTF-8."""
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise Refusal(f"{where} is not UTF-8 (byte {error.start} is 0x{content[error.start]:02x}); save it as UTF-8") from None


def parse(text: str, where: str) -> dict[str, object]:
    """The object in a text. Raises NotJson; Refusal for one that is nested too deeply."""
    try:
        found = ignition_config.load(text)
    except json.JSONDecodeError as error:
        raise NotJson(f"is not JSON (line {error.lineno}, column {error.colno}: {error.msg})") from None
    except ValueError:
        raise _too_deep(where) from None
    if not isinstance(found, dict):
        raise NotJson("is not a JSON object")
    _check_depth(found, where)
    return found


def _check_depth(document: object, where: str) -> None:
    """Refuse levels that nobody writes."""
    level, depth = [document], 0
    while level:
        depth += 1
        if depth > limits.DEEPEST:
            raise _too_deep(where)
        inner: list[object] = []
        for value in level:
            if isinstance(value, dict):
                inner += value.values()
            elif isinstance(value, list):
                inner += value
        level = inner


def _too_deep(where: str) -> Refusal:
    """The sentence."""
    return Refusal(f"{where} is nested more than {limits.DEEPEST} levels deep, the most that is read; no config needs that")


def at(value: object, *keys: str) -> object:
    """What stands below these keys; None where there is nothing."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def objects(value: object, *keys: str) -> list[tuple[int, dict[str, object]]]:
    """The objects of a list below these keys, with their numbers."""
    found = at(value, *keys)
    return [(number, each) for number, each in enumerate(found) if isinstance(each, dict)] if isinstance(found, list) else []


def strings(value: object, *keys: str) -> list[tuple[int, str]]:
    """The strings of a list below these keys, with their numbers."""
    found = at(value, *keys)
    return [(number, each) for number, each in enumerate(found) if isinstance(each, str)] if isinstance(found, list) else []


def string(value: object, *keys: str) -> str:
    """The string below these keys, "" where there is none."""
    found = at(value, *keys)
    return found if isinstance(found, str) else ""


def lines(text: str, pointers: Iterable[str]) -> dict[str, int]:
    """The line on which each pointer's value begins. One pass over a text that `parse` has taken."""
    wanted: Trie = {}
    for pointer in pointers:
        here = wanted
        for step in pointer.split("/")[1:]:
            here = here.setdefault(step.replace("~1", "/").replace("~0", "~"), {})
    found: dict[str, int] = {}
    _Walk(text, found).value(0, "", wanted)
    starts = sorted((start, pointer) for pointer, start in found.items())
    line, done = 1, 0
    for start, pointer in starts:
        line += text.count("\n", done, start)
        done, found[pointer] = start, line
    return found


class _Walk:
    """Goes through a text that is JSON, into what is wanted and past the rest."""

    def __init__(self, text: str, found: dict[str, int]) -> None:
        """`found` gets the place where the value of every wanted pointer begins."""
        self.text, self.found = text, found
        self.decoder = json.JSONDecoder()

    def value(self, at: int, pointer: str, wanted: Trie) -> int:
        """Past the value that stands here."""
        at = self.blanks(at)
        self.found[pointer] = at
        char = self.text[at]
        if not wanted or char not in "{[":
            return self.decoder.raw_decode(self.text, at)[1]
        at, number, close = at + 1, 0, "}" if char == "{" else "]"
        while True:
            at = self.blanks(at)
            if self.text[at] == close:
                return at + 1
            if self.text[at] == ",":
                at = self.blanks(at + 1)
            key = str(number)
            if char == "{":
                name, at = self.decoder.raw_decode(self.text, at)
                key, at = str(name), self.blanks(at) + 1
            at = self.member(at, f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}", wanted.get(key))
            number += 1

    def member(self, at: int, pointer: str, wanted: Trie | None) -> int:
        """Past a member's value; its place is kept only where it is wanted."""
        if wanted is None:
            return self.decoder.raw_decode(self.text, self.blanks(at))[1]
        return self.value(at, pointer, wanted)

    def blanks(self, at: int) -> int:
        """Past blanks."""
        while self.text[at] in BLANKS:
            at += 1
        return at
