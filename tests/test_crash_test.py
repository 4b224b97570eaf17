# SPDX-License-Identifier: Apache-2.0
"""`kdump-karg test` on sample trees: who may crash a machine, by which word, and in what order that goes."""

from __future__ import annotations

import os
from typing import Any

import pytest

from orchestrator import cli, commands, crash_test
from orchestrator.errors import Failure, Refusal, UsageError
from orchestrator.facts import proof_record
from orchestrator.facts.proof_record import TEST
from tests.conftest import Make
from tests.crashable import LINE, PENDING, Panicked, crashed, fatal, machine, no_sync, note, target
from tests.dumps import RELEASE
from tests.invocation import Output, one_line

WRONG = ["-y", "--Yes", "--YES", "--yess", "--ye", "--yes=1", "--yes=", "--yes ", "yes", "y", "--", "", "--y", "—yes"]
WRONG += ["--root=/ --yes"]


@pytest.mark.parametrize("word", WRONG)
def test_a_wrong_spelling_is_a_usage_error(word: str, capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "test", lambda *_: pytest.fail("it was understood"))
    assert cli.main(["test", *word.split(" --yes"), *(["--yes"] if " --yes" in word else [])]) == 2
    one_line(capsys.readouterr().err)


@pytest.mark.parametrize("argv", [["plan", "--yes"], ["--yes"], ["apply", "--yes"], ["status", "--yes"], ["test", "--json"]])
def test_the_word_goes_with_test_only(argv: list[str], capsys: Output) -> None:
    assert cli.main(argv) == 2
    one_line(capsys.readouterr().err)


@pytest.mark.parametrize("argv", [["test", "--yes"], ["--yes", "test"], ["test", "--yes", "--yes"]])
def test_the_word(argv: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "test", lambda target, yes: 17 if yes else 18)
    assert cli.main(argv) == 17


def test_help_wins_over_the_word(capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "test", lambda *_: pytest.fail("it was carried out"))
    assert cli.main(["test", "--yes", "--help"]) == 0


def test_without_the_word_it_says_what_would_be_proven(make: Make, capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    sample = machine(make)
    for name in ("YES", "KDUMP_KARG_YES"):
        monkeypatch.setenv(name, "1")
    before = sample.snapshot()
    with pytest.raises(UsageError, match="kdump-karg test --yes crashes this machine"):
        commands.test(target(sample), yes=False)
    assert sample.snapshot() == before
    said = capsys.readouterr().out
    assert RELEASE in said and "unsaved work is lost" in said and "/var/crash" in said and "268435456 bytes" in said
    assert "refused" not in said


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("not wanted", {"cmdline": f"{LINE}\n", "extra": {"etc/kdump-karg.conf": None}}, "kdump is not wanted"),
    ("not armed", {"crash_loaded": "0\n"}, "kdump is NOT armed: loaded: "),
    ("nothing reserved", {"crash_size": "0\n"}, "kdump is NOT armed: reserved: "),
    ("in the initramfs", {"extra": {"etc/initrd-release": ""}}, "this is the initramfs"),
    ("in the capture kernel", {"extra": {"proc/vmcore": ""}}, "this is the capture kernel"),
    ("no sysrq", {"extra": {"proc/sysrq-trigger": None}}, "/proc/sysrq-trigger is missing: the kernel was built without"),
    (
        "the dump goes elsewhere",
        {"extra": {"etc/default/kdump-tools": "SSH=a@b\n"}},
        "a crash would prove nothing: kdump is NOT armed: target: the dump goes over",
    ),
    ("pending in this boot", {"extra": {TEST: note()}}, "test a1 is pending in this boot already"),
    ("pending since another boot", {"extra": {TEST: note(boot="boot-0")}}, "has not been judged yet: run kdump-karg report"),
    ("a torn note", {"extra": {TEST: note()[:40]}}, f"/{TEST} is damaged"),
    ("an empty note", {"extra": {TEST: ""}}, f"/{TEST} is damaged"),
    ("a note of other types", {"extra": {TEST: note(time="1")}}, f"/{TEST} is damaged"),
    ("a note without a subject", {"extra": {TEST: PENDING}}, f"/{TEST} is damaged"),
]


@pytest.mark.parametrize(("changes", "words"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_refused_with_the_word(make: Make, changes: dict[str, Any], words: str) -> None:
    sample = machine(make, **changes)
    before = sample.snapshot()
    with pytest.raises(Refusal) as refusal:
        crashed(sample)
    assert words in str(refusal.value)
    assert sample.snapshot() == before


def test_refused_to_everybody_but_root(make: Make) -> None:
    sample = machine(make)
    before = sample.snapshot()
    with pytest.raises(Refusal, match="only root"):
        crashed(sample, administrator=False)
    assert sample.snapshot() == before


def test_a_trigger_that_cannot_be_written(make: Make) -> None:
    sample = machine(make, extra={"proc/sysrq-trigger": None})
    sample.link("proc/sysrq-trigger", "/proc")  # a directory: even root cannot write to it
    with pytest.raises(Refusal, match="/proc/sysrq-trigger cannot be written"):
        crashed(sample)


def test_the_order_of_a_crash(make: Make, fatal: None, monkeypatch: pytest.MonkeyPatch) -> None:
    sample = machine(make)
    seen: list[tuple[bool | str, ...]] = []
    files = ("dev/kmsg", "proc/sysrq-trigger")
    monkeypatch.setattr(os, "sync", lambda: seen.append((sample.has(TEST), *map(sample.text, files))))
    with pytest.raises(Panicked):
        crashed(sample)
    begun = proof_record.pending(str(sample.root))
    assert begun is not None and begun.boot == "boot-1" and begun.subject.release == RELEASE
    assert seen == [(True, f"<4>kdump-karg: test {begun.id}: this panic is on purpose\n", "")]
    assert sample.text("proc/sysrq-trigger") == "c"
    assert "0123456789abcdef" not in sample.text(TEST)


def test_a_machine_that_survives_has_no_note(make: Make, no_sync: None) -> None:
    sample = machine(make)
    with pytest.raises(Failure, match="did not panic"):
        crashed(sample)
    assert not sample.has(TEST) and sample.text("proc/sysrq-trigger") == "c"


def test_without_a_line_in_the_log_there_is_no_crash(make: Make, no_sync: None) -> None:
    sample = machine(make, extra={"dev/kmsg": None})
    with pytest.raises(Failure, match="the machine was not crashed"):
        crashed(sample)
    assert not sample.has(TEST) and sample.text("proc/sysrq-trigger") == ""


def test_a_test_that_was_begun_meanwhile_is_left_alone(make: Make, no_sync: None) -> None:
    sample = machine(make)
    prospect = crash_test.look(target(sample), administrator=True)
    sample.write(TEST, note())
    with pytest.raises(Refusal, match="another test has just been begun"):
        crash_test.carry_out(target(sample), prospect)
    assert sample.text(TEST) == note() and sample.text("dev/kmsg") == "" == sample.text("proc/sysrq-trigger")


def test_without_a_note_there_is_no_crash(make: Make, no_sync: None) -> None:
    sample = machine(make, extra={"var/lib/kdump-karg": ""})
    with pytest.raises(Failure, match="the machine was not crashed"):
        crashed(sample)
    assert sample.text("dev/kmsg") == "" and sample.text("proc/sysrq-trigger") == ""
