# SPDX-License-Identifier: Apache-2.0
"""Mounts that no other process sees, for a run that a person starts; a unit has them by MountFlags=slave.

/boot is read-only on these systems and made writable for the length of a write. Flags belong to a mount, so in a namespace of
its own the program changes its copy, and what everybody else sees stays read-only at every moment.
"""

from __future__ import annotations

import os
import sys

from orchestrator import log
from orchestrator.errors import Failure, Refusal
from orchestrator.system import process

OURS, FIRST = "/proc/self/ns/mnt", "/proc/1/ns/mnt"  # namespaces(7): the same inode, the same namespace
UNSHARE = ("--mount", "--propagation", "slave", "--")  # unshare(1): mounts of others still arrive, ours do not leave


def are_shared() -> bool:
    """Does this process see the mounts of the whole system? Where that cannot be told, it does."""
    try:
        ours, first = os.stat(OURS), os.stat(FIRST)
    except OSError:
        return True
    return (ours.st_dev, ours.st_ino) == (first.st_dev, first.st_ino)


def run_again() -> None:
    """Put this very command line in the place of this process, in a mount namespace of its own. Returns where it is in one.

    Python 3.11 has no unshare(2), so util-linux' program is what makes the namespace. Raises Refusal where there is none.
    """
    if not are_shared():
        return
    try:
        program = process.find("unshare")
    except Failure:
        where = ", ".join(process.SEARCH)
        raise Refusal(f"the program unshare is not in {where}, so /boot cannot be written unseen; install util-linux") from None
    argv = [program, *UNSHARE, *command_line()]
    log.debug(f"running {' '.join(argv)}")
    os.execv(program, argv)


def command_line() -> list[str]:
    """How this process was started: the interpreter by its path, its options, the program and the arguments."""
    return [sys.executable, *sys.orig_argv[1:]]
