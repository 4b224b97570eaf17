# SPDX-License-Identifier: Apache-2.0
"""outcome.py: the notes that a run leaves."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from orchestrator.decide.decision import Decision, Kind
from orchestrator.system import process
from orchestrator.write import outcome
from orchestrator.write.outcome import Outcome
from tests.conftest import Make
from tests.sample import Sample

LATER = f"sysroot/{outcome.REPORT_LATER}"


@pytest.mark.parametrize("kind", Kind)
def test_an_outcome_is_read_back_and_a_report_is_due_once(make: Make, kind: Kind) -> None:
    sample = make()
    outcome.record(str(sample.root), str(sample.root / "sysroot/var"), Decision(kind, 'because\n  of "é"\n'))
    assert outcome.read(str(sample.root)) == Outcome(kind.value, 'because of "é"')
    assert sample.has(LATER) is (kind is Kind.CHANGE)
    assert sample.has(outcome.REPORT_NOW) is (kind is not Kind.CHANGE)


def test_a_failure_is_reported_in_this_boot(make: Make) -> None:
    sample = make()
    outcome.note(str(sample.root), Outcome("FAILED", "it broke"))
    assert sample.has(outcome.REPORT_NOW) and not sample.has(LATER)


def test_a_reason_may_name_a_file_whose_name_is_no_utf8(make: Make) -> None:
    sample = make()
    outcome.note(str(sample.root), Outcome("REFUSE", "\udcff"))
    assert outcome.read(str(sample.root)) == Outcome("REFUSE", "\\udcff")


@pytest.mark.parametrize(("text", "kind"), [(None, None), ("", None), ("\n", None), ("SKIP", "SKIP"), ("SKIP\n", "SKIP")])
def test_a_note_that_says_nothing_is_none(tmp_path: Path, text: str | None, kind: str | None) -> None:
    if text is not None:
        Sample(tmp_path).write(outcome.OUTCOME, text)
    found = outcome.read(str(tmp_path))
    assert (found.kind if found else None) == kind


def test_the_reboot_is_asked_for_by_a_file(make: Make) -> None:
    sample = make()
    outcome.request_reboot(str(sample.root))
    place = sample.root / outcome.REBOOT_REQUIRED
    assert place.read_bytes() == b"" and stat.S_IMODE(place.stat().st_mode) == 0o644


def test_journal_files_of_many_mib_are_saved(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    sample = make()
    monkeypatch.setattr(process, "run", lambda *_: "")
    (content := bytearray(130 << 20))[-1] = 1
    sample.write("run/log/journal/0123/system.journal", bytes(content))
    outcome.save_journal(str(sample.root), str(sample.root / "sysroot/var"))
    assert (sample.root / f"sysroot/{outcome.JOURNAL_DIR}/system.journal").read_bytes() == content


def test_notes_stay_inside_a_captured_tree(tmp_path: Path) -> None:
    sample = Sample(tmp_path / "tree")
    outside = tmp_path / "outside"
    outside.mkdir()
    sample.link("run", str(outside))
    outcome.request_reboot(str(sample.root))
    assert list(outside.iterdir()) == []
    assert Path(f"{sample.root}{outside}/kdump-karg/reboot-required").exists()


def test_the_root_of_the_system_is_not_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Sample(tmp_path).write(outcome.OUTCOME, "decoy\ndecoy\n")
    monkeypatch.chdir(tmp_path)
    found = outcome.read("")
    assert found is None or found.kind != "decoy"
