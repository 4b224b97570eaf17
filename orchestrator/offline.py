# SPDX-License-Identifier: Apache-2.0
"""The commands that look at no machine: each prints, and returns the exit status."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator import stdout
from orchestrator.lint import run as linting
from orchestrator.render import output, words


def lint(files: tuple[str, ...], values: dict[str, str], *, json: bool) -> int:
    """Look at the files and at nothing else; 4 for findings of severity error."""
    text, found = linting.lint(files, values, json=json)
    stdout.write(text)
    return found


def render(options: Sequence[str]) -> int:
    """Print the config that a request comes to."""
    stdout.write(output.of_options(words.of_options(options)))
    return 0
