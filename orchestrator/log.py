# SPDX-License-Identifier: Apache-2.0
"""Messages to stderr; under systemd with the priority prefix that journald reads (sd-daemon(3)).

`rd.kdump_karg.debug` on the kernel command line shows the debug messages too.
"""

from __future__ import annotations

import os
import sys

PREFIX = "kdump-karg: "
ERROR, WARNING, NOTICE, INFO, DEBUG = 3, 4, 5, 6, 7


_verbose = False


def set_verbose(verbose: bool) -> None:
    """Show debug messages from here on, or not."""
    global _verbose
    _verbose = verbose


def is_verbose() -> bool:
    """Are debug messages shown?"""
    return _verbose


def debug(message: str) -> None:
    """A message for whoever asked for all of them."""
    if _verbose:
        say(DEBUG, message)


def say(priority: int, message: str) -> None:
    """One line, whatever the message holds."""
    level = f"<{priority}>" if "JOURNAL_STREAM" in os.environ else ""
    sys.stderr.write(f"{level}{PREFIX}{' '.join(message.split())}\n")
