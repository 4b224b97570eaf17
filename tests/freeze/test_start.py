# SPDX-License-Identifier: Apache-2.0
"""How a run ends: the launcher's code around the application."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType

import pytest

from orchestrator.freeze import start


def stand_in(monkeypatch: pytest.MonkeyPatch, main: Callable[[list[str]], int]) -> None:
    """Put another application in place of ours."""
    module = ModuleType("orchestrator.cli")
    setattr(module, "main", main)
    monkeypatch.setitem(sys.modules, "orchestrator.cli", module)
    monkeypatch.setattr(sys, "argv", ["kdump-karg", "one", "two"])


def raising(error: BaseException) -> Callable[[list[str]], int]:
    """An application that does just that."""

    def main(argv: list[str]) -> int:
        raise error

    return main


def test_arguments_go_in_and_the_status_comes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, lambda argv: len(argv))
    assert start._status() == 2


@pytest.mark.parametrize(
    ("error", "status"),
    [(SystemExit(3), 3), (SystemExit(None), 0), (SystemExit("why"), 1), (KeyboardInterrupt(), 130), (ValueError("odd"), 1)],
)
def test_status_of_what_is_raised(error: BaseException, status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, raising(error))
    assert start._status() == status


@pytest.mark.parametrize("debug", [False, True])
def test_traceback_only_when_debugging(
    debug: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stand_in(monkeypatch, raising(ValueError("odd")))
    if debug:
        monkeypatch.setenv(start.DEBUG_ENV, "1")
    else:
        monkeypatch.delenv(start.DEBUG_ENV, raising=False)
    start._status()
    said = capsys.readouterr().err
    assert "kdump-karg: internal error: ValueError: odd; please report it" in said
    assert ("Traceback" in said) is debug
