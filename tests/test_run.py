# SPDX-License-Identifier: Apache-2.0
"""planning.py and run.py: what is read, in which order, and when an earlier boot's work is finished."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest

from orchestrator import commands, gathering, planning, run
from orchestrator.decide.decision import Kind
from orchestrator.errors import Failure, Refusal
from orchestrator.facts import machine
from orchestrator.facts.bootstate import MARKER
from orchestrator.system.target import Target
from tests.conftest import Make
from tests.isolated import fail_at, in_child
from tests.powercut import FINAL, INTERIM
from tests.sample import ENTRY, LATER_LINE, NO_WISH, Sample, entry_text


def target(sample: Sample) -> Target:
    """The sample as a captured tree."""
    return Target(str(sample.root), live=False)


UNREAD: list[tuple[str, dict[str, Any]]] = [
    ("nothing asked", {"ignition": NO_WISH, "preset": None, "iomem": None, "loader": None}),
    ("switched off", {"cmdline": "rd.kdump_karg=0", "conf": "x", "ignition": "x", "iomem": None, "loader": None}),
    ("live image", {"extra": {"etc/coreos-live-initramfs": ""}, "ignition": "x", "loader": None}),
    ("capture kernel", {"extra": {"proc/vmcore": ""}, "ignition": "x", "loader": None}),
]


@pytest.mark.parametrize("overrides", [row[1] for row in UNREAD], ids=[row[0] for row in UNREAD])
def test_what_is_not_needed_is_not_read(make: Make, overrides: dict[str, Any]) -> None:
    made = planning.plan(target(make(**overrides)))
    assert (made.decision.kind, made.steps, made.reboot) == (Kind.SKIP, (), False)


def test_what_runs_already_needs_no_boot_file_system(make: Make) -> None:
    assert planning.plan(target(make(cmdline=LATER_LINE + " crashkernel=1G", stamp=False, loader=None))).decision.kind is Kind.ACTIVE


LEFT: list[tuple[str, dict[str, Any], bool]] = [
    ("first boot", {}, False),
    ("stamp in a later boot", {"cmdline": LATER_LINE}, True),
    ("marker in a later boot", {"cmdline": LATER_LINE, "stamp": False, "extra": {f"boot/{MARKER}": ""}}, True),
    ("neither", {"cmdline": LATER_LINE, "stamp": False}, False),
    ("switched off", {"cmdline": f"{LATER_LINE} rd.kdump_karg=0"}, False),
    ("capture kernel", {"cmdline": LATER_LINE, "extra": {"proc/vmcore": ""}}, False),
]


@pytest.mark.parametrize(("overrides", "expected"), [row[1:] for row in LEFT], ids=[row[0] for row in LEFT])
def test_left_over(make: Make, overrides: dict[str, Any], expected: bool) -> None:
    found = target(make(**overrides))
    assert gathering.left_over(found, machine.surroundings(found.root)) is expected


def test_what_is_left_over_is_finished_where_the_karg_runs(make: Make) -> None:
    sample = make(options=INTERIM, cmdline=f"{LATER_LINE} crashkernel=256M")
    made = run.apply(target(sample))
    assert (made.decision.kind, made.reboot, sample.text()) == (Kind.ACTIVE, False, entry_text(FINAL))


def test_a_plan_turns_a_refusal_into_a_decision_and_apply_raises_it(make: Make) -> None:
    sample = make(iomem=None)
    assert planning.plan(target(sample)).decision.kind is Kind.REFUSE
    with pytest.raises(Refusal, match="iomem"):
        run.apply(target(sample))


def test_a_write_that_does_not_read_back_is_a_failure(make: Make) -> None:
    """Somebody else writes the entry between our last write and our look at it."""
    sample = make()

    def meddle() -> None:
        sample.write(ENTRY, entry_text())

    def action() -> None:
        fail_at(0, lambda event, arguments: event == "os.remove" and str(arguments[0]).endswith(MARKER), meddle)
        with pytest.raises(Failure, match="was written but reads back as CHANGE .*; check /boot$"):
            run.apply(target(sample))

    assert in_child(action) == 0


@pytest.mark.parametrize("live", [True, False])
def test_what_ignition_wrote_is_on_disk_before_the_first_write(make: Make, monkeypatch: pytest.MonkeyPatch, live: bool) -> None:
    """A captured tree is nobody's provisioning."""
    sample = make()
    texts: list[str] = []
    monkeypatch.setattr("os.sync", lambda: texts.append(sample.text()))
    monkeypatch.setattr("orchestrator.system.freezer.settle", lambda directory: None)
    monkeypatch.setattr("orchestrator.system.bootfs.reach", lambda *_, **__: nullcontext(sample.boot))
    run.apply(Target(str(sample.root), live))
    assert texts == ([entry_text()] if live else [])


@pytest.mark.parametrize(("conf", "expected"), [("strict=yes\n", True), ("strict=yes\ncrashkernel=08M\n", True), (None, False)])
def test_strict(make: Make, conf: str | None, expected: bool) -> None:
    assert run.is_strict(target(make(conf=conf))) is expected


@pytest.mark.parametrize(("extra", "expected"), [({"etc/initrd-release": ""}, True), ({}, False)])
def test_in_initramfs(make: Make, extra: dict[str, str], expected: bool) -> None:
    assert run.in_initramfs(target(make(extra=extra))) is expected


@pytest.mark.parametrize("command", [commands.apply, commands.write])
@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), RuntimeError("a bug")])
@pytest.mark.parametrize("conf", ["strict=yes\n", "strict=no\n"])
def test_strict_holds_for_what_nobody_foresaw(
    make: Make, monkeypatch: pytest.MonkeyPatch, conf: str, error: Exception, command: Callable[[Target], int]
) -> None:
    sample = make(conf=conf, extra={"etc/initrd-release": ""})
    started: list[tuple[str, ...]] = []

    def broken(*_: object) -> None:
        raise error

    monkeypatch.setattr("orchestrator.run.apply", broken)
    monkeypatch.setattr("orchestrator.write.handover.read", broken)
    monkeypatch.setattr("orchestrator.system.process.run", lambda *argv: started.append(argv))
    with pytest.raises(type(error)):
        command(Target(str(sample.root), True))
    assert [argv[-1] for argv in started] == (["emergency.target"] if "yes" in conf else [])
    assert sample.text("run/kdump-karg/outcome").startswith("FAILED\n")
