# SPDX-License-Identifier: Apache-2.0
"""Writes and removes the notes of a test by crash. A power cut leaves the old note or the new one."""

from __future__ import annotations

import os

from orchestrator.errors import Refusal
from orchestrator.facts import proof_record
from orchestrator.facts.proof_record import PROOF, TEST, Proof, Trial
from orchestrator.system import tree
from orchestrator.system.target import provisioned_root

MODE = 0o644


def begin(root: str, test: Trial) -> None:
    """Note what is being proven; on disk when this returns. Raises OSError, and Refusal where a note is there."""
    place = _place(root, TEST)
    if os.path.lexists(place):
        raise Refusal(f"/{TEST} is there: another test has just been begun")
    _replace(place, proof_record.encode(test))


def settle(root: str, proof: Proof) -> None:
    """Record what came of the test, then take its note back. Cut in between, the test is judged once more. Raises OSError."""
    _replace(_place(root, PROOF), proof_record.encode(proof))
    forget(root)


def forget(root: str) -> None:
    """Take back the note of a pending test, where there is one. Raises OSError."""
    place = _place(root, TEST)
    if os.path.lexists(place):
        os.unlink(place)
        _sync(os.path.dirname(place))


def _place(root: str, path: str) -> str:
    """Where a note lies."""
    return tree.resolve(provisioned_root(root), path, last=False)


def _replace(place: str, text: str) -> None:
    """Put a text in the place of a file, in one rename."""
    directory = os.path.dirname(place)
    os.makedirs(directory, mode=0o755, exist_ok=True)
    temporary = f"{place}.tmp"
    file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, MODE)
    try:
        with open(file, "wb") as stream:
            stream.write(text.encode("utf-8", "backslashreplace"))
            stream.flush()
            os.fsync(file)
        os.rename(temporary, place)
    except BaseException:
        os.unlink(temporary)
        raise
    _sync(directory)


def _sync(directory: str) -> None:
    """Have the names in a directory on disk."""
    opened = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
