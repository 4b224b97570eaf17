# SPDX-License-Identifier: Apache-2.0
"""plan.py: the steps, and that a machine which loses power between any two of them converges."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator import planning, run
from orchestrator.decide import plan
from orchestrator.decide.decision import Decision, Kind, Wanted
from orchestrator.decide.plan import Plan, Remove, Rename, Replace
from orchestrator.facts import bootstate
from orchestrator.facts.bootstate import CONFIG_DIR, MARKER, STAMP
from orchestrator.system.target import Target
from orchestrator.write import apply as writer
from tests.conftest import Make
from tests.powercut import FINAL, INTERIM, check_cut, next_boot, settle_down
from tests.sample import AUTO, FIRST_BOOT_LINE, LATER_LINE, NO_WISH, OPTIONS, Sample, entry_text

PATH = "loader/entries/ostree-1.conf"
CHANGE = Decision(Kind.CHANGE, "because", Wanted(AUTO, "rule", 1))


def no_wait(directory: str) -> None:
    """A captured tree has no boot loader to wait for."""


def read(sample: Sample) -> bootstate.BootState:
    """The sample's boot file system."""
    return bootstate.read(sample.boot, FIRST_BOOT_LINE)


def replace_step(old: str, new: str) -> Replace:
    """A step from one options text to another."""
    return Replace(PATH, entry_text(old), entry_text(new))


def test_all_steps_of_a_first_boot(make: Make) -> None:
    made = plan.make(CHANGE, read(make()))
    assert made.reboot
    assert made.steps == (
        replace_step(OPTIONS, INTERIM),
        Remove(CONFIG_DIR),
        Rename(STAMP, MARKER),
        replace_step(INTERIM, FINAL),
        Remove(MARKER),
    )


def test_the_change_of_a_file_is_told_first_text_to_last(make: Make) -> None:
    made = plan.make(CHANGE, read(make()))
    assert [(change.path, change.old, change.new) for change in made.files] == [(PATH, entry_text(), entry_text(FINAL))]
    assert made.removes == (CONFIG_DIR, STAMP)


ONE_STEP: list[tuple[str, dict[str, Any]]] = [
    ("no stamp", {"stamp": False}),
    ("no stamp, no config", {"stamp": False, "config": False}),
]


@pytest.mark.parametrize("overrides", [row[1] for row in ONE_STEP], ids=[row[0] for row in ONE_STEP])
def test_where_no_first_boot_is_to_end_one_step_is_enough(make: Make, overrides: dict[str, Any]) -> None:
    assert plan.make(CHANGE, read(make(**overrides))).steps == (replace_step(OPTIONS, FINAL),)


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.CHANGE], ids=lambda kind: str(kind.value))
def test_other_decisions_plan_nothing(make: Make, kind: Kind) -> None:
    assert plan.make(Decision(kind, "because"), read(make())) == Plan(Decision(kind, "because"))
    assert plan.make(Decision(kind, "because"), None).steps == ()


@pytest.mark.parametrize(("kind", "reboot"), [(Kind.ACTIVE, False), (Kind.PENDING, True)], ids=["active", "pending"])
def test_an_unfinished_first_boot_is_finished(make: Make, kind: Kind, reboot: bool) -> None:
    """Pending with a stamp: GRUB booted the old entry, because the new one was in the journal only; it is booted now."""
    made = plan.make(Decision(kind, "because"), read(make(options=INTERIM)))
    assert made.reboot is reboot
    assert made.steps == (Remove(CONFIG_DIR), Rename(STAMP, MARKER), replace_step(INTERIM, FINAL), Remove(MARKER))


def test_a_pending_entry_costs_no_second_reboot_once_the_stamp_is_gone(make: Make) -> None:
    sample = make(options=INTERIM, stamp=False, extra={f"boot/{MARKER}": ""})
    assert not plan.make(Decision(Kind.PENDING, "because"), read(sample)).reboot


def test_a_refusal_leaves_an_unfinished_first_boot_alone(make: Make) -> None:
    assert plan.make(Decision(Kind.REFUSE, "because"), read(make(options=INTERIM))).steps == ()


