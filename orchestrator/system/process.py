# SPDX-License-Identifier: Apache-2.0
"""The only module that starts other programs. posix_spawn and a pipe: the subprocess package costs more than all of `apply`."""

from __future__ import annotations

import os

from orchestrator import log
from orchestrator.errors import Failure

SEARCH = ("/usr/bin", "/usr/sbin", "/bin", "/sbin")  # an initramfs unit has no PATH worth trusting


def find(name: str) -> str:
    """The path of a program; Failure, naming it, where the system has none."""
    for directory in SEARCH:
        path = f"{directory}/{name}"
        if os.access(path, os.X_OK):
            return path
    raise Failure(f"the program {name} is not in {', '.join(SEARCH)}; install it into this image")


def run(*argv: str) -> str:
    """What the program writes, both streams together; Failure with the whole command and its output if it fails."""
    log.debug(f"running {' '.join(argv)}")
    program = find(argv[0])
    read_end, write_end = os.pipe()
    actions = [(os.POSIX_SPAWN_DUP2, write_end, 1), (os.POSIX_SPAWN_DUP2, write_end, 2)]
    try:
        child = os.posix_spawn(program, list(argv), {"LC_ALL": "C.UTF-8", "PATH": ":".join(SEARCH)}, file_actions=actions)
    finally:
        os.close(write_end)
    with open(read_end, errors="replace") as pipe:
        output = pipe.read().strip()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status:
        complaint = f": {' / '.join(output.splitlines())}" if output else " and no message"
        raise Failure(f"{' '.join(argv)} failed with status {status}{complaint}")
    return output
