# SPDX-License-Identifier: Apache-2.0
"""undo.py: what was written goes, what it replaced comes back, what others did stays; and every reason not to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from orchestrator.decide import undo
from orchestrator.decide.decision import Kind
from orchestrator.decide.plan import Replace
from orchestrator.facts.bootstate import BootState
from orchestrator.facts.machine import Surroundings
from orchestrator.facts.record import Record
from orchestrator.rules import bls, grub
from tests.sample import FIRST_BOOT_LINE, LATER_LINE, OPTIONS, entry_text

HERE = Surroundings(f"{LATER_LINE} crashkernel=256M", False, False, False)
DEPLOYMENT = f"ostree/deploy/os/deploy/{'a' * 64}.0"
OTHER = f"ostree/deploy/os/deploy/{'b' * 64}.0"
ENTRY = "loader/entries/ostree-1.conf"
LINUX = bls.first_value(entry_text(), "linux")
WHEN = "2026-11-25T12:00:00Z"
PADDED = next(text for text in (f"{OPTIONS} x={'y' * n}" for n in range(64)) if "  $" in grub.off_bad_lengths(f"{text} crashkernel=256M", LINUX))


def written(before: str = OPTIONS, value: str = "256M") -> Record:
    """The record of a write over these options."""
    after = grub.off_bad_lengths(bls.set_crashkernel(before, value), LINUX)
    return Record(DEPLOYMENT, ENTRY, value, before, after, WHEN)


def facts(record: Record | None, options: str, **changes: Any) -> undo.Facts:
    """The facts of a machine with these options in its entry."""
    text = entry_text(options)
    made = undo.Facts(HERE, BootState(ENTRY, text, bls.options(text, "x")), DEPLOYMENT, record, None)
    return replace(made, **changes)


def final(record: Record, options: str) -> str:
    """The options that are left of these."""
    made = undo.plan(facts(record, options))
    assert made.decision.kind is Kind.CHANGE, made.decision.reason
    (step,) = made.steps
    assert isinstance(step, Replace)
    return bls.options(step.new, "x").text


BEFORE = [
    OPTIONS,
    "root=1",
    "root=1  quiet ",
    "$ignition_firstboot root=1",
    "root=1 crashkernel=128M quiet",
    "crashkernel=1G crashkernel=128M quiet $x",
    "root=1 crashkernel=1G,high crashkernel=128M,low",
    'root=1 a="b c"',
    PADDED,
]


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("value", ["256M", "2G-64G:256M,64G-:512M", "512M,high"])
def test_where_nobody_else_wrote_it_is_what_was_there_before(before: str, value: str) -> None:
    record = written(before, value)
    assert final(record, record.after) == grub.off_bad_lengths(before, LINUX)


@pytest.mark.parametrize("before", BEFORE)
def test_what_others_added_stays_and_nothing_else_does(before: str) -> None:
    record = written(before)
    words = final(record, f"first=1 {record.after.rstrip()} last=1").split()
    assert words == ["first=1", *before.split(), "last=1"]


def test_blanks_that_were_added_go_as_well() -> None:
    record = written(PADDED)
    assert final(record, f"{record.after} quiet") == grub.off_bad_lengths(f"{PADDED} quiet", LINUX)


def test_what_is_left_is_off_grubs_bad_lengths() -> None:
    for length in range(40):
        record = written(f"{OPTIONS} x={'y' * length}")
        assert grub.is_read_whole(final(record, f"{record.after} z"), LINUX)


def test_a_second_write_keeps_what_was_there_before_the_first() -> None:
    for before in BEFORE:
        first = written(before)
        edited = f"{first.after.rstrip()} quiet"
        second, kept = undo.carried_on((first,), replace(written(edited, "1G"), after=grub.off_bad_lengths(bls.set_crashkernel(edited, "1G"), LINUX)))
        assert final(second, second.after).split() == [*before.split(), "quiet"]
        assert kept == first == undo.standing(first.after, (second, first)) and undo.standing(second.after, (second, first)) == second


@pytest.mark.parametrize(
    "earlier", [None, replace(written(), deployment=OTHER), written(value="7M")], ids=["none", "another deployment", "not in the entry"]
)
def test_an_earlier_record_that_is_not_of_this_entry_counts_for_nothing(earlier: Record | None) -> None:
    now = written(written().after, "1G")
    assert undo.carried_on((earlier,) if earlier else (), now) == (now,)


def test_another_writers_value_stays_and_is_named() -> None:
    record = written("root=1")
    made = undo.plan(facts(record, f"{record.after} crashkernel=1G"))
    assert made.decision.kind is Kind.CHANGE and made.decision.reason.endswith("and crashkernel=1G, which is not kdump-karg's, stays there")
    assert final(record, f"{record.after} crashkernel=1G") == grub.off_bad_lengths("root=1 crashkernel=1G", LINUX)


def test_the_plan() -> None:
    record = written()
    made = undo.plan(facts(record, record.after))
    assert (made.reboot, made.undoes, made.record, made.then, made.notices) == (True, True, record, Kind.SKIP, ())
    assert made.decision.reason == f"crashkernel=256M, which kdump-karg wrote on {WHEN}, is taken out of /boot/{ENTRY}"
    again = undo.plan(facts(record, OPTIONS))
    assert (again.decision.kind, again.steps) == (Kind.SKIP, ())


def test_no_reboot_where_the_running_kernel_does_not_have_it() -> None:
    record = written()
    assert not undo.plan(facts(record, record.after, here=replace(HERE, cmdline=LATER_LINE))).reboot


NOTHING_LEFT = [
    ("gone", written(), OPTIONS, f"/boot/{ENTRY} has nothing that kdump-karg wrote"),
    ("replaced", written(), f"{OPTIONS} crashkernel=1G", "(crashkernel=1G there is not kdump-karg's)"),
    ("taken back, of several", written("crashkernel=256M crashkernel=1G"), "crashkernel=256M crashkernel=1G", "nothing that kdump-karg wrote"),
]


@pytest.mark.parametrize(("record", "options", "words"), [row[1:] for row in NOTHING_LEFT], ids=[row[0] for row in NOTHING_LEFT])
def test_nothing_is_left(record: Record, options: str, words: str) -> None:
    made = undo.plan(facts(record, options))
    assert made.decision.kind is Kind.SKIP and words in made.decision.reason and made.steps == ()


def test_a_second_undo_says_that_the_first_did_it() -> None:
    made = undo.plan(facts(None, OPTIONS, undone=written()))
    assert made.decision.kind is Kind.SKIP and f"took crashkernel=256M out of /boot/{ENTRY} on {WHEN}" in made.decision.reason


REFUSED: list[tuple[str, Record | None, str, dict[str, object], str]] = [
    ("no record", None, f"{OPTIONS} crashkernel=1G", {}, f"no record of a write, /var/lib/kdump-karg/written, .*remove crashkernel=1G from .*/boot/{ENTRY}$"),
    ("no record, nothing there", None, OPTIONS, {}, "there is no crashkernel= to take out of it$"),
    ("undone in another deployment", None, OPTIONS, {"undone": replace(written(), deployment=OTHER)}, "no record"),
    ("another deployment", replace(written(), deployment=OTHER), OPTIONS, {}, f"is of the deployment {OTHER} and {DEPLOYMENT} is booted"),
    ("another, rpm-ostree", replace(written(), deployment=OTHER), OPTIONS, {"rpm_ostree": True},
     "run rpm-ostree kargs --delete-if-present=crashkernel=256M$"),
    ("unknown deployment", written(), OPTIONS, {"booted": ""}, "an unknown one is booted"),
    ("twice", written(), f"{written().after} crashkernel=256M", {}, "crashkernel=256M more often than kdump-karg wrote it"),
    ("quote", written(), f'{written().after} a="b', {}, "a quote in its options that is not closed"),
    ("interrupted", written(), bls.end_first_boot(written().after), {}, "the first boot is not finished"),
]  # fmt: skip


@pytest.mark.parametrize(("record", "options", "changes", "words"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_refused(record: Record | None, options: str, changes: dict[str, object], words: str) -> None:
    import re

    made = undo.plan(facts(record, options, **changes))
    assert made.decision.kind is Kind.REFUSE and made.steps == ()
    assert re.search(words, made.decision.reason), made.decision.reason


def test_a_first_boot_that_has_its_stamp_is_not_finished() -> None:
    record = written()
    found = facts(record, record.after, here=replace(HERE, cmdline=FIRST_BOOT_LINE))
    assert undo.plan(replace(found, boot=replace(found.boot, stamp=True))).decision.kind is Kind.REFUSE
    assert undo.plan(found).decision.kind is Kind.CHANGE


@pytest.mark.parametrize(
    ("here", "words"),
    [
        (replace(HERE, initramfs=True), "initramfs"),
        (replace(HERE, capture_kernel=True), "capture kernel"),
        (replace(HERE, cmdline="rd.kdump_karg=0"), "switched off"),
        (replace(HERE, live_image=True), "live image"),
    ],
)
def test_where_nothing_is_taken_back(here: Surroundings, words: str) -> None:
    assert words in undo.out_of_place(here)
    assert undo.out_of_place(HERE) == ""
