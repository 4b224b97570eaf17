# SPDX-License-Identifier: Apache-2.0
"""systemd_jobs.py: which units are still being stopped, and how long that is waited for."""

from __future__ import annotations

import pytest

from orchestrator.errors import Failure
from orchestrator.system import process, systemd_jobs

OURS = "310 kdump-karg-write.service start running\n"
PIVOT = "201 initrd-switch-root.service start waiting\n"
LATE = "250 some-late.service stop running\n"


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        ("", ()),
        ("No jobs running.\n", ()),
        (OURS + PIVOT, ()),
        (OURS + LATE + PIVOT, ("some-late.service",)),
        ("  1 a.service stop waiting\n 22 b.mount  stop  running\n", ("a.service", "b.mount")),
        ("7 stop start running\n", ()),
    ],
)
def test_units_that_are_being_stopped(listed: str, expected: tuple[str, ...]) -> None:
    assert systemd_jobs.stopping(listed) == expected


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What systemctl says, call after call; the last one again and again."""
    said: list[str] = []
    monkeypatch.setattr(process, "run", lambda *_: said.pop(0) if len(said) > 1 else said[0])
    monkeypatch.setattr(systemd_jobs, "POLL_SECONDS", 0)
    return said


def test_it_waits_for_the_last_of_them(answers: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    answers += [OURS + LATE, OURS + LATE, OURS, "not asked again"]
    systemd_jobs.wait_for_stops()
    assert answers == ["not asked again"] and capsys.readouterr().err == ""


def test_it_does_not_wait_for_ever(answers: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(systemd_jobs, "WAIT_SECONDS", 0.01)
    answers.append(LATE)
    systemd_jobs.wait_for_stops()
    assert "some-late.service did not stop within 0 s" in capsys.readouterr().err


def test_a_systemd_that_does_not_answer_stops_nothing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(*_: str) -> str:
        raise Failure("systemctl list-jobs failed with status 1: no")

    monkeypatch.setattr(process, "run", fail)
    systemd_jobs.wait_for_stops()
    assert "units that are still being stopped are not waited for" in capsys.readouterr().err
