# SPDX-License-Identifier: Apache-2.0
"""The frozen root: a directory that needs nothing else to run the program after a chroot into it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable

from orchestrator.errors import Failure
from orchestrator.freeze import closure, elf, loosen, trace
from orchestrator.freeze.archive import Unpacked
from orchestrator.freeze.bundle import bundle
from orchestrator.freeze.interpreter import Interpreter, interpreter
from orchestrator.freeze.runs import RUNS, Run

PRIVATE = "usr/lib/kdump-karg"
COMMAND = "usr/bin/kdump-karg"
COMMAND_TARGET = "../lib/kdump-karg/kdump-karg"
PROGRAM = f"{PRIVATE}/python"
UNUSED = ("libz.so.1", "libexpat.so.1")  # what start.ABSENT needs
ZIP = "kdump-karg.pyz"
MANIFEST = f"{PRIVATE}/MANIFEST"
# -I: no PYTHON* variable counts. UTF-8 mode: in a Latin-1 locale the interpreter would look for a codec that the zip does
# not have, and die.
LAUNCHER = f"#!/{PROGRAM} -IBXutf8\nimport kdump_karg_start\nkdump_karg_start.run()\n"
MTIME = 315532800  # 1980-01-01, as in the zip


def freeze(unpacked: Unpacked, output: str, package_root: str, runs: Iterable[Run] = RUNS) -> None:
    """Make the frozen root; what stood at `output` before is replaced as a whole."""
    target = interpreter(unpacked)
    modules = trace.modules(target, package_root, runs)
    unfinished = output + ".part"
    shutil.rmtree(unfinished, ignore_errors=True)
    _link_merged_usr(unfinished)
    _copy_interpreter(target, unfinished)
    for name, path in modules.extensions.items():
        _put(unfinished, f"{PRIVATE}/{name}.so", _extension(path), 0o644)
    _put(unfinished, f"{PRIVATE}/{ZIP}", bundle(target, package_root, modules), 0o644)
    _put(unfinished, f"{PROGRAM}._pth", _search_path(bool(modules.extensions)).encode(), 0o644)
    _put(unfinished, f"{PRIVATE}/kdump-karg", LAUNCHER.encode(), 0o755)
    _put(unfinished, MANIFEST, manifest(unpacked).encode(), 0o644)
    os.makedirs(os.path.join(unfinished, os.path.dirname(COMMAND)))
    os.symlink(COMMAND_TARGET, os.path.join(unfinished, COMMAND))
    _level(unfinished)
    shutil.rmtree(output, ignore_errors=True)
    os.rename(unfinished, output)


def manifest(unpacked: Unpacked) -> str:
    """What the tree was made from, one package to a line."""
    return "".join(f"{line}\n" for line in (f"suite {unpacked.suite.name}", *unpacked.packages))


def _search_path(extensions: bool) -> str:
    """The ._pth file. Beside the executable it is the whole module path: no site, no environment, no search, no warning."""
    return f"{ZIP}\n.\n" if extensions else f"{ZIP}\n"


def _link_merged_usr(root: str) -> None:
    """/lib and /lib64 as every current distribution has them, so that both spellings of a path work."""
    for name in ("lib", "lib64"):
        os.makedirs(os.path.join(root, "usr", name))
        os.symlink(f"usr/{name}", os.path.join(root, name))


def _copy_interpreter(target: Interpreter, root: str) -> None:
    """The private interpreter, and the C library at the paths where the distribution has it."""
    _put(root, PROGRAM, _loosened(target), 0o755)
    interpreter_path = str(target.program.interpreter)
    _put(root, _merged(interpreter_path), _content(target.loader), 0o755)
    for library in closure.closure(elf.read(os.path.join(root, PROGRAM)), target.root):
        if not library.is_glibc:
            raise Failure(f"{target.program.path} needs {library.soname}; name the modules that use it in UNUSED")
        if not interpreter_path.endswith(f"/{library.soname}"):
            _put(root, _merged(os.path.relpath(library.file.path, target.root)), _content(library.file.path), 0o644)


def _loosened(target: Interpreter) -> bytes:
    """The interpreter without the libraries that only serve modules which the zip's start-up code bars."""
    unused = [library for library in target.libraries if library.soname in UNUSED]
    absent = frozenset[str]().union(*(loosen.exports(library.file.path) for library in unused))
    return loosen.loosened(_content(target.program.path), UNUSED, absent)


def _extension(path: str) -> bytes:
    """An extension module's content; Failure for one that needs a library of its own."""
    others = [soname for soname in elf.read(path).needed if not closure.is_glibc(soname)]
    if others:
        raise Failure(f"{path} needs {', '.join(others)}, which is not brought along; avoid that module")
    return _content(path)


def _merged(path: str) -> str:
    """A path in a root whose /lib is a link into /usr."""
    return "usr/" + path.strip("/").removeprefix("usr/")


def _put(root: str, path: str, content: bytes, mode: int) -> None:
    where = os.path.join(root, path)
    os.makedirs(os.path.dirname(where), exist_ok=True)
    with open(where, "wb") as file:
        file.write(content)
    os.chmod(where, mode)


def _content(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _level(root: str) -> None:
    """One time for everything and one mode for directories, so that an image made of the tree is reproducible too."""
    for directory, names, files in os.walk(root, topdown=False):
        for name in (*names, *files):
            os.utime(os.path.join(directory, name), (MTIME, MTIME), follow_symlinks=False)
        os.chmod(directory, 0o755)
        os.utime(directory, (MTIME, MTIME))
