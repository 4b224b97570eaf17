# SPDX-License-Identifier: Apache-2.0
"""SHA-256 of files, without hashlib: that would bring OpenSSL into the frozen program."""

from __future__ import annotations

import os
import stat

from orchestrator.system import tree

try:
    from _sha256 import sha256  # type: ignore[import-not-found]
except ImportError:  # Python 3.12 and later
    pass
try:
    from _sha2 import sha256  # type: ignore[import-not-found]
except ImportError:  # Python 3.11
    pass

PIECE = 1 << 20


def of_text(text: str) -> str:
    """In hex."""
    return str(sha256(text.encode("utf-8", "surrogateescape")).hexdigest())


def of_file(root: str, path: str) -> str:
    """In hex, of a regular file below the root; "" where there is none. Raises OSError, Refusal where it cannot be read."""
    try:
        file = os.open(tree.resolve(root, path), tree.READ)
    except (FileNotFoundError, NotADirectoryError):
        return ""
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            return ""
        found = sha256()
        while piece := os.read(file, PIECE):
            found.update(piece)
    finally:
        os.close(file)
    return str(found.hexdigest())
