# SPDX-License-Identifier: Apache-2.0
"""Put the frozen program into a root, once that root's C library is seen to be able to run it."""

from __future__ import annotations

import os
import shutil

from orchestrator.errors import Failure, Refusal
from orchestrator.freeze import closure, elf, tree
from orchestrator.freeze.elf import Binary
from orchestrator.tree import resolve

LIBC = "libc.so.6"


def install(frozen: str, target: str) -> tuple[str, ...]:
    """Install `frozen` into `target` and return the paths written, relative to it.

    A target without any C library is a package's staging directory: nothing is checked. One whose C library is too old
    or incomplete is a Refusal, and nothing is written.
    """
    source = os.path.join(frozen, tree.PRIVATE)
    if not os.path.isdir(source):
        raise Failure(f"{source} does not exist; run `python3 -m orchestrator.freeze --output {frozen}` first")
    check(elf.read(os.path.join(frozen, tree.PROGRAM)), target)
    paths = (*(f"{tree.PRIVATE}/{name}" for name in sorted(os.listdir(source))), tree.COMMAND)
    for path in paths:
        _copy(os.path.join(frozen, path), resolve(target, path, last=False))
    os.chmod(resolve(target, tree.PRIVATE), 0o755)  # whatever the umask
    return paths


def check(program: Binary, target: str) -> None:
    """Refuse a target whose C library lacks a file or a version that the interpreter needs."""
    if closure.find(target, LIBC, program.machine) is None:
        return
    for soname in program.needed:
        library = closure.find(target, soname, program.machine)
        if library is None:
            raise Refusal(f"{target} has {LIBC} but no {soname}; install the whole of its C library first")
        missing = closure.missing_versions([program], library)
        if missing:
            raise Refusal(f"{library.file.path} lacks {', '.join(missing)}; freeze with the Python of an older --suite")
    if not os.path.exists(resolve(target, str(program.interpreter))):
        raise Refusal(f"{target} has no {program.interpreter}; install the whole of its C library first")


def _copy(source: str, destination: str) -> None:
    """Copy a file or a link in one step, so that a program that is running keeps the old file."""
    os.makedirs(os.path.dirname(destination), exist_ok=True)
    unfinished = destination + ".part"
    if os.path.lexists(unfinished):
        os.unlink(unfinished)
    shutil.copy2(source, unfinished, follow_symlinks=False)
    os.replace(unfinished, destination)
