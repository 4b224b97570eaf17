# SPDX-License-Identifier: Apache-2.0
"""Our manual pages, mdoc(7), as far as the tests read them: sections, the items of their lists, and displays."""

from __future__ import annotations

import re
from pathlib import Path

DIRECTORY = Path(__file__).parent.parent / "man"
PROGRAM = "kdump-karg.8"
CONF = "kdump-karg.conf.5"


def text(page: str) -> str:
    """The source of a page."""
    return (DIRECTORY / page).read_text()


def section(page: str, title: str) -> str:
    """What stands under a title, up to the next one."""
    found = re.search(rf"^\.Sh {re.escape(title)}\n(.*?)(?=^\.Sh |\Z)", text(page), re.MULTILINE | re.DOTALL)
    assert found is not None, f"{page} has no section {title}"
    return found.group(1)


def items(page: str, title: str, macro: str) -> list[str]:
    """The list items of a section that begin with this macro, without it."""
    return re.findall(rf"^\.It {macro} (.*)", section(page, title), re.MULTILINE)


def displays(page: str, title: str) -> list[str]:
    """The literal displays of a section: one line each after `.Dl`, or all between `.Bd` and `.Ed`."""
    found = re.findall(r"^\.Dl (.*\n)|^\.Bd .*\n((?:.*\n)*?)\.Ed", section(page, title), re.MULTILINE)
    return [line or block for line, block in found]


def plain(line: str) -> str:
    """The text of a line in which only these macros are used: arguments, optional parts, and no space between them."""
    marks = {"Ar": "", "Ns": "", "Oo": "[", "Oc": "]"}
    return "".join(marks.get(word, word) for word in line.split())
