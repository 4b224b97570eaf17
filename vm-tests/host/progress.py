# SPDX-License-Identifier: Apache-2.0
"""Shows on stderr what a long step is doing."""

from __future__ import annotations

import sys
import time


class Progress:
    """Prints one line per step, each with the seconds since the start."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._start = time.monotonic()

    def step(self, text: str) -> None:
        """Announce what happens next."""
        seconds = time.monotonic() - self._start
        print(f"{self._what} {seconds:6.1f} s  {text}", file=sys.stderr, flush=True)
