# SPDX-License-Identifier: Apache-2.0
"""Built things, found again by a digest of everything they were made from."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

KEY_LENGTH = 16

#: Of each kind; a disk image takes 700 MB.
KEEP = 8

#: A list of the packages that a thing is made of may lie beside it.
LIST_SUFFIX = ".packages"


def digest(*parts: str | bytes) -> str:
    """A key for a sequence of texts, in this order."""
    state = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        state.update(f"{len(data)}:".encode() + data)
    return state.hexdigest()[:KEY_LENGTH]


def tree_digest(tree: Path) -> str:
    """A key for the names, modes and contents below `tree`."""
    parts: list[str | bytes] = []
    for path in sorted(tree.rglob("*")):
        if path.name == "__pycache__" or path.suffix == ".pyc":
            continue
        parts.append(f"{path.relative_to(tree)} {path.lstat().st_mode:o}")
        if path.is_symlink():
            parts.append(os.readlink(path))
        elif path.is_file():
            parts.append(path.read_bytes())
    return digest(*parts)


class Cache:
    """A directory of finished files. A file under its final name is complete."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)

    def get(self, name: str, build: Callable[[Path], None]) -> Path:
        """The file `name`; if it is not there, `build` writes it to the path it is given."""
        final = self.directory / name
        with (self.directory / f"{name}.lock").open("w") as lock:
            # Two runs may want the same image; the second waits for the first.
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not final.exists():
                partial = final.with_name(f"{name}.partial")
                partial.unlink(missing_ok=True)
                build(partial)
                partial.replace(final)
                self._prune(final)
        os.utime(final)
        return final

    def _prune(self, newest: Path) -> None:
        """Delete what was used longest ago. A machine that runs from it keeps the open file."""
        kind = newest.name.split("-")[0]
        alike = self.directory.glob(f"{kind}-*{newest.suffix}")
        for path in sorted(alike, key=lambda found: found.stat().st_mtime)[:-KEEP]:
            path.unlink()
            path.with_suffix(LIST_SUFFIX).unlink(missing_ok=True)
