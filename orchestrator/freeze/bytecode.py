# SPDX-License-Identifier: Apache-2.0
"""Byte code made by the very interpreter that will run it."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass

from orchestrator.freeze.interpreter import Interpreter

# Run by the target's Python. Unchecked: there is no source for a start to compare the byte code with.
COMPILE = """
import importlib.util, json, sys
from importlib._bootstrap_external import _code_to_hash_pyc
for source, name, optimize, output in json.load(sys.stdin):
    with open(source, "rb") as file:
        text = file.read()
    code = compile(text, name, "exec", dont_inherit=True, optimize=optimize)
    with open(output, "wb") as file:
        file.write(_code_to_hash_pyc(code, importlib.util.source_hash(text), False))
"""


@dataclass(frozen=True, order=True)
class Source:
    """One Python file: `name` is its path in the zip, without the suffix."""

    name: str
    path: str
    optimize: int


def compiled(interpreter: Interpreter, sources: Iterable[Source]) -> dict[str, bytes]:
    """The .pyc contents by path in the zip, in that order; the same bytes for the same sources."""
    ordered = sorted(sources)
    with tempfile.TemporaryDirectory() as scratch:
        outputs = [os.path.join(scratch, str(index)) for index in range(len(ordered))]
        jobs = [[s.path, s.name + ".py", s.optimize, out] for s, out in zip(ordered, outputs, strict=True)]
        interpreter.run(["-c", COMPILE], stdin=json.dumps(jobs))
        return {source.name + ".pyc": _content(output) for source, output in zip(ordered, outputs, strict=True)}


def _content(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
