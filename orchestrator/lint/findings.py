# SPDX-License-Identifier: Apache-2.0
"""What a check has found: which check, where, one sentence, and how to mend it."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.lint import table
from orchestrator.lint.place import Place
from orchestrator.lint.table import Severity

LONGEST = 80  # characters of a word of the config's own


@dataclass(frozen=True)
class Finding:
    """`check`: its identifier. `mend`: "" for the table's own. `line`: in the file, 0 where it was not looked up."""

    check: str
    place: Place
    sentence: str
    mend: str = ""
    line: int = 0

    @property
    def severity(self) -> Severity:
        """How bad it is."""
        return table.CHECKS[self.check].severity

    @property
    def cure(self) -> str:
        """How to mend it."""
        return self.mend or table.CHECKS[self.check].mend


def shown(text: str) -> str:
    """A word of the config's own: no character of it acts on a terminal or a log, and it is short.

    Only names are shown so: of units, paths, options and crashkernel= values. Contents, keys, hashes and URLs never are.
    """
    safe = ascii(text)[1:-1]
    return safe if len(safe) <= LONGEST else f"{safe[:LONGEST]}..."
