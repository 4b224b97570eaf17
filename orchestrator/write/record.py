# SPDX-License-Identifier: Apache-2.0
"""Keeps the record of what was written, for `undo`, and the note of what was taken back. Both lie outside /boot."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace

from orchestrator import log
from orchestrator.decide import undo
from orchestrator.decide.plan import Plan
from orchestrator.errors import Refusal
from orchestrator.facts import record
from orchestrator.facts.record import UNDONE, WRITTEN, Record
from orchestrator.system import labels, tree
from orchestrator.system import var as state
from orchestrator.write import apply as writer

TEMPORARY = ".record.tmp"
LOSS = "kdump-karg undo will have no record of this write"


@dataclass(frozen=True)
class Kept:
    """The bytes of the two files, None for one that is not there."""

    written: bytes | None
    undone: bytes | None


def keep(var: str) -> Kept:
    """What stands in the two files of the /var `var` before a write. One that cannot be read counts as none."""
    return Kept(_bytes(var, WRITTEN), _bytes(var, UNDONE))


def enter(var: str, made: Plan, *, must: bool) -> None:
    """Before the first step: record what is about to be written. From here on the last undo is history.

    What was there before an earlier write on the same deployment stays recorded. Where the record cannot be written, that is a
    warning; with `must` a Refusal, since somebody is there who can make room and run the program again.
    """
    if made.undoes or made.record is None:
        return
    try:
        now = replace(made.record, time=_now())
        _write(var, WRITTEN, "".join(map(record.encode, undo.carried_on(_earlier(var), now))))
    except (OSError, Refusal) as error:
        why = error.strerror if isinstance(error, OSError) else str(error).partition(";")[0]
        if must:
            raise Refusal(f"/{WRITTEN}: {why}, so {LOSS}; make room in /var and run kdump-karg again") from error
        log.say(log.WARNING, f"/{WRITTEN}: {why}; {LOSS}")
    _remove(var, UNDONE)


def put_back(var: str, kept: Kept) -> None:
    """After a write that was refused: both files as they were, so that nobody believes in what was not written."""
    for path, content in ((WRITTEN, kept.written), (UNDONE, kept.undone)):
        if content == _bytes(var, path):
            continue
        if content is None:
            _remove(var, path)
            continue
        try:
            _write(var, path, content.decode("utf-8", "surrogateescape"))
        except OSError as error:
            log.say(log.WARNING, f"/{path} cannot be put back ({error.strerror})")


def settle(var: str) -> None:
    """After a write that was verified: the record of an earlier one, which was kept in case this one is cut short, goes."""
    try:
        records = _earlier(var)
        if len(records) > 1:
            _write(var, WRITTEN, record.encode(records[0]))
    except (OSError, Refusal) as error:
        log.say(log.WARNING, f"/{WRITTEN} keeps the record of an earlier write as well: {error}")


def close(var: str, taken_back: Record) -> None:
    """After an undo: the note that `status` shows takes the place of the record, if there is room for it."""
    try:
        _write(var, UNDONE, record.encode(replace(taken_back, time=_now())))
    except OSError as error:
        log.say(log.WARNING, f"/{UNDONE}: {error.strerror}; status will not say that this was taken back")
    _remove(var, WRITTEN)


def _earlier(var: str) -> tuple[Record, ...]:
    """The records of earlier writes; none where there are none, or not whole ones. Refusal where they cannot be read."""
    content = tree.read_bytes("", state.inside(var, WRITTEN), above="")
    try:
        return () if content is None else record.decode(content.decode("utf-8", "surrogateescape"))
    except Refusal as refusal:
        log.say(log.WARNING, f"{str(refusal).partition(';')[0]}; it begins anew")
        return ()


def _bytes(var: str, path: str) -> bytes | None:
    """A file's content; None where it is not there or cannot be read."""
    try:
        return tree.read_bytes("", state.inside(var, path))
    except Refusal:
        return None


def _write(var: str, path: str, text: str) -> None:
    """A file of this text in one rename, on disk when this returns. OSError leaves the old one."""
    place = state.inside(var, path)
    directory = os.path.dirname(place)
    labels.make_directories(directory)
    temporary = os.path.join(directory, TEMPORARY)
    try:
        file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        with open(file, "wb") as stream:
            labels.pass_on(temporary, file)
            stream.write(text.encode("utf-8", "surrogateescape"))
            stream.flush()
            os.fsync(file)
        os.rename(temporary, place)
    except OSError:
        _unlink(temporary)
        raise
    writer.sync_directory(directory)


def _remove(var: str, path: str) -> None:
    """Remove a file; one that stays is told of."""
    try:
        os.unlink(state.inside(var, path))
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        log.say(log.WARNING, f"/{path} cannot be removed ({error.strerror}); remove it by hand")


def _unlink(path: str) -> None:
    """Remove a file where that can be done."""
    try:
        os.unlink(path)
    except OSError:
        return


def _now() -> str:
    """The time in UTC, as ISO 8601 has it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
