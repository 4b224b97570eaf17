# SPDX-License-Identifier: Apache-2.0
"""The path to `apply` with nothing to do imports little: it is walked on every first boot (run.py, cli.py)."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Make
from tests.sample import FIRST_BOOT_LINE, NO_WISH

CHECKOUT = Path(__file__).parent.parent
AT_THE_TOP = {"os", "sys", "stat", "errno", "fcntl", "enum", "dataclasses", "collections.abc", "__future__"}
INSIDE = {"json", "fnmatch", "difflib", "_json"}  # where something calls for them
LATER = {"bootfs", "apply", "freezer", "process", "luks", "chain", "links", "capture", "show", "report", "loader", "service"}  # only a change, or another command, needs them
PROBE = """
import sys, dataclasses, enum
before = set(sys.modules)
from orchestrator.cli import main
status = main(sys.argv[1:])
print(status, *sorted(set(sys.modules) - before))
"""
NOTHING: list[tuple[str, dict[str, Any]]] = [
    ("nothing asks", {"ignition": NO_WISH, "preset": "enable sshd.service\n"}),
    ("switched off", {"cmdline": FIRST_BOOT_LINE + " rd.kdump_karg=0"}),
]
ACTIVE: dict[str, Any] = {"cmdline": FIRST_BOOT_LINE + " crashkernel=512M", "preset": "enable kdump.service\n"}


def loaded(root: Path) -> list[str]:
    """What a run of `apply` loads beside what dataclasses and enum drag in."""
    done = subprocess.run(
        [
            sys.executable,
            "-IBS",
            "-c",
            f"import sys; sys.path.insert(0, {str(CHECKOUT)!r})\n{PROBE}",
            "apply",
            "--root",
            str(root),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    status, *modules = done.stdout.split()
    assert status == "0", done.stderr
    return modules


def imports(name: str) -> Iterator[tuple[str, bool]]:
    """Every module that a module of ours imports, and whether it does so at its top."""
    tree = ast.parse((CHECKOUT / f"{name.replace('.', '/')}.py").read_text())
    top = set(ast.iter_child_nodes(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node in top) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module), node in top


def check(modules: list[str]) -> None:
    """Only what is allowed, and every module of ours on the path imports only that."""
    ours = [name for name in modules if name.startswith("orchestrator.")]
    assert "orchestrator.run" in ours
    assert set(modules) - set(ours) <= {"orchestrator", "fcntl", "errno", "_json", "__future__"}
    for name in ours:
        for wanted, at_top in imports(name):
            allowed = AT_THE_TOP if at_top else AT_THE_TOP | INSIDE
            assert wanted.startswith("orchestrator") or wanted in allowed, f"{name} imports {wanted}"


@pytest.mark.parametrize("overrides", [row[1] for row in NOTHING], ids=[row[0] for row in NOTHING])
def test_with_nothing_to_do(make: Make, overrides: dict[str, Any]) -> None:
    modules = loaded(make(**overrides).root)
    check(modules)
    assert not {f"orchestrator.{name}" for name in LATER} & set(modules)


def test_with_nothing_to_do_because_it_is_there(make: Make) -> None:
    modules = loaded(make(**ACTIVE).root)
    check(modules)
    assert not {"orchestrator.bootfs", "orchestrator.apply", "orchestrator.freezer"} & set(modules)


@pytest.mark.parametrize(
    "name",
    (
        "cmdline bls grub crashkernel placement value decision plan defaults need arch errors show assignments forecast harm xargs"
    ).split(),
)
def test_what_decides_touches_nothing(name: str) -> None:
    found = {module for module, _ in imports(f"orchestrator.{name}")}
    assert not found & {"os", "sys", "io", "subprocess", "fcntl", "pathlib", "socket"}


def test_the_program_needs_the_standard_library_only() -> None:
    for path in (CHECKOUT / "orchestrator").glob("*.py"):
        for wanted, _ in imports(f"orchestrator.{path.stem}"):
            assert wanted.split(".")[0] in {*sys.stdlib_module_names, "orchestrator"}, f"{path.name} imports {wanted}"


def test_the_root_directory_is_named_in_the_front_end_only(make: Make) -> None:
    """A captured tree elsewhere gives the same plan: nothing is read from the running system."""
    first, second = make(), make()
    plans = [
        subprocess.run(
            [sys.executable, "-m", "orchestrator", "plan", "--json", "--root", str(sample.root)],
            cwd=CHECKOUT,
            capture_output=True,
            check=True,
        ).stdout
        for sample in (first, second)
    ]
    assert plans[0] == plans[1]
    assert str(first.root) not in json.loads(plans[0])["reason"]
