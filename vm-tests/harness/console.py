# SPDX-License-Identifier: Apache-2.0
"""The text of the serial console."""

from __future__ import annotations

import re
from collections.abc import Callable

ESCAPES = re.compile(
    r"\x1b(\[[0-9;?]*[!-/]?[A-Za-z]|[\]P][^\x07\x1b]*(\x07|\x1b\\)|[()][A-Z0-9]|[A-Za-z=>])"
)
#: x86 has an early line, and "Kernel command line:" repeats it; other architectures have that one alone.
COMMAND_LINE = re.compile(r"\] Command line: (.*)")
LATER_COMMAND_LINE = re.compile(r"\] Kernel command line: (.*)")


class Console:
    """Collects text, hands on whole lines, and is searched like a transcript."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self._on_line = on_line
        self._partial = ""
        self._cursor = 0
        self.text = ""

    def feed(self, data: bytes) -> None:
        """Take what the machine wrote."""
        text = data.decode(errors="replace").replace("\r", "")
        self.text += text
        *lines, self._partial = (self._partial + text).split("\n")
        for line in lines:
            self._on_line(ESCAPES.sub("", line))

    def find(self, pattern: str) -> re.Match[str] | None:
        """The next match after the last one found; a plain search, so `.` stops at line ends."""
        match = re.compile(pattern).search(self.text, self._cursor)
        if match:
            self._cursor = match.end()
        return match

    def tail(self, lines: int = 25) -> str:
        """The end of the transcript."""
        return "\n".join(ESCAPES.sub("", self.text).splitlines()[-lines:])

    def kernel_command_lines(self) -> tuple[str, ...]:
        """The command line of each kernel that started, capture kernels included."""
        pattern = COMMAND_LINE if COMMAND_LINE.search(self.text) else LATER_COMMAND_LINE
        return tuple(match.group(1).strip() for match in pattern.finditer(self.text))
