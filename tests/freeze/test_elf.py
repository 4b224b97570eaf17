# SPDX-License-Identifier: Apache-2.0
"""Reading ELF files and following what they need."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from orchestrator.errors import Failure
from orchestrator.freeze import closure, elf, interpreter
from orchestrator.freeze.interpreter import Interpreter
from orchestrator.freeze.trace import named
from tests.freeze.test_tree import unpacked


@pytest.fixture(scope="module")
def python() -> Interpreter:
    """The default suite's Python, unpacked."""
    return interpreter.interpreter(unpacked())


def test_reads_a_program(python: Interpreter) -> None:
    program = python.program
    assert program.interpreter.startswith("/lib")
    assert program.needed == ("libm.so.6", "libz.so.1", "libexpat.so.1", "libc.so.6")
    assert ("libz.so.1", "ZLIB_1.2.0") in program.requires
    libraries = {library.soname: library.file for library in closure.closure([program], python.root)}
    assert "GLIBC_2.34" in libraries["libc.so.6"].provides
    assert libraries["libm.so.6"].interpreter == ""


@pytest.mark.parametrize("content", [b"", b"#!/bin/sh\n", b"\x7fELF"])
def test_not_an_elf_file(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(Failure, match="is not an ELF file"):
        elf.read(str(tmp_path / "file"))


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="cannot be read"):
        elf.read(str(tmp_path / "file"))


def test_closure(python: Interpreter, tmp_path: Path) -> None:
    """Its own needs first, then what they need: libc's dynamic loader."""
    (tmp_path / "usr/lib").mkdir(parents=True)
    with pytest.raises(Failure, match="needs libm.so.6, which is not below"):
        closure.closure([python.program], str(tmp_path))
    for library in closure.closure([python.program], python.root):
        shutil.copy(library.file.path, tmp_path / "usr/lib" / library.soname)
    found = [library.soname for library in closure.closure([python.program], str(tmp_path))]
    assert tuple(found[:-1]) == python.program.needed
    assert found[-1].startswith("ld-linux")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("import os, sys as s", {("os", ""), ("sys", "")}),
        ("from json import dumps, loads", {("json", "dumps"), ("json", "loads")}),
        ("def f():\n  if x:\n    import re", {("re", "")}),
        ("try:\n  import a\nexcept ImportError:\n  import b", {("a", ""), ("b", "")}),
        ("if TYPE_CHECKING:\n  import typing\nelse:\n  import os", {("os", "")}),
        ("if OTHER:\n  import re", {("re", "")}),
        ("text = 'import re'", set()),
    ],
)
def test_named_imports(text: str, names: set[tuple[str, str]]) -> None:
    assert named(text) == names
