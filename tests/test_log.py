# SPDX-License-Identifier: Apache-2.0
"""log.py: one line a message, with a priority for the journal."""

from __future__ import annotations

import pytest

from orchestrator import log


@pytest.mark.parametrize(("journal", "start"), [(False, ""), (True, "<3>")], ids=["terminal", "journal"])
def test_one_line_whatever_it_holds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], journal: bool, start: str
) -> None:
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    if journal:
        monkeypatch.setenv("JOURNAL_STREAM", "1:2")
    log.say(log.ERROR, "a\nb\r\x0bc\u2028d  e")
    assert capsys.readouterr() == ("", f"{start}kdump-karg: a b c d e\n")


def test_debug_messages_are_for_those_who_ask(capsys: pytest.CaptureFixture[str]) -> None:
    log.debug("one")
    log.set_verbose(True)
    try:
        log.debug("two")
    finally:
        log.set_verbose(False)
    assert "one" not in (said := capsys.readouterr().err) and "two" in said
