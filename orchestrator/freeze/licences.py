# SPDX-License-Identifier: Apache-2.0
"""The texts of the licences of what is shipped beside our own program, where distributions install them."""

from __future__ import annotations

import os
from collections.abc import Iterable

from orchestrator.errors import Failure

# The directories of a Python's package: Fedora's and RHEL's (%license), openSUSE's, then Debian's.
FEDORA = ("python{v}-libs", "python{v}", "python3-libs", "python3", "python{digits}-base")
DEBIAN = ("python{v}-minimal", "libpython{v}-minimal", "python{v}")
# Those of a library's package, where neither is the name of the library itself.
PACKAGES = {"expat": ("libexpat1",), "z": ("zlib", "zlib-ng-compat", "zlib1g")}
NAMES = ("LICENSE", "LICENSE.txt", "COPYING", "LICENSE.md")


def of_python(root: str, version: str, stdlib: str) -> str:
    """The file with the licence of a Python; Failure where there is none, because it must go with every copy."""
    words = {"v": version, "digits": version.replace(".", "")}
    fedora, debian = ([name.format(**words) for name in names] for names in (FEDORA, DEBIAN))
    # Debian's names all that is built in, too. Python's own installation puts its licence beside the standard library.
    found = _first([*_places(root, (), debian), os.path.join(stdlib, "LICENSE.txt"), *_places(root, fedora, ())])
    if found is None:
        share = os.path.join(root, "usr/share")
        raise Failure(f"no licence of Python {version} in {stdlib} or {share}; install its package with its documentation")
    return found


def of_library(root: str, soname: str) -> str | None:
    """The file with the licence of a library, or None where none is found."""
    stem = soname.partition(".so")[0].removeprefix("lib")
    names = (stem, f"lib{stem}", *PACKAGES.get(stem, ()))
    return _first(_places(root, names, names))


def _places(root: str, fedora: Iterable[str], debian: Iterable[str]) -> list[str]:
    share = os.path.join(root, "usr/share")
    licences = [os.path.join(share, "licenses", name, file) for name in fedora for file in NAMES]
    return [*licences, *(os.path.join(share, "doc", name, "copyright") for name in debian)]


def _first(paths: Iterable[str]) -> str | None:
    return next((path for path in paths if os.path.isfile(path)), None)
