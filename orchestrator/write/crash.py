# SPDX-License-Identifier: Apache-2.0
"""Panics the running kernel. Whoever calls this has asked whether it may be done."""

from __future__ import annotations

import os

from orchestrator.errors import Failure, Refusal
from orchestrator.facts.proof_record import THEIRS, Trial
from orchestrator.rules import crash_log
from orchestrator.system import process, tree
from orchestrator.write import proof_notes

TRIGGER = "proc/sysrq-trigger"
LOG = "dev/kmsg"
CRASH = b"c"  # linux Documentation/admin-guide/sysrq.rst


def problem(root: str) -> str:
    """Why the kernel could not be told to panic, in one sentence; "" where it can. Opens the file and writes nothing."""
    try:
        os.close(_open(root, TRIGGER))
    except FileNotFoundError:
        reason = "is missing: the kernel was built without CONFIG_MAGIC_SYSRQ"
    except OSError as error:
        reason = f"cannot be written ({error.strerror})"
    else:
        return ""
    return f"/{TRIGGER} {reason}, so that nothing can crash this machine on purpose"


def crash(root: str, test: Trial) -> None:
    """Note the test, announce it in the kernel's log, write all that is unsaved to disk, and panic: does not return.

    Raises Failure where the machine is still there, the note taken back; Refusal where another test was begun meanwhile.
    """
    try:
        proof_notes.begin(root, test)
        _panic(root, test)
    except Refusal:  # the note is another test's
        raise
    except OSError as error:
        proof_notes.forget(root)
        raise Failure(f"{error.filename or f'/{TRIGGER}'}: {error.strerror}; the machine was not crashed") from error
    except BaseException:  # also where somebody interrupts kdumpctl
        proof_notes.forget(root)
        raise
    proof_notes.forget(root)
    means = "kdumpctl test" if test.by == THEIRS else f"/{TRIGGER}"
    raise Failure(f"{means} returned and the machine did not panic; look at the kernel's log")


def _panic(root: str, test: Trial) -> None:
    """Raises OSError, Failure; returns only from a kernel that does not do what it is told to."""
    _announce(root, test)
    os.sync()
    if test.by == THEIRS:
        process.run("kdumpctl", "test", "--force")
    else:
        _trigger(root)


def _announce(root: str, test: Trial) -> None:
    """The line that ties the dump to the test: the log in the dump ends in it and in the panic."""
    file = _open(root, LOG)
    try:
        os.write(file, f"<4>{crash_log.line(test.id)}\n".encode())
    finally:
        os.close(file)


def _trigger(root: str) -> None:
    """The kernel does not return from this write (drivers/tty/sysrq.c sysrq_handle_crash())."""
    file = _open(root, TRIGGER)
    try:
        os.write(file, CRASH)
    finally:
        os.close(file)


def _open(root: str, path: str) -> int:
    """A file of the kernel, to be written to. Nothing is made where it is missing."""
    return os.open(tree.resolve(root, path), os.O_WRONLY | os.O_CLOEXEC | os.O_NOCTTY)
