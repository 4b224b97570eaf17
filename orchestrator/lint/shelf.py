# SPDX-License-Identifier: Apache-2.0
"""The files that lint may read: those it was given, and those beside or below them that a config names by `local`."""

from __future__ import annotations

import os

from orchestrator.errors import Refusal, UsageError
from orchestrator.lint import limits
from orchestrator.lint.findings import shown
from orchestrator.lint.place import printable
from orchestrator.system import tree


class Shelf:
    """The directories of the files that were given. A link that leads out of them is not followed."""

    def __init__(self, files: tuple[str, ...]) -> None:
        """Every file's own directory."""
        self.directories = tuple(dict.fromkeys(os.path.realpath(os.path.dirname(os.path.abspath(file))) for file in files))

    def read(self, file: str) -> bytes:
        """The bytes of a file. UsageError where it is missing, Refusal where it must not or cannot be read."""
        try:
            place = os.path.realpath(file)
        except ValueError:  # a NUL, or half a character
            raise Refusal(f"{shown(file)} is a name that no file can have; mend the config") from None
        if not any(place.startswith(f"{directory.rstrip('/')}/") for directory in self.directories):
            raise Refusal(f"{printable(file)} leads out of the directories of the given files; nothing outside them is read")
        directory, _, name = place.rpartition("/")
        above = printable(f"{os.path.dirname(file)}/" if os.path.dirname(file) else "")
        content = tree.read_bytes(directory, name, limits.LARGEST_FILE, above=above)
        if content is None:
            raise UsageError(f"{printable(file)} is not there; name an Ignition config or a MachineConfig")
        return content
