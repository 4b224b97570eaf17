# SPDX-License-Identifier: Apache-2.0
"""Types, and the few rules of the house that a program can check."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parent.parent
OURS = sorted((CHECKOUT / "orchestrator").glob("*.py"))
SOURCES = sorted([*(CHECKOUT / "orchestrator").rglob("*.py"), *(CHECKOUT / "tests").rglob("*.py")])
LONGEST_FUNCTION = 60
LONGEST_MODULE = 220


def name(path: Path) -> str:
    """How a file is called in a test's ID."""
    return str(path.relative_to(CHECKOUT))


@pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="mypy is not installed")
def test_types() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "orchestrator", "tests"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_every_file_names_its_license_first(path: Path) -> None:
    assert path.read_text().startswith("# SPDX-License-Identifier: Apache-2.0\n")


@pytest.mark.parametrize("path", OURS, ids=name)
def test_the_program_is_made_of_short_and_documented_pieces(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= LONGEST_MODULE
    tree = ast.parse(text)
    assert ast.get_docstring(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            assert ast.get_docstring(node), f"{node.name} has no docstring"
        if isinstance(node, ast.FunctionDef):
            assert (node.end_lineno or 0) - node.lineno < LONGEST_FUNCTION, f"{node.name} is too long"


@pytest.mark.parametrize("path", OURS, ids=name)
def test_the_program_uses_no_codec_but_utf8(path: Path) -> None:
    """The frozen program carries no other."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.keyword) and node.arg == "encoding":
            assert isinstance(node.value, ast.Constant) and node.value.value == "utf-8", node.lineno
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("encode", "decode"):
            for argument in node.args[:1]:
                assert isinstance(argument, ast.Constant) and argument.value == "utf-8", node.lineno


def test_the_demonstration_finds_all_that_it_imports() -> None:
    """As `make demo` starts it, from the commands that make would run."""
    told = subprocess.run(["make", "--dry-run", "demo"], cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout
    start = next(line for line in told.splitlines() if line.endswith("-m demo")).replace(".venv/bin/python", sys.executable)
    done = subprocess.run(["bash", "-c", f"{start} --help"], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
