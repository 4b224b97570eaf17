# SPDX-License-Identifier: Apache-2.0
"""Wall and CPU time of one program after another, below a root directory that may hold nothing but that program."""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType

# os.wait4() imports it at its first call, which is after the change of root here.
WAIT_RESULT = resource.struct_rusage
MESSAGE = 1 << 16  # bytes; a request is one argv


@dataclass(frozen=True)
class Sample:
    """What one run took, in milliseconds."""

    wall: float
    cpu: float
    status: int


def spawn(argv: Sequence[str], null: int) -> Sample:
    """Run a program with an empty environment and no output.

    posix_spawn() is a vfork(): what it costs does not depend on how big this process is.
    """
    actions = [(os.POSIX_SPAWN_DUP2, null, fd) for fd in (0, 1, 2)]
    start = time.perf_counter()
    pid = os.posix_spawn(argv[0], list(argv), {}, file_actions=actions)
    _, status, usage = os.wait4(pid, 0)
    wall = time.perf_counter() - start
    return Sample(wall * 1e3, (usage.ru_utime + usage.ru_stime) * 1e3, os.waitstatus_to_exitcode(status))


class Rooted:
    """A process that has changed its root once, and then spawns what it is told to: no chroot(8) in the times."""

    def __init__(self, root: str) -> None:
        """Start the process; `root` may be `/`."""
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._pid = os.fork()
        if self._pid == 0:
            self._socket.close()
            self._serve(root, theirs)
        theirs.close()

    def run(self, argv: Sequence[str]) -> Sample:
        """Run a program in that root; its own exit status is in the result."""
        self._socket.send(json.dumps(argv).encode())
        answer = json.loads(self._socket.recv(MESSAGE))
        if isinstance(answer, str):
            raise OSError(answer)
        return Sample(*answer)

    def __enter__(self) -> Rooted:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._socket.close()
        os.waitpid(self._pid, 0)

    @staticmethod
    def _serve(root: str, requests: socket.socket) -> None:
        """In the child: answer until the other end is closed."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        null = os.open(os.devnull, os.O_RDWR)
        if root != "/":
            os.chroot(root)
            os.chdir("/")
        while request := requests.recv(MESSAGE):
            try:
                sample = spawn(json.loads(request), null)
                requests.send(json.dumps([sample.wall, sample.cpu, sample.status]).encode())
            except OSError as error:
                requests.send(json.dumps(f"{json.loads(request)[0]}: {error.strerror}").encode())
        os._exit(0)
