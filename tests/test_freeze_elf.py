# SPDX-License-Identifier: Apache-2.0
"""Reading ELF files, following what they need, and asking for less."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from orchestrator.errors import Failure
from orchestrator.freeze import archive, closure, elf, interpreter, loosen
from orchestrator.freeze.command import CHECKOUT, DEFAULT_SUITE
from orchestrator.freeze.imports import named
from orchestrator.freeze.interpreter import Interpreter
from orchestrator.freeze.tree import UNUSED


@pytest.fixture(scope="module")
def python() -> Interpreter:
    """The default suite's Python, unpacked."""
    unpacked = archive.unpack(archive.suite(DEFAULT_SUITE), os.path.join(CHECKOUT, "build/cache"), os.environ)
    return interpreter.interpreter(unpacked)


def test_reads_a_program(python: Interpreter) -> None:
    program = python.program
    assert program.interpreter is not None and program.interpreter.startswith("/lib")
    assert {"libm.so.6", "libc.so.6", *UNUSED} == set(program.needed)
    assert ("libz.so.1", "ZLIB_1.2.0") in program.requires
    libraries = {library.soname: library.file for library in python.libraries}
    assert "GLIBC_2.34" in libraries["libc.so.6"].provides
    assert libraries["libm.so.6"].soname == "libm.so.6"


@pytest.mark.parametrize("content", [b"", b"#!/bin/sh\n", b"\x7fELF"])
def test_not_an_elf_file(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(Failure, match="is not an ELF file"):
        elf.read(str(tmp_path / "file"))


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="cannot be read"):
        elf.read(str(tmp_path / "file"))


def test_missing_library(python: Interpreter, tmp_path: Path) -> None:
    (tmp_path / "usr/lib").mkdir(parents=True)
    with pytest.raises(Failure, match="needs libm.so.6, which is not below"):
        closure.closure(python.program, str(tmp_path))


def test_library_too_old(python: Interpreter, tmp_path: Path) -> None:
    (tmp_path / "usr/lib").mkdir(parents=True)
    for library in python.libraries:
        shutil.copy(library.file.path, tmp_path / "usr/lib" / library.soname)
    assert {library.soname for library in closure.closure(python.program, str(tmp_path))} >= set(python.program.needed)
    libz = tmp_path / "usr/lib/libz.so.1"
    libz.write_bytes(libz.read_bytes().replace(b"ZLIB_1.2.0\0", b"ZLIB_9.2.0\0"))
    with pytest.raises(Failure, match="lacks ZLIB_1.2.0; take all packages from one suite"):
        closure.closure(python.program, str(tmp_path))


def test_loosened(python: Interpreter, tmp_path: Path) -> None:
    """Fewer libraries, an older C library, and every byte that is not about that as it was."""
    before = Path(python.program.path).read_bytes()
    absent = frozenset[str]().union(*(loosen.exports(lib.file.path) for lib in python.libraries if lib.soname in UNUSED))
    after = loosen.loosened(before, UNUSED, absent)
    (tmp_path / "python").write_bytes(after)
    program = elf.read(str(tmp_path / "python"))
    assert program.needed == tuple(name for name in python.program.needed if name not in UNUSED)
    assert set(program.requires) < set(python.program.requires)
    assert ("libm.so.6", "GLIBC_2.35") not in program.requires
    assert len(after) == len(before)
    assert sum(a != b for a, b in zip(before, after, strict=True)) < 400


def test_loosen_refuses_what_it_does_not_know(python: Interpreter) -> None:
    data = bytearray(Path(python.program.path).read_bytes())
    name = data.index(b".gnu.version_r\0")
    data[name : name + 4] = b".odd"
    with pytest.raises(Failure, match="is not a dynamic 64-bit program"):
        loosen.loosened(bytes(data), UNUSED, frozenset())


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
