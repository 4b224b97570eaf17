# SPDX-License-Identifier: Apache-2.0
"""The start of a kernel image, which rules/kernel_image.py understands."""

from __future__ import annotations

import os

from orchestrator.errors import Refusal
from orchestrator.rules import kernel_image
from orchestrator.system import tree


def header(root: str, path: str) -> bytes:
    """The start of a kernel image, b"" where it cannot be read."""
    try:
        file = os.open(tree.resolve(root, path), tree.READ)
    except (OSError, Refusal):
        return b""
    try:
        return os.pread(file, kernel_image.HEADER, 0)
    except OSError:
        return b""
    finally:
        os.close(file)
