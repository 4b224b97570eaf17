# SPDX-License-Identifier: Apache-2.0
"""The program as its users call it: in this process, or as one of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator import cli
from tests.sample import Sample

CHECKOUT = Path(__file__).parent.parent
Output = pytest.CaptureFixture[str]


def call(sample: Sample, *argv: str) -> int:
    """The program in this process."""
    return cli.main([*argv, "--root", str(sample.root)])


def program(*argv: str) -> subprocess.CompletedProcess[str]:
    """The program as a process of its own, from the checkout."""
    environment = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, "-m", "orchestrator", *argv],
        cwd=CHECKOUT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def one_line(text: str) -> str:
    """The one line that a run may say on stderr."""
    assert text.endswith("\n") and text.count("\n") == 1, text
    assert text.startswith("kdump-karg: ")
    assert "internal error" not in text and "Traceback" not in text
    return text.removeprefix("kdump-karg: ").rstrip("\n")
