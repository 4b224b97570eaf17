# SPDX-License-Identifier: Apache-2.0
"""Standard output."""

from __future__ import annotations

import sys


def write(text: str) -> None:
    """To stdout, bytes that are no UTF-8 as they came."""
    sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape"))
    sys.stdout.flush()
