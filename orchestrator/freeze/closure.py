# SPDX-License-Identifier: Apache-2.0
"""The shared libraries that programs load, found in a root directory as its dynamic loader would."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from orchestrator.errors import Failure
from orchestrator.freeze import elf
from orchestrator.freeze.elf import Binary
from orchestrator.system.tree import names, resolve

# The C library is one thing in several files that only fit each other (GLIBC_PRIVATE): never mixed, never shipped.
GLIBC = ("libc.so", "libm.so", "libpthread.so", "libdl.so", "librt.so", "libutil.so", "libresolv.so", "ld-linux", "ld64.so")
PARENTS = ("usr/lib64", "usr/lib", "lib64", "lib")


@dataclass(frozen=True)
class Library:
    """A shared library: the name it is asked for by, and the file found for it."""

    soname: str
    file: Binary

    @property
    def is_private(self) -> bool:
        """Is it asked for by its path, and so nobody's but its user's (private.py)?"""
        return "/" in self.soname

    @property
    def is_glibc(self) -> bool:
        """Is it a part of the C library?"""
        return self.soname.startswith(GLIBC)


def find(root: str, soname: str, machine: tuple[str, int], first: Sequence[str] = ()) -> Library | None:
    """The library of that name and machine below `root`, in the directories `first` and then in the loader's own.

    A name with a slash is the path itself, as for the loader (ld.so(8)).
    """
    for directory in [""] if "/" in soname else [*first, *_directories(root)]:
        path = resolve(root, f"{directory}/{soname}")
        if elf.is_elf(path):
            binary = elf.read(path)
            if binary.machine == machine:
                return Library(soname, binary)
    return None


def closure(users: Iterable[Binary], root: str, places: Sequence[str] = ()) -> tuple[Library, ...]:
    """All that those files load, their own needs first; Failure for a library that is missing.

    `places` are directories where the loader of `root` looks besides its own.
    """
    found: dict[str, Library] = {}
    waiting = list(users)
    for user in waiting:  # which grows by what is found
        for soname in user.needed:
            if soname not in found:
                library = find(root, soname, user.machine, (*user.searched, *places))
                if library is None:
                    raise Failure(f"{user.path} needs {soname}, which is not below {root}; add the package that holds it")
                found[soname] = library
                waiting.append(library.file)
    return tuple(found.values())


def _directories(root: str) -> Iterator[str]:
    """Where a loader looks, for the layouts of Debian and of Fedora."""
    for parent in PARENTS:
        yield parent
        yield from (f"{parent}/{name}" for name in names(root, parent) if name.endswith("-linux-gnu"))
