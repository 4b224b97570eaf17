# SPDX-License-Identifier: Apache-2.0
"""Put the frozen program into a root, with the libraries which that root lacks, once it is seen to be able to run it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.errors import Failure, Refusal
from orchestrator.freeze import closure, elf, tree
from orchestrator.freeze.closure import Library
from orchestrator.freeze.elf import Binary
from orchestrator.system.tree import resolve

LIBC = "libc.so.6"


@dataclass(frozen=True)
class Installed:
    """The paths written, relative to the target, and the libraries needed that were not looked for there."""

    paths: tuple[str, ...]
    unseen: tuple[str, ...]


def install(frozen: str, target: str) -> Installed:
    """Install `frozen` into `target`: an image's root, or a package's staging directory, which has no C library.

    A C library that is too old or incomplete is a Refusal, and nothing is written.
    """
    source = os.path.join(frozen, tree.PRIVATE)
    if not os.path.isdir(source):
        raise Failure(f"{source} does not exist; run `python3 -m orchestrator.freeze --output {frozen}` first")
    own = [*(f"{tree.PRIVATE}/{name}" for name in sorted(os.listdir(source))), f"{tree.LICENCES}/LICENSE.python", tree.COMMAND]
    files = {resolve(target, path, last=False): os.path.join(frozen, path) for path in own}
    users = [elf.read(path) for path in files.values() if elf.is_elf(path)]
    libc = closure.find(target, LIBC, users[0].machine)
    if libc is not None:
        where = os.path.dirname(libc.file.path)
        for library in lacking(users, frozen, target):
            files[f"{where}/{library.soname}"] = library.file.path
            files |= _licence(library, frozen, target)
    for destination, path in files.items():
        _copy(path, destination)
    for directory in (tree.PRIVATE, tree.LICENCES):
        os.chmod(resolve(target, directory), 0o755)  # whatever the umask
    unseen = {soname for user in users for soname in user.needed if "/" not in soname} if libc is None else ()
    return Installed(tuple(os.path.relpath(path, target) for path in files), tuple(sorted(unseen)))


def lacking(users: Sequence[Binary], frozen: str, target: str) -> list[Library]:
    """The libraries to bring to the target; a Refusal where its C library will not do for the program and them."""
    libraries = closure.closure(users, frozen)
    others = [library for library in libraries if not library.is_glibc and not library.is_private]
    everyone = [*users, *(library.file for library in others)]
    brought = [library for library in others if _lacks(target, library, everyone)]
    loaded = [*users, *(library.file for library in brought)]
    lacks = {word for library in libraries if library.is_glibc for word in _lacks(target, library, loaded)}
    lacks |= {user.interpreter for user in users if not os.path.exists(resolve(target, user.interpreter))}
    if lacks:
        raise Refusal(f"{target} lacks {', '.join(sorted(lacks))} of the C library; update it, or freeze an older --suite")
    return brought


def _licence(library: Library, frozen: str, target: str) -> dict[str, str]:
    """Where the licence of a library goes and comes from, if the frozen root has it."""
    path = f"{tree.LICENCES}/LICENSE.{library.soname}"
    source = os.path.join(frozen, path)
    return {resolve(target, path): source} if os.path.exists(source) else {}


def _lacks(target: str, library: Library, users: Sequence[Binary]) -> set[str]:
    """The versions that the target's library of that name does not define for `users`, or the name where there is none."""
    theirs = closure.find(target, library.soname, library.file.machine)
    if theirs is None:
        return {library.soname}
    needed = {version for user in users for soname, version in user.requires if soname == library.soname}
    return needed - theirs.file.provides


def _copy(source: str, destination: str) -> None:
    """Copy a file or a link in one step, so that a program that is running keeps the old file."""
    os.makedirs(os.path.dirname(destination), exist_ok=True)
    unfinished = destination + ".part"
    if os.path.lexists(unfinished):
        os.unlink(unfinished)
    shutil.copy2(source, unfinished, follow_symlinks=False)
    os.replace(unfinished, destination)
