# SPDX-License-Identifier: Apache-2.0
"""Messages to stderr; where that leads to the journal, with the priority prefix that journald reads (sd-daemon(3)).

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


def debug(message: str, found: object = None) -> None:
    """A message that is shown only on request; `found` follows it, and is formatted only then."""
    if _verbose:
        say(DEBUG, message if found is None else f"{message}: {found}")


def say(priority: int, message: str) -> None:
    """One line, whatever the message holds."""
    if sys.stderr is None:  # it was closed before we were started
        return
    level = f"<{priority}>" if _is_journal() else ""
    sys.stderr.write(f"{level}{PREFIX}{' '.join(message.split())}\n")


def _is_journal() -> bool:
    """Does stderr lead to the journal? JOURNAL_STREAM alone does not say so: it is inherited where stderr is not.

    It is "DEVICE:INODE", decimal, of the stream, and of stderr's where stdout is another (systemd.exec(5)). systemd sets it for
    `journal+console` as for `journal`: the process has the same socket (src/core/execute.c setup_output()).
    """
    stream = os.environ.get("JOURNAL_STREAM")
    if not stream:
        return False
    try:
        status = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return stream == f"{status.st_dev}:{status.st_ino}"
