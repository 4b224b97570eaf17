# SPDX-License-Identifier: Apache-2.0
"""`undo` and day-two `apply` from the command line on captured trees: the record, what is written, and what is refused."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from orchestrator import cli, commands, run
from orchestrator.facts import record
from orchestrator.facts.bootstate import BEGUN
from orchestrator.facts.record import UNDONE, WRITTEN
from orchestrator.report import chain, show
from orchestrator.rules import bls, grub
from orchestrator.system import private_mounts
from orchestrator.system.target import Target
from tests.conftest import Make
from tests.facts.test_deployments import FIRST, NEXT, SECOND, THIRD, deployed
from tests.invocation import Output, call, one_line
from tests.isolated import fail_at, in_child
from tests.powercut import FINAL, next_boot
from tests.sample import AUTO, CONF, LATER_LINE, OPTIONS, Sample, entry_text
from tests.write.test_transaction import makes_the_new_file

LATER: dict[str, Any] = {"cmdline": f"{LATER_LINE}\n", "stamp": False, "config": False, "ignition": None}
ORIGINAL = grub.off_bad_lengths(OPTIONS, bls.first_value(entry_text(), "linux"))  # OPTIONS are of a length that GRUB misreads
RECORD, NOTE = f"sysroot/{WRITTEN}", f"sysroot/{UNDONE}"


def later(make: Make, **overrides: Any) -> Sample:
    """A machine in use, of one deployment, that wants kdump and does not have the argument."""
    sample = deployed(make(**{**LATER, **overrides}))
    (sample.root / NEXT).unlink()
    return sample


def size(sample: Sample, value: str) -> None:
    """The operator edits the size."""
    sample.write(CONF, f"crashkernel={value}\n")


def plan(sample: Sample, capsys: Output, *argv: str) -> dict[str, Any]:
    """What `plan --json` says."""
    capsys.readouterr()
    call(sample, "plan", "--json", *argv)
    document = json.loads(capsys.readouterr().out)
    assert isinstance(document, dict)
    return document


def test_what_apply_wrote_is_taken_back_and_nothing_is_left_of_it(make: Make, capsys: Output) -> None:
    sample = later(make)
    assert call(sample, "apply") == 0
    assert sample.options == FINAL
    (found,) = record.read(str(sample.root))
    assert (found.deployment, found.entry, found.crashkernel, found.before) == (FIRST, "loader/entries/ostree-1.conf", AUTO, OPTIONS)
    document = plan(sample, capsys, "--undo")
    assert document["decision"] == "CHANGE" and f"\n+options {ORIGINAL}\n" in document["files"][0]["diff"]
    assert call(sample, "undo") == 0
    assert one_line(capsys.readouterr().err).startswith(f"CHANGE: crashkernel={AUTO}, which kdump-karg wrote on 20")
    assert sample.text() == entry_text(ORIGINAL)
    assert not sample.has(RECORD) and record.undone(str(sample.root)) is not None
    before = sample.snapshot()
    assert call(sample, "undo") == 0
    assert one_line(capsys.readouterr().err).startswith("SKIP: kdump-karg undo took crashkernel=")
    assert sample.snapshot() == before


def test_a_first_boot_leaves_the_record_and_is_not_begun_again(make: Make) -> None:
    sample = deployed(make())
    (sample.root / NEXT).unlink()
    assert call(sample, "apply") == 0
    next_boot(sample)
    assert call(sample, "undo") == 0
    assert sample.text() == entry_text(ORIGINAL)
    assert not sample.has("boot/ignition.firstboot") and "ignition.firstboot" not in next_boot(sample)
    assert call(sample, "plan") == 0 and sample.text() == entry_text(ORIGINAL)


def test_an_edited_size_and_what_was_there_before_the_first(make: Make, capsys: Output) -> None:
    sample = later(make, options=f"{OPTIONS} crashkernel=64M quiet")
    for value in ("300M", "400M"):
        size(sample, value)
        assert call(sample, "apply") == 0
        assert f"crashkernel={value} quiet" in sample.options
    assert call(sample, "undo") == 0
    assert sample.options == f"{OPTIONS} crashkernel=64M quiet"
    assert "and crashkernel=64M, which is not kdump-karg's, stays there" in capsys.readouterr().err


def test_back_to_the_size_that_runs_needs_no_reboot(make: Make, capsys: Output) -> None:
    """The running line has it, the entry has not: what counts is the next boot."""
    sample = later(make, cmdline=f"{LATER_LINE} crashkernel=300M\n", options=f"{OPTIONS} crashkernel=400M", conf="crashkernel=300M\n")
    document = plan(sample, capsys)
    assert (document["decision"], document["reboot"]) == ("CHANGE", False)
    assert call(sample, "apply") == 0
    assert "crashkernel=300M" in sample.options
    assert plan(sample, capsys)["decision"] == "ACTIVE"


def test_apply_after_an_undo_puts_it_again_and_the_note_goes(make: Make, capsys: Output) -> None:
    sample = later(make)
    call(sample, "apply")
    next_boot(sample)
    call(sample, "undo")
    assert plan(sample, capsys)["decision"] == "CHANGE"
    assert call(sample, "apply") == 0
    assert sample.options.split() == FINAL.split() and sample.has(RECORD) and not sample.has(NOTE)


TORN = record.encode(record.Record(FIRST, "e", AUTO, OPTIONS, FINAL, "2026"))
BAD: list[tuple[str, str | None, str]] = [
    ("none", None, "there is no record of a write, /var/lib/kdump-karg/written,"),
    ("of another deployment", TORN.replace("a" * 64, "b" * 64), f"is of the deployment {SECOND} and {FIRST} is booted"),
    ("torn", TORN[:-9], "/var/lib/kdump-karg/written is cut short or was changed"),
    ("empty", "", "/var/lib/kdump-karg/written is cut short or was changed"),
]


@pytest.mark.parametrize(("text", "words"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_a_record_that_does_not_count_is_one_sentence_and_changes_nothing(make: Make, capsys: Output, text: str | None, words: str) -> None:
    sample = later(make, options=FINAL, extra={} if text is None else {RECORD: text})
    before = sample.snapshot()
    assert call(sample, "undo") == 3
    assert words in one_line(capsys.readouterr().err)
    assert call(sample, "plan", "--undo") == 3
    assert sample.snapshot() == before


def test_a_write_that_is_refused_leaves_the_record_as_it_was(make: Make) -> None:
    """What was not written must not be believed to be ours."""
    sample = later(make)
    call(sample, "apply")
    size(sample, "400M")
    before = sample.text(RECORD)

    def action() -> None:
        import sys

        def spoil(event: str, arguments: tuple[Any, ...]) -> None:
            if makes_the_new_file(event, arguments):
                sample.write("boot/loader.1/entries/ostree-1.conf", sample.text() + "# another writer\n")

        sys.addaudithook(spoil)
        assert call(sample, "apply") == 3

    assert in_child(action) == 0
    assert sample.text(RECORD) == before and "400M" not in sample.options


def test_without_room_for_a_record_a_first_boot_goes_on_and_a_later_run_does_not(make: Make, capsys: Output) -> None:
    extra = {"sysroot/var/lib": "a file in its place"}
    first = deployed(make(extra=extra))
    assert call(first, "apply") == 0
    assert "kdump-karg undo will have no record of this write" in capsys.readouterr().err and AUTO in first.options
    again = later(make, extra=extra)
    before = again.snapshot()
    assert call(again, "apply") == 3
    assert "make room in /var" in one_line(capsys.readouterr().err)
    assert again.snapshot() == before


def test_a_record_of_what_somebody_else_has_replaced_takes_nothing(make: Make, capsys: Output) -> None:
    sample = later(make)
    call(sample, "apply")
    sample.write("boot/loader.1/entries/ostree-1.conf", entry_text(f"{OPTIONS} crashkernel=1G"))
    before = sample.snapshot()
    capsys.readouterr()
    assert call(sample, "undo") == 0
    assert "(crashkernel=1G there is not kdump-karg's)" in one_line(capsys.readouterr().err)
    assert sample.snapshot() == before


def test_an_undo_that_was_cut_short_is_not_taken_up_by_the_next_boot(make: Make) -> None:
    """kdump-karg-finish.service runs `apply` where the note of a write is there: it must not put back what was taken."""
    sample = later(make, extra={f"sysroot/{BEGUN}": ""})
    assert call(sample, "apply") == 0
    sample.write(f"sysroot/{BEGUN}", "")

    def cut_short() -> None:
        fail_at(0, makes_the_new_file, lambda: os._exit(9))
        run.undo(Target(str(sample.root), live=True))

    assert in_child(cut_short) == 9
    assert not sample.has(f"sysroot/{BEGUN}") and sample.has(RECORD) and AUTO in sample.options


def test_another_deployment_that_is_booted_next_is_named_and_not_changed(make: Make, capsys: Output) -> None:
    sample = deployed(make(**LATER))
    newer = sample.text(NEXT)
    (notice,) = plan(sample, capsys)["notices"]
    assert SECOND in notice and "run kdump-karg apply after that reboot" in notice
    assert run.apply(Target(str(sample.root), live=False)).notices == (notice,)
    assert sample.text(NEXT) == newer and sample.options == FINAL
    assert "reboot once to" not in plan(sample, capsys)["reason"] and SECOND in plan(sample, capsys)["reason"]
    found = chain.read(Target(str(sample.root), live=False))
    assert found.broken is not None and SECOND in found.broken.mend and "reboot once;" not in found.verdict


def test_a_staged_one_is_named_as_well(make: Make, capsys: Output) -> None:
    sample = later(make, extra={"run/ostree/staged-deployment": b"\0" + b"c" * 64 + b"\0quiet\0"})
    sample.write(f"sysroot/sysroot/{THIRD}/usr/lib/os-release", "ID=fedora\n")
    (notice,) = plan(sample, capsys)["notices"]
    assert THIRD in notice and "which is staged" in notice
    assert call(sample, "plan") == 0 and f"notice: {notice}" in capsys.readouterr().out


def test_the_booted_entry_is_found_after_a_deploy_gave_it_another_name(make: Make, capsys: Output) -> None:
    """ostree swaps boot.0 and boot.1 and removes the old links: nothing has the `ostree=` of the running line any more."""
    mounts = f"30 1 254:4 /{FIRST} / ro shared:1 - ext4 /dev/vda4 rw\n"
    line = LATER_LINE.replace("/boot.1/", "/boot.0/")
    sample = later(make, cmdline=f"{line}\n", extra={"proc/1/mountinfo": mounts})
    assert "has no entry that boots" in plan(sample, capsys)["reason"]
    sample.link("proc/self", "1")
    assert plan(sample, capsys)["decision"] == "CHANGE"
    assert call(sample, "apply") == 0 and sample.options == FINAL
    assert call(sample, "undo") == 0 and sample.options == ORIGINAL


def test_status_says_what_is_pending_and_what_was_taken_back(make: Make) -> None:
    armed = {"crash_size": f"{300 << 20}\n", "crash_loaded": "1\n"}
    sample = later(make, **armed, cmdline=f"{LATER_LINE} crashkernel=300M\n", options=f"{OPTIONS} crashkernel=400M", conf="crashkernel=400M\n")
    found = chain.read(Target(str(sample.root), live=False))
    assert found.armed and found.pending is not None and "PENDING: /boot/" in found.verdict
    sentence = "has crashkernel=400M, the running kernel has crashkernel=300M: a reboot is due"
    assert json.loads(show.chain_json(found))["pending"].endswith(sentence)
    assert f"PENDING  {found.pending.sentence}\n" in show.chain_text(found)
    size(sample, "500M")
    call(sample, "apply")
    call(sample, "undo")
    assert "crashkernel=400M" in sample.options
    other = later(make)
    call(other, "apply")
    found = chain.read(Target(str(other.root), live=False))
    assert found.broken is not None and found.broken.name == "command line" and "PENDING" in found.verdict
    call(other, "undo")
    found = chain.read(Target(str(other.root), live=False))
    assert f"crashkernel={AUTO} was taken back by kdump-karg undo on 20" in found.verdict
    assert "run kdump-karg apply to have it again" in found.verdict


@pytest.mark.parametrize("command", ["apply", "undo"])
def test_only_root_may(command: str, monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert cli.main([command]) == 3
    assert one_line(capsys.readouterr().err).startswith(f"{command} changes /boot, which only root may; run it as root")


@pytest.mark.parametrize(("command", "again"), [("apply", True), ("undo", True), ("plan", False), ("status", False)])
def test_a_live_write_goes_on_in_mounts_of_its_own(command: str, again: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(private_mounts, "run_again", lambda: asked.append(command))
    for name in ("apply", "undo"):
        monkeypatch.setattr(commands, name, lambda target: 0)
    for name in ("plan", "status"):
        monkeypatch.setattr(commands, name, lambda target, json, undo=False: 0)
    assert cli.main([command]) == 0
    assert bool(asked) is again
    asked.clear()
    assert cli.main([command, "--root", "/nowhere"]) == 2 and not asked


def test_an_entry_in_the_middle_of_a_first_boot_is_left_alone(make: Make, capsys: Output) -> None:
    sample = later(make)
    call(sample, "apply")
    sample.write("boot/loader.1/entries/ostree-1.conf", entry_text(bls.end_first_boot(FINAL)))
    capsys.readouterr()
    assert call(sample, "undo") == 3
    assert "the first boot is not finished" in one_line(capsys.readouterr().err)
