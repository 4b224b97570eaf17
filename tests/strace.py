# SPDX-License-Identifier: Apache-2.0
"""strace(1) on a piece of a test: which system calls it makes below a directory, and the same with one of them failing."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from typing import NoReturn

import pytest

from tests.isolated import Action, root_only, run_and_exit

strace_only = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
needs = (root_only, strace_only)
LINE = re.compile(r"(\w+)\((.*)")


@dataclass(frozen=True)
class Call:
    """The system call of that number, from 1, among those of its name; and all of it as strace shows it."""

    name: str
    number: int
    shown: str


@dataclass(frozen=True)
class Ended:
    """How a traced action ended: exit status, negative for a signal, and what it wrote to stderr."""

    status: int
    said: str


def record(action: Action, below: str) -> tuple[list[Call], Ended]:
    """Run the action in a child; the calls that name something at or below the directory, in order."""
    with tempfile.NamedTemporaryFile("r") as log:
        ended = _traced(action, "-y", "-s", "1", "-o", log.name)
        lines = log.read().splitlines()
    seen: Counter[str] = Counter()
    found = []
    inside = re.compile(rf'["<]{re.escape(below)}["/>]')
    for line in lines:
        if match := LINE.match(line):
            seen[match[1]] += 1
            if inside.search(line):
                found.append(Call(match[1], seen[match[1]], line))
    return found, ended


def injected(action: Action, call: Call, tampering: str) -> Ended:
    """Run the action in a child with that call tampered with: `error=EIO`, or `signal=SIGKILL` before it is made."""
    return _traced(action, "-o", "/dev/null", f"--trace={call.name}", f"--inject={call.name}:{tampering}:when={call.number}")


def _traced(action: Action, *options: str) -> Ended:
    """Fork, attach, go, wait. The child waits in a call that no action makes, so that none is counted by chance.

    Its stderr is read to the end, which comes when a process that a killed action leaves behind (freezer.py's) is gone too.
    """
    sys.stdout.flush()
    reader, writer = os.pipe()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    child = os.fork()
    if child == 0:
        _run(action, writer)
    os.close(writer)
    argv = ["strace", "-p", str(child), "-e", "signal=none", *options]
    with open(reader) as errors, subprocess.Popen(argv, stderr=subprocess.PIPE, text=True) as tracer:
        assert tracer.stderr is not None
        attached = tracer.stderr.readline()
        os.kill(child, signal.SIGUSR1 if "attached" in attached else signal.SIGKILL)
        said = errors.read()
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        tracer.stderr.read()
    assert "attached" in attached, attached
    return Ended(status, said)


def _run(action: Action, errors: int) -> NoReturn:
    """The child: it waits until it is being traced."""

    def traced() -> None:
        os.dup2(errors, 2)
        os.close(errors)
        sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)  # not pytest's
        signal.sigwait({signal.SIGUSR1})
        action()

    run_and_exit(traced)
