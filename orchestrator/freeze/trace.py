# SPDX-License-Identifier: Apache-2.0
"""Which modules of the standard library the application needs: those that it is seen to import.

It is run on a list of command lines, and every module that its own sources name is imported once, so that a name on a
path that no run takes is not forgotten. What those modules import in turn is seen, not guessed: modulefinder, which
follows every import statement there is, ends with nearly the whole library.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from orchestrator.errors import Failure
from orchestrator.freeze import imports, start
from orchestrator.freeze.bytecode import Source
from orchestrator.freeze.interpreter import Interpreter
from orchestrator.freeze.runs import Run
from orchestrator.freeze.slim import enum as slim_enum

HERE = os.path.dirname(os.path.abspath(__file__))
SLIM = os.path.join(HERE, "slim", "")
TRACER = os.path.join(HERE, "tracer.py")
BUILD_ONLY = "freeze"  # our own sub-package
BUILT_IN = "built-in"
KEPT, STRIPPED = 0, 2  # compile()'s optimize: nobody reads docstrings in the standard library, and its asserts hold


@dataclass(frozen=True)
class Modules:
    """What goes into the zip as byte code, and the extension modules, which a zip cannot hold, by name."""

    sources: tuple[Source, ...]
    extensions: Mapping[str, str]


def modules(interpreter: Interpreter, package_root: str, runs: Iterable[Run]) -> Modules:
    """The standard library's files, and of ours those in their place, that the application needs."""
    found = traced(interpreter, package_root, "import", _named(package_root))
    for run in runs:
        with tempfile.TemporaryDirectory(dir=run.scratch()) as scratch:
            found |= traced(interpreter, package_root, "run", run.prepare(os.path.join(scratch, "root")))
    for name in start.ABSENT:
        if name in found:
            raise Failure(f"the application imports {name}, whose library is not brought along; avoid that module")
    own = os.path.join(package_root, "orchestrator", "")
    files = {
        name: path
        for name, path in found.items()
        if path != BUILT_IN and (path.startswith(SLIM) or not path.startswith(own))
    }
    pure = tuple(_source(name, path) for name, path in sorted(files.items()) if path.endswith(".py"))
    return Modules(pure, {name: path for name, path in sorted(files.items()) if not path.endswith(".py")})


def traced(interpreter: Interpreter, package_root: str, mode: str, words: Sequence[str]) -> dict[str, str]:
    """Module names and origins after one call of the tracer."""
    standard_enum = os.path.join(interpreter.stdlib, "enum.py")
    with tempfile.TemporaryDirectory() as scratch:
        output = os.path.join(scratch, "modules")
        os.symlink(standard_enum, os.path.join(scratch, f"{slim_enum.STANDARD}.py"))
        interpreter.run([TRACER, output, mode, *words], path=[SLIM, package_root, scratch])
        with open(output, encoding="utf-8") as file:
            rows = dict(line.rstrip("\n").split("\t") for line in file)
    if slim_enum.STANDARD in rows:
        rows[slim_enum.STANDARD] = standard_enum
    return rows


def application(package_root: str) -> tuple[Source, ...]:
    """The application's own files."""
    package = os.path.join(package_root, "orchestrator")
    found = []
    for directory, names, files in os.walk(package):
        names[:] = sorted(set(names) - {"__pycache__", BUILD_ONLY})
        for file in sorted(name for name in files if name.endswith(".py")):
            path = os.path.join(directory, file)
            found.append(Source(os.path.relpath(path, package_root)[: -len(".py")], path, KEPT))
    return tuple(found)


def _named(package_root: str) -> tuple[str, ...]:
    """What the application's sources name, but for their own package."""
    names: set[tuple[str, str]] = set()
    for source in application(package_root):
        with open(source.path, encoding="utf-8") as file:
            names |= imports.named(file.read())
    return tuple(f"{module}:{name}" for module, name in sorted(names) if module.partition(".")[0] != "orchestrator")


def _source(name: str, path: str) -> Source:
    inner = name.replace(".", "/")
    is_package = os.path.basename(path) == "__init__.py"
    return Source(inner + "/__init__" if is_package else inner, path, STRIPPED)
