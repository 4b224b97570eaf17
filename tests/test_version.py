# SPDX-License-Identifier: Apache-2.0
"""The version stands in one place, orchestrator/__init__.py, and everybody takes it from there."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

from orchestrator import __version__

CHECKOUT = Path(__file__).parent.parent
PLACE = CHECKOUT / "orchestrator/__init__.py"
# What people read may name versions: the history, and how to build one.
MAY_NAME_IT = {PLACE, CHECKOUT / "CHANGELOG.md"}
READ = ("*.py", "*.toml", "*.md", "*.service", "*.sh", "*.8", "*.5", "Makefile", "*.txt", "*.spec", "control", "rules", "Containerfile")
PASSED_OVER = {".venv", "build", ".git", ".cache"}


def test_it_is_a_version() -> None:
    assert re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+", __version__)


def test_pyproject_takes_it_from_the_package() -> None:
    document = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
    assert "version" not in document["project"]
    assert document["project"]["dynamic"] == ["version"]
    assert document["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "orchestrator.__version__"}


def test_make_takes_it_from_the_package() -> None:
    asked = ["make", "--silent", "--no-print-directory", "version"]
    assert subprocess.run(asked, cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout == f"{__version__}\n"


def test_it_is_written_nowhere_else() -> None:
    files = [path for pattern in READ for path in CHECKOUT.rglob(pattern)]
    ours = [path for path in files if path.is_file() and not PASSED_OVER & set(path.relative_to(CHECKOUT).parts)]
    assert PLACE in ours and len(ours) > 100
    named = re.compile(rf"(?<![0-9.]){re.escape(__version__)}(?![0-9.]*[0-9])")
    assert {path for path in ours if named.search(path.read_text())} <= MAY_NAME_IT


def test_the_changelog_begins_with_it() -> None:
    versions = re.findall(r"^## ([0-9.]+)", (CHECKOUT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert versions[0] == __version__
    assert versions == sorted(set(versions), key=lambda text: [int(part) for part in text.split(".")], reverse=True)
