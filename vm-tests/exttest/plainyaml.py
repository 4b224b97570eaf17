# SPDX-License-Identifier: Apache-2.0
"""Reads the small part of YAML that our Butane files and the headers of our tests are written in, and refuses the rest.

Block mappings, block sequences, plain scalars, scalars in double quotes as JSON has them, literal blocks (`|`), comments. A full reader would be a package of its own;
one that guesses would find agreement where there is none.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

Value = str | int | bool | dict[str, "Value"] | list["Value"]

KEY = re.compile(r"([A-Za-z][A-Za-z0-9_./-]*):(?: +(.*))?$")
#: Starts with none of YAML's indicators; holds neither a comment nor another mapping; is no other kind of number or null.
PLAIN = re.compile(r"(?!.*(?:: | #))(?!(?:null|yes|no|on|off|y|n)$)[A-Za-z0-9/.][^\t]*(?<![:\s])$", re.IGNORECASE)
QUOTED = re.compile(r'"(?:[^"\\]|\\["\\])*"$')
OCTAL = re.compile(r"0[0-7]+$")
DECIMAL = re.compile(r"(?:0|[1-9][0-9]*)$")
OTHER_NUMBER = re.compile(r"[0-9][0-9_]*(?:\.[0-9]*)?(?:e[0-9+-]+)?$|0[xob].*", re.IGNORECASE)
TRUTH = {"true": True, "false": False}


class PlainYamlError(ValueError):
    """The text has something in it that this reader does not know; the message names the line."""


def read(text: str) -> dict[str, Value]:
    """The mapping that is the whole document."""
    lines = _Lines(text.splitlines())
    found = lines.block(0)
    if lines.next_indent() is not None:
        raise lines.error("a line that belongs to nothing")
    if not isinstance(found, dict):
        raise PlainYamlError("line 1: the document is no mapping")
    return found


@dataclass
class _Lines:
    """The lines, and how far they have been read."""

    lines: list[str]
    at: int = 0

    def error(self, text: str) -> PlainYamlError:
        shown = self.lines[self.at] if self.at < len(self.lines) else "end of the text"
        return PlainYamlError(f"line {self.at + 1}: {text}: {shown!r}")

    def next_indent(self) -> int | None:
        """The indentation of the next line that is neither blank nor a comment; None at the end."""
        while self.at < len(self.lines) and self.lines[self.at].lstrip()[:1] in ("", "#"):
            self.at += 1
        if self.at == len(self.lines):
            return None
        line = self.lines[self.at]
        return len(line) - len(line.lstrip(" "))

    def block(self, least: int) -> Value:
        """The mapping or the sequence that begins at the next line, which is indented by `least` or more."""
        indent = self.next_indent()
        if indent is None or indent < least:
            raise self.error("a value is missing")
        return self._sequence(indent) if self._rest(indent).startswith("- ") else self._mapping(indent)

    def _rest(self, indent: int) -> str:
        return self.lines[self.at][indent:]

    def _sequence(self, indent: int) -> list[Value]:
        found: list[Value] = []
        while self.next_indent() == indent:
            rest = self._rest(indent)
            if not rest.startswith("- "):
                raise self.error("not an item of this list")
            item = rest[2:]
            if KEY.match(item):
                self.lines[self.at] = " " * (indent + 2) + item
                found.append(self._mapping(indent + 2))
            else:
                found.append(self._scalar(item))
                self.at += 1
        return found

    def _mapping(self, indent: int) -> dict[str, Value]:
        found: dict[str, Value] = {}
        while self.next_indent() == indent:
            match = KEY.match(self._rest(indent))
            if not match:
                raise self.error("not `key: value`")
            if match[1] in found:
                raise self.error("this key for the second time")
            found[match[1]] = self._value(match[2], indent)
        deeper = self.next_indent()
        if deeper is not None and deeper > indent:
            raise self.error("indented too far")
        return found

    def _value(self, text: str | None, indent: int) -> Value:
        if text == "|":
            self.at += 1
            return self._literal(indent)
        if text:
            value = self._scalar(text)
            self.at += 1
            return value
        self.at += 1
        return self.block(indent + 1)

    def _scalar(self, text: str) -> str | int | bool:
        text = text.rstrip()
        if text in TRUTH:
            return TRUTH[text]
        if QUOTED.match(text):
            return str(json.loads(text))
        if OCTAL.match(text):
            return int(text, 8)
        if DECIMAL.match(text):
            return int(text)
        if not PLAIN.match(text) or OTHER_NUMBER.fullmatch(text) or text.lower() in TRUTH:
            raise self.error("not a plain scalar")
        return text

    def _literal(self, indent: int) -> str:
        """Lines indented by more than `indent`, as they are; one newline at the end."""
        taken: list[str] = []
        while self.at < len(self.lines):
            line = self.lines[self.at]
            if line.strip() and len(line) - len(line.lstrip(" ")) <= indent:
                break
            taken.append(line)
            self.at += 1
        if not taken or not taken[0].strip():
            raise self.error("a literal block that begins with nothing")
        inner = len(taken[0]) - len(taken[0].lstrip(" "))
        if any(line.strip() and line[:inner].strip() for line in taken):
            raise self.error("a literal block that is indented less further down")
        return "\n".join(line[inner:] for line in taken).rstrip("\n") + "\n"
