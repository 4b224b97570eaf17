# SPDX-License-Identifier: Apache-2.0
"""What `kdump-karg --help` names: the man page and the completion are held against it."""

from __future__ import annotations

import re

from orchestrator.usage import HELP


def section(title: str) -> str:
    """The indented lines under a title of the help."""
    found = re.search(rf"^{title}:\n((?:  .*\n)+)", HELP, re.MULTILINE)
    assert found is not None, title
    return found.group(1)


COMMANDS = tuple(re.findall(r"^  ([a-z]+)  ", section("commands"), re.MULTILINE))
OPTIONS = tuple(re.findall(r"^  (--[a-z-]+)", section("options"), re.MULTILINE))
# Option and what follows it, of the command that has options of its own.
RENDER = dict(re.findall(r"^  --([a-z-]+) (\S+)  ", section("options of render, each with a value"), re.MULTILINE))
# The line `exit status: 0 done ..., 1 failed, ...`, by number.
STATUSES = tuple(re.findall(r"(?<![0-9a-z])([0-9]) [a-z]", HELP.partition("exit status:")[2]))
