# SPDX-License-Identifier: Apache-2.0
"""Which modules the zip needs: the application's own, and those of the standard library that it is seen to import.

It is run on a list of command lines, and every module that its own sources name is imported once, so that a name on a
path that no run takes is not forgotten. What those modules import in turn is seen, not guessed: modulefinder, which
follows every import statement there is, ends with nearly the whole library.
"""

from __future__ import annotations

import ast
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from orchestrator.freeze.interpreter import Interpreter
from orchestrator.freeze.runs import RUNS, scratch
from orchestrator.freeze.slim import enum as slim_enum

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGE = os.path.dirname(HERE)
CHECKOUT = os.path.dirname(PACKAGE)
SLIM = os.path.join(HERE, "slim")
TRACER = os.path.join(HERE, "tracer.py")
GUARD = "TYPE_CHECKING"


@dataclass(frozen=True)
class Source:
    """One Python file: `name` is its path in the zip, without the suffix."""

    name: str
    path: str


@dataclass(frozen=True)
class Modules:
    """What goes into the zip as byte code, and the extension modules, which a zip cannot hold, by name."""

    sources: tuple[Source, ...]
    extensions: Mapping[str, str]


def modules(interpreter: Interpreter) -> Modules:
    """The application's files, and those of the standard library, or ours in their place, that it needs."""
    own = list(application())
    found = {name: interpreter.own(path) for name, path in _traced(interpreter, own).items()}
    pure = [_standard(name, path) for name, path in found.items() if path.endswith(".py")]
    start = Source("kdump_karg_start", os.path.join(HERE, "start.py"))
    return Modules((start, *own, *pure), {name: path for name, path in found.items() if not path.endswith(".py")})


def application() -> Iterator[Source]:
    """The application's own files, without those that are only for the build."""
    for directory, names, files in os.walk(PACKAGE):
        names[:] = sorted(set(names) - {"__pycache__", os.path.basename(HERE)})
        for path in (os.path.join(directory, file) for file in sorted(files) if file.endswith(".py")):
            yield Source(os.path.relpath(path, CHECKOUT).removesuffix(".py"), path)


def named(text: str) -> frozenset[tuple[str, str]]:
    """What a source text imports, at any depth: (module, name), or (module, "") for `import module`."""
    return frozenset(_imports(ast.parse(text).body))


def _imports(nodes: Iterable[ast.AST]) -> Iterator[tuple[str, str]]:
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", alias.name) for alias in node.names)
        elif isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == GUARD:
            yield from _imports(node.orelse)
        else:
            yield from _imports(ast.iter_child_nodes(node))


def _traced(interpreter: Interpreter, own: Iterable[Source]) -> dict[str, str]:
    """Names and paths of all modules that were imported, but for the application's own."""
    standard_enum = os.path.join(interpreter.stdlib, "enum.py")
    with tempfile.TemporaryDirectory(dir=scratch()) as directory:
        os.symlink(standard_enum, os.path.join(directory, f"{slim_enum.STANDARD}.py"))
        orders = [f"import\t{module}\t{name}" for source in own for module, name in sorted(_named_in(source.path))]
        for index, run in enumerate(RUNS):
            orders.append("\t".join(("run", *run.prepare(os.path.join(directory, str(index))))))
        output = os.path.join(directory, "modules")
        interpreter.run([TRACER, output], path=[SLIM, CHECKOUT, directory], stdin="\n".join(orders))
        with open(output, encoding="utf-8") as file:
            found = dict(line.rstrip("\n").split("\t") for line in file)
    if slim_enum.STANDARD in found:
        found[slim_enum.STANDARD] = standard_enum
    return {name: path for name, path in found.items() if name.partition(".")[0] != os.path.basename(PACKAGE)}


def _named_in(path: str) -> frozenset[tuple[str, str]]:
    with open(path, encoding="utf-8") as file:
        return named(file.read())


def _standard(name: str, path: str) -> Source:
    inner = name.replace(".", "/")
    return Source(f"{inner}/__init__" if os.path.basename(path) == "__init__.py" else inner, path)