def prefixes(sample: Sample, made: Plan) -> Iterator[Sample]:
    """A copy of the tree for every number of steps that were taken before power was lost."""
    for taken in range(len(made.steps) + 1):
        copy = Sample(Path(f"{sample.root}-cut{taken}"))
        shutil.copytree(sample.root, copy.root, symlinks=True)
        writer.apply(replace(made, steps=made.steps[:taken]), copy.boot, no_wait)
        yield copy


STARTS: list[tuple[str, dict[str, Any]]] = [
    ("with a config", {}),
    ("without a config", {"config": False}),
    ("own config", {"conf": "crashkernel=auto\n"}),
    ("variable at the start", {"options": "$ignition_firstboot " + OPTIONS.replace("$ignition_firstboot ", "")}),
]


@pytest.mark.parametrize("overrides", [row[1] for row in STARTS[:3]], ids=[row[0] for row in STARTS[:3]])
def test_power_cut_after_every_step(make: Make, overrides: dict[str, Any]) -> None:
    sample = make(**overrides)
    made = planning.plan(Target(str(sample.root), live=False))
    assert made.decision.kind is Kind.CHANGE
    for taken, copy in enumerate(prefixes(sample, made)):
        check_cut(copy)
        assert taken > 1 or copy.has(f"boot/{CONFIG_DIR}") is sample.has(f"boot/{CONFIG_DIR}")
        assert ("ignition.firstboot" in next_boot(copy)) is (taken == 0)
        reboots = settle_down(copy)
        assert reboots == (1 if taken == 0 else 0)
        assert copy.text() == entry_text(FINAL)
        left = [name for name in (STAMP, MARKER, CONFIG_DIR) if copy.has(f"boot/{name}")]
        assert left == []


def test_power_cut_after_every_step_of_finishing(make: Make) -> None:
    """The run that finishes an interrupted one can be interrupted too."""
    sample = make()
    first = planning.plan(Target(str(sample.root), live=False))
    for copy in list(prefixes(sample, first))[1:]:
        next_boot(copy)
        second = planning.plan(Target(str(copy.root), live=False))
        assert not second.reboot
        for again in prefixes(copy, second):
            check_cut(again)
            assert settle_down(again) == 0
            assert again.text() == entry_text(FINAL)
            assert not any(again.has(f"boot/{name}") for name in (STAMP, MARKER, CONFIG_DIR))


@pytest.mark.parametrize("overrides", [row[1] for row in STARTS], ids=[row[0] for row in STARTS])
def test_a_second_run_changes_nothing(make: Make, overrides: dict[str, Any]) -> None:
    sample = make(**overrides)
    target = Target(str(sample.root), live=False)
    assert run.apply(target).reboot
    before = sample.snapshot()
    inode = os.stat(sample.root / "boot" / PATH).st_ino
    again = run.apply(target)
    assert (again.decision.kind, again.steps, again.reboot) == (Kind.PENDING, (), False)
    assert sample.snapshot() == before
    assert os.stat(sample.root / "boot" / PATH).st_ino == inode


def test_after_the_reboot_nothing_is_left_to_do(make: Make) -> None:
    sample = make()
    target = Target(str(sample.root), live=False)
    run.apply(target)
    assert "ignition.firstboot" not in next_boot(sample)
    before = sample.snapshot()
    assert run.apply(target).decision.kind is Kind.ACTIVE
    assert sample.snapshot() == before


def test_a_boot_loader_that_does_not_honour_the_entry_costs_no_second_reboot(make: Make) -> None:
    sample = make()
    target = Target(str(sample.root), live=False)
    run.apply(target)
    sample.write("proc/cmdline", LATER_LINE + "\n")
    again = run.apply(target)
    assert (again.decision.kind, again.reboot, again.steps) == (Kind.PENDING, False, ())


def test_without_an_intent_an_interrupted_first_boot_is_finished(make: Make) -> None:
    """A wish that only the rendered config held (kernelArguments) is not there any more in the next boot."""
    sample = make(options=INTERIM, ignition=NO_WISH, preset=None, cmdline=FIRST_BOOT_LINE + f" crashkernel={AUTO}\n")
    assert settle_down(sample) == 0
    assert sample.text() == entry_text(FINAL)
    assert not sample.has(f"boot/{STAMP}")
