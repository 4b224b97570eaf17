# SPDX-License-Identifier: Apache-2.0
"""The shared libraries that a program loads, found in a root directory as its dynamic loader would."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from orchestrator.errors import Failure
from orchestrator.freeze import elf
from orchestrator.freeze.elf import Binary
from orchestrator.tree import resolve

# The C library is one thing in several files that only fit each other (GLIBC_PRIVATE): never mixed, never shipped.
GLIBC = ("libc.so", "libm.so", "libpthread.so", "libdl.so", "librt.so", "libutil.so", "libresolv.so", "ld-linux", "ld64.so")
PARENTS = ("usr/lib64", "usr/lib", "lib64", "lib")


@dataclass(frozen=True)
class Library:
    """A shared library: the name it is asked for by, and the file found for it."""

    soname: str
    file: Binary

    @property
    def is_glibc(self) -> bool:
        """Is it a part of the C library?"""
        return is_glibc(self.soname)


def is_glibc(soname: str) -> bool:
    """Is a library of this name a part of the C library?"""
    return soname.startswith(GLIBC)


def missing_versions(users: Iterable[Binary], library: Library) -> tuple[str, ...]:
    """The versions that `users` need of a library and that it does not define, sorted."""
    needed = {version for user in users for soname, version in user.requires if soname == library.soname}
    return tuple(sorted(needed - library.file.provides))


def find(root: str, soname: str, machine: tuple[str, int]) -> Library | None:
    """The library of that name and machine in the loader's own directories below `root`."""
    for directory in _directories(root):
        path = resolve(root, f"{directory}/{soname}")
        if elf.is_elf(path):
            binary = elf.read(path)
            if binary.machine == machine:
                return Library(soname, binary)
    return None


def closure(program: Binary, root: str) -> tuple[Library, ...]:
    """All that the program loads, its own needs first; Failure for a library that is missing or too old."""
    found: dict[str, Library] = {}
    waiting = [program]
    while waiting:
        user = waiting.pop(0)
        for soname in user.needed:
            if soname not in found:
                found[soname] = _found(root, soname, user)
                waiting.append(found[soname].file)
    _check_versions([program, *(library.file for library in found.values())], found.values())
    return tuple(found.values())


def _directories(root: str) -> Iterator[str]:
    """Where a loader looks, for the layouts of Debian and of Fedora."""
    for parent in PARENTS:
        yield parent
        where = resolve(root, parent)
        if os.path.isdir(where):
            yield from (f"{parent}/{name}" for name in sorted(os.listdir(where)) if name.endswith("-linux-gnu"))


def _found(root: str, soname: str, user: Binary) -> Library:
    library = find(root, soname, user.machine)
    if library is None:
        raise Failure(f"{user.path} needs {soname}, which is not below {root}; add the package that holds it")
    return library


def _check_versions(users: Iterable[Binary], libraries: Iterable[Library]) -> None:
    for library in libraries:
        lacking = missing_versions(users, library)
        if lacking:
            raise Failure(f"{library.file.path} lacks {', '.join(lacking)}; take all packages from one suite")
