# SPDX-License-Identifier: Apache-2.0
"""Shell-style configuration, `KEY=value` with a shell's quotes, read without running a shell.

The kdump packages source their configuration, so it may hold any program. What only a shell could work out is said to be
unknown, never guessed: POSIX.1-2024, Shell Command Language, 2.2 Quoting, 2.6 Word Expansions, 2.9.1 Simple Commands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

BLANKS = " \t"
OPERATORS = "|&<>()"
ESCAPED_IN_QUOTES = '$`"\\\n'
NESTING = "'\"\\$`{"  # inside an expansion: told from its end by a shell only
LONGEST = 1 << 16  # more than any kernel takes; `A=$A$A` doubles


@dataclass(frozen=True)
class Value:
    """The text of a variable; None where it cannot be known, and then `why` says why in half a sentence."""

    text: str | None
    why: str = ""


@dataclass(frozen=True)
class Assignments:
    """What a file sets. `program` says where it is more than assignments, which leaves every variable unknown."""

    path: str
    values: Mapping[str, Value]
    program: str = ""

    def get(self, key: str, default: str = "") -> Value:
        """The variable's value, `default` where the file does not set it."""
        if self.program:
            return Value(None, self.program)
        return self.values.get(key, Value(default))


class _Program(Exception):
    """The file is more than assignments from the line in `args` on."""


def parse(text: str, path: str) -> Assignments:
    """Every variable that the file sets; the last assignment counts. Never raises."""
    reader = _Reader(text, path)
    try:
        reader.read()
    except _Program:
        line = text.count("\n", 0, reader.start) + 1
        return Assignments(path, {}, f"{path}:{line} is more than an assignment, and no shell is run to read it")
    return Assignments(path, reader.values)


class _Reader:
    """One pass over the text; `start` is where the command being read begins."""

    def __init__(self, text: str, path: str) -> None:
        """From the beginning."""
        self.text, self.path, self.at, self.start = text, path, 0, 0
        self.values: dict[str, Value] = {}

    def read(self) -> None:
        """All of it. Raises _Program."""
        fresh = True  # at the start of a command, where `export` may stand
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == ";" and fresh:
                raise _Program
            if char in f"\n;{BLANKS}":
                fresh = fresh or char not in BLANKS
                self.at += 1
            elif char == "#":
                end = self.text.find("\n", self.at)
                self.at = end if end >= 0 else len(self.text)
            else:
                self.start = self.at if fresh else self.start
                if fresh and self.text.startswith(("export ", "export\t"), self.at):
                    self.at += len("export ")
                else:
                    self.assignment()
                fresh = False

    def assignment(self) -> None:
        """NAME=word or NAME+=word; anything else is a command."""
        name = self.name()
        append = self.text.startswith("+=", self.at)
        if not name or not (append or self.text.startswith("=", self.at)):
            raise _Program
        self.at += 2 if append else 1
        found = self.word()
        self.values[name] = _joined([self.variable(name), found] if append else [found])

    def name(self) -> str:
        """The identifier that stands here, "" for none."""
        end = self.at
        while self.text[end : end + 1].isascii() and (self.text[end : end + 1].isalnum() or self.text[end : end + 1] == "_"):
            end += 1
        name = self.text[self.at : end]
        if not name[:1].isdigit():
            self.at = end
        return name if end == self.at else ""

    def variable(self, name: str) -> Value:
        """What an earlier line of the file has set."""
        return self.values.get(name, Value(None, f"{self.path} uses {name} without setting it first"))

    def word(self) -> Value:
        """A word with its quotes taken off."""
        parts: list[Value] = []
        while self.at < len(self.text) and self.text[self.at] not in f"\n;{BLANKS}":
            char = self.text[self.at]
            if char in OPERATORS:
                raise _Program
            if char == "'":
                parts.append(Value(self.text[self.at + 1 : self.closing("'")]))
                self.at = self.closing("'") + 1
            elif char == '"':
                self.at += 1
                parts += self.in_quotes()
            elif char == "\\":
                parts.append(Value(self.escaped().replace("\n", "")))
            elif char in "$`":
                parts.append(self.expansion())
            else:
                parts.append(Value(char))
                self.at += 1
        return _joined(parts)

    def escaped(self) -> str:
        """The character after the backslash that stands here. _Program where there is none."""
        self.at += 2
        if self.at > len(self.text):
            raise _Program
        return self.text[self.at - 1]

    def closing(self, quote: str) -> int:
        """Where the quote that opens here is closed. _Program where it is not."""
        end = self.text.find(quote, self.at + 1)
        if end < 0:
            raise _Program
        return end

    def in_quotes(self) -> list[Value]:
        """What stands between double quotes, from the first character after the opening one."""
        parts: list[Value] = []
        while self.at < len(self.text):
            char, after = self.text[self.at], self.text[self.at + 1 : self.at + 2]
            if char == '"':
                self.at += 1
                return parts
            if char in "$`":
                parts.append(self.expansion(quoted=True))
            elif char == "\\" and after and after in ESCAPED_IN_QUOTES:
                parts.append(Value(self.escaped().replace("\n", "")))
            else:
                parts.append(Value(char))
                self.at += 1
        raise _Program

    def expansion(self, quoted: bool = False) -> Value:
        """`$NAME` and `${NAME}` of this file; everything else is for a shell to work out."""
        begin = self.at
        self.at += 1
        if self.text[begin] == "`":
            return self.unknown(begin, "`")
        if self.text.startswith("(", self.at):
            return self.skip_nested(begin)
        braced = self.text.startswith("{", self.at)
        self.at += braced
        name = self.name()
        if braced and not (name and self.text.startswith("}", self.at)):
            return self.unknown(begin, "}")
        self.at += braced
        if name:
            return self.variable(name)
        after = self.text[self.at : self.at + 1]
        if after in ("'", '"') and not quoted:
            raise _Program
        if not after or after in f"'\"\n;{BLANKS}":
            return Value("$")
        self.at += 1
        return self.unknown(begin)

    def skip_nested(self, begin: int) -> Value:
        """Past the parenthesis that closes the one here, quotes heeded."""
        depth = 0
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == "'":
                self.at = self.closing("'")
            elif char in '"\\`#':
                raise _Program
            depth += (char == "(") - (char == ")")
            self.at += 1
            if not depth:
                return self.unknown(begin)
        raise _Program

    def unknown(self, begin: int, end: str = "") -> Value:
        """The expansion that began there and goes on to the next `end`. _Program where that need not be its end."""
        if end:
            stop = self.text.find(end, self.at)
            if stop < 0 or any(char in NESTING for char in self.text[self.at : stop]):
                raise _Program
            self.at = stop + 1
        return Value(None, f"{self.path} has {self.text[begin : self.at]!r}, and no shell is run to work it out")


def _joined(parts: list[Value]) -> Value:
    """One value of all parts; the first unknown one makes it unknown."""
    for part in parts:
        if part.text is None:
            return part
    if sum(len(part.text or "") for part in parts) > LONGEST:
        return Value(None, f"a value has more than {LONGEST} characters")
    return Value("".join(part.text or "" for part in parts))
