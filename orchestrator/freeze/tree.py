# SPDX-License-Identifier: Apache-2.0
"""The frozen root: a directory that needs nothing else to run the program after a chroot into it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable

from orchestrator.freeze import bundle, closure, elf, licences, private, trace
from orchestrator.freeze.closure import Library
from orchestrator.freeze.interpreter import Interpreter
from orchestrator.freeze.trace import Modules

PRIVATE = "usr/lib/kdump-karg"
# No link to a file in PRIVATE: what counts for SELinux is the label of the file that is executed. One of /usr/bin is bin_t, by
# which systemd enters the domain of a service; one of /usr/lib is lib_t, which Fedora's init_t may not execute as a program
# (corecommands.fc, libraries.fc and init.te of refpolicy and of Fedora's policy). The interpreter of a script may be lib_t.
COMMAND = "usr/bin/kdump-karg"
PROGRAM = f"{PRIVATE}/python"
LIBPYTHON = f"usr{private.PATH}"  # where the interpreter is not linked with it
LICENCES = "usr/share/licenses/kdump-karg"  # a directory that stays where an image leaves documentation out
ZIP = "kdump-karg.pyz"
# -I: no PYTHON* variable counts. UTF-8 mode: in a Latin-1 locale the interpreter would look for a codec that the zip does
# not have, and die.
LAUNCHER = f"#!/{PROGRAM} -IBXutf8\nimport kdump_karg_start\nkdump_karg_start.run()\n"
# Beside the executable it is the whole module path: no site, no environment, no search, no warning. The second line is for
# extension modules.
SEARCH_PATH = f"{ZIP}\n.\n"
MTIME = 315532800  # 1980-01-01, as in the zip


def freeze(target: Interpreter, output: str) -> None:
    """Make the frozen root; what stood at `output` before is replaced as a whole."""
    modules = trace.modules(target)
    extensions = [elf.read(path) for path in modules.extensions.values()]
    libraries = closure.closure([target.program, *extensions], target.root, target.places)
    unfinished = output + ".part"
    shutil.rmtree(unfinished, ignore_errors=True)
    _link_merged_usr(unfinished)
    for path, source in _private(target, modules, libraries).items():
        _put(unfinished, path, private.bound(_content(source), source), 0o755)
    for library in libraries:
        if not private.is_private(library.soname):
            _copy_library(unfinished, library, target)
    for path, content in _texts(target, modules).items():
        _put(unfinished, path, content)
    _put(unfinished, COMMAND, LAUNCHER.encode(), 0o755)
    _level(unfinished)
    shutil.rmtree(output, ignore_errors=True)
    os.rename(unfinished, output)


def _private(target: Interpreter, modules: Modules, libraries: Iterable[Library]) -> dict[str, str]:
    """Which files become ours alone: the interpreter, its extension modules, and its libpython if it has one."""
    ours = {PROGRAM: target.program.path}
    ours |= {f"{PRIVATE}/{name}.so": path for name, path in modules.extensions.items()}
    return ours | {LIBPYTHON: library.file.path for library in libraries if private.is_private(library.soname)}


def _texts(target: Interpreter, modules: Modules) -> dict[str, bytes]:
    """The files that are made here, and the licence."""
    files = bundle.members(bundle.compiled(target, modules.sources), modules.extensions)
    return {
        f"{PRIVATE}/{ZIP}": bundle.zipped(files),
        f"{PROGRAM}._pth": SEARCH_PATH.encode(),
        f"{PRIVATE}/MANIFEST": "".join(f"{line}\n" for line in target.origin).encode(),
        f"{LICENCES}/LICENSE.python": _content(target.licence),
    }


def _link_merged_usr(root: str) -> None:
    """/lib and /lib64 as every current distribution has them, so that both spellings of a path work."""
    for name in ("lib", "lib64"):
        os.makedirs(os.path.join(root, "usr", name))
        os.symlink(f"usr/{name}", os.path.join(root, name))


def _copy_library(root: str, library: Library, target: Interpreter) -> None:
    """A library, with its licence, to the directory where the distribution has it; the loader to where programs name it."""
    loader = target.program.interpreter
    if library.soname == os.path.basename(loader):
        path, mode = loader, 0o755
    else:
        directory = os.path.dirname(os.path.relpath(library.file.path, target.root))
        path, mode = f"{directory}/{library.soname}", 0o644
    _put(root, "usr/" + path.strip("/").removeprefix("usr/"), _content(library.file.path), mode)
    licence = None if library.is_glibc else licences.of_library(target.root, library.soname)
    if licence is not None:
        _put(root, f"{LICENCES}/LICENSE.{library.soname}", _content(licence))


def _content(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _put(root: str, path: str, content: bytes, mode: int = 0o644) -> None:
    where = os.path.join(root, path)
    os.makedirs(os.path.dirname(where), exist_ok=True)
    with open(where, "wb") as file:
        file.write(content)
    os.chmod(where, mode)


def _level(root: str) -> None:
    """One time for everything and one mode for directories, so that an image made of the tree is reproducible too."""
    for directory, names, files in os.walk(root, topdown=False):
        for name in (*names, *files):
            os.utime(os.path.join(directory, name), (MTIME, MTIME), follow_symlinks=False)
        os.chmod(directory, 0o755)
        os.utime(directory, (MTIME, MTIME))
