# SPDX-License-Identifier: Apache-2.0
"""proof_notes.py: whatever fails, and wherever the power goes, there is the old note or the new one."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pytest

from orchestrator.errors import Refusal
from orchestrator.facts import proof_record
from orchestrator.facts.proof_record import OURS, PROOF, TEST, Proof, Trial
from orchestrator.facts.proof_subject import Subject
from orchestrator.write import proof_notes
from tests.isolated import die, in_child

BEGUN = Trial("a1", 1, "m", "b", OURS, Subject("6.12", reserved=5), ("1 /var/crash/é",))
OLD = Proof(False, "nothing", 1, "m", Subject(), id="a0")
NEW = Proof(True, "whole", 2, "m", BEGUN.subject, "/var/crash/x/dump.x", "a1")
CALLS = ("makedirs", "open", "fsync", "rename", "unlink")


def broken(monkeypatch: pytest.MonkeyPatch, name: str, number: int, fail: Callable[[], Any]) -> None:
    """From the call of this number on, a function of the os module fails; None of its work is done then."""
    real, seen = getattr(os, name), iter(range(number))

    def call(*given: Any, **named: Any) -> Any:
        return real(*given, **named) if next(seen, None) is not None else fail()

    monkeypatch.setattr(os, name, call)


def no_room() -> NoReturn:
    """ENOSPC."""
    raise OSError(errno.ENOSPC, "No space left on device")


def settled(root: Path) -> None:
    """A machine with an old verdict and a pending test."""
    proof_notes.settle(str(root), OLD)
    proof_notes.begin(str(root), BEGUN)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    settled(tmp_path)
    assert proof_record.pending(str(tmp_path)) == BEGUN and proof_record.last(str(tmp_path)) == OLD
    proof_notes.settle(str(tmp_path), NEW)
    assert proof_record.pending(str(tmp_path)) is None and proof_record.last(str(tmp_path)) == NEW
    proof_notes.forget(str(tmp_path))
    assert sorted(os.listdir(tmp_path / "var/lib/kdump-karg")) == ["proof"]


def test_a_test_does_not_take_the_place_of_another(tmp_path: Path) -> None:
    settled(tmp_path)
    with pytest.raises(Refusal, match="another test"):
        proof_notes.begin(str(tmp_path), replace(BEGUN, id="a2"))
    assert proof_record.pending(str(tmp_path)) == BEGUN


@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize("name", CALLS)
def test_an_error_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, number: int) -> None:
    settled(tmp_path)
    with monkeypatch.context() as patch:
        broken(patch, name, number, no_room)
        try:
            proof_notes.settle(str(tmp_path), NEW)
        except OSError as error:
            assert error.errno == errno.ENOSPC
    last = proof_record.last(str(tmp_path))
    assert last == NEW or (last == OLD and proof_record.pending(str(tmp_path)) == BEGUN)
    left = set(os.listdir(tmp_path / "var/lib/kdump-karg"))
    assert name == "unlink" or left <= {os.path.basename(TEST), os.path.basename(PROOF)}


@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize("name", CALLS)
def test_power_goes_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, number: int) -> None:
    """The next boot judges what is still pending, with the same verdict."""
    settled(tmp_path)

    def cut_short() -> None:
        broken(monkeypatch, name, number, die)
        proof_notes.settle(str(tmp_path), NEW)

    in_child(cut_short)
    last, pending = proof_record.last(str(tmp_path)), proof_record.pending(str(tmp_path))
    assert (last, pending) in ((OLD, BEGUN), (NEW, BEGUN), (NEW, None))
    proof_notes.settle(str(tmp_path), NEW)
    assert proof_record.last(str(tmp_path)) == NEW and proof_record.pending(str(tmp_path)) is None
