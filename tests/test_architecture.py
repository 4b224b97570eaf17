# SPDX-License-Identifier: Apache-2.0
"""The stages of the program, read from its import statements: they go one way, stand at the top, and cost what they are meant to."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Make

CHECKOUT = Path(__file__).parent.parent
PROGRAM = CHECKOUT / "orchestrator"
# A module may import from its own stage and from those behind it. `freeze` is for the build and is not part of the program.
STAGES = ("front", "render", "report", "lint", "write", "decide", "facts", "system", "rules", "log", "errors")
FRONT = ("__main__", "cli", "commands", "run", "planning", "crash_test", "undoing", "gathering", "ignition_kargs", "offline", "stdout", "usage")
# Standard modules that touch the system; rules and decisions do not.
DOORS = {"os", "sys", "io", "subprocess", "fcntl", "pathlib", "socket", "time", "signal", "select"}
OTHER_PYTHONS = {"_sha2"}  # what 3.12 and later have in the place of a module of 3.11
STANDS_IN = "system/context.py"  # for contextlib, which it must name where types are checked


@dataclass(frozen=True)
class Import:
    """One imported module, and whether the statement stands at the top of its file."""

    module: str
    at_top: bool


def sources() -> list[Path]:
    """Every file of the program."""
    return sorted(path for path in PROGRAM.rglob("*.py") if "freeze" not in path.relative_to(PROGRAM).parts)


def module_name(path: Path) -> str:
    """The dotted name of a file."""
    return ".".join(path.relative_to(CHECKOUT).with_suffix("").parts).removesuffix(".__init__")


def statements(path: Path) -> Iterator[Import]:
    """What a file imports; `from package import module` counts as the module."""
    tree = ast.parse(path.read_text())
    top = {id(node) for node in tree.body}
    tries = [node for node in tree.body if isinstance(node, ast.Try)]  # a module that an interpreter may lack
    top |= {id(inner) for each in tries for inner in each.body}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, id(node) in top) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            files = [name for name in inner if (CHECKOUT / name.replace(".", "/")).with_suffix(".py").exists()]
            yield from (Import(name, id(node) in top) for name in files or [str(node.module)])


def stage(module: str) -> str:
    """Which stage a module of ours is in."""
    parts = module.split(".")
    if len(parts) == 1 or parts[1] in FRONT:
        return "front"
    assert parts[1] in STAGES, f"{module} is in no stage; README and this test name the stages"
    return parts[1]


def ours(path: Path) -> set[str]:
    """The modules of ours that a file imports."""
    return {each.module for each in statements(path) if each.module.startswith("orchestrator.")}


@pytest.mark.parametrize("path", sources(), ids=module_name)
def test_imports_go_one_way(path: Path) -> None:
    here = stage(module_name(path))
    behind = STAGES[STAGES.index(here) :]
    wrong = sorted(module for module in ours(path) if stage(module) not in behind)
    assert not wrong, f"{module_name(path)} is in the stage {here} and imports {', '.join(wrong)}, which comes before it"


def test_there_is_no_circle() -> None:
    TopologicalSorter({module_name(path): ours(path) for path in sources()}).prepare()  # CycleError names the circle


@pytest.mark.parametrize("path", [path for path in sources() if path != PROGRAM / STANDS_IN], ids=module_name)
def test_every_import_stands_at_the_top(path: Path) -> None:
    """The frozen program makes them late (freeze/start.py); a reader sees them all at once."""
    assert [each.module for each in statements(path) if not each.at_top] == []
    assert "TYPE_CHECKING" not in path.read_text()


@pytest.mark.parametrize("path", [path for path in sources() if path.parent.name in ("rules", "decide")], ids=module_name)
def test_what_decides_touches_nothing(path: Path) -> None:
    assert not {each.module for each in statements(path)} & DOORS


@pytest.mark.parametrize("path", sources(), ids=module_name)
def test_the_program_needs_the_standard_library_only(path: Path) -> None:
    wanted = {each.module.partition(".")[0] for each in statements(path)}
    assert wanted <= {*sys.stdlib_module_names, *OTHER_PYTHONS, "orchestrator"}


@pytest.mark.parametrize("package", sorted({path.parent for path in sources()}), ids=lambda path: str(path.name))
def test_every_package_says_what_belongs_there(package: Path) -> None:
    text = ast.get_docstring(ast.parse((package / "__init__.py").read_text()))
    assert text and text.endswith(".")


def test_the_root_directory_is_named_in_the_front_end_only(make: Make) -> None:
    """A captured tree elsewhere gives the same plan: nothing is read from the running system."""
    first, second = make(), make()
    plans = [_plan(str(sample.root)) for sample in (first, second)]
    assert plans[0] == plans[1]
    assert str(first.root) not in plans[0]["reason"]


def _plan(root: str) -> Any:
    argv = [sys.executable, "-m", "orchestrator", "plan", "--json", "--root", root]
    return json.loads(subprocess.run(argv, cwd=CHECKOUT, capture_output=True, check=True).stdout)
