# SPDX-License-Identifier: Apache-2.0
"""transaction.py: what happens between the plan and the last write, and what the next boot makes of a write that failed."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator import run
from orchestrator.decide.decision import Kind
from orchestrator.errors import Failure, Refusal
from orchestrator.facts.bootstate import BEGUN, ENTRIES, MARKER, STAMP, TEMPORARY
from orchestrator.system.target import Target
from tests.conftest import Make
from tests.isolated import ext4, fail_at, in_child, in_namespace, mounted, root_only
from tests.powercut import FINAL, INTERIM, next_boot, settle_down
from tests.sample import AUTO, ENTRY, LATER_LINE, NO_WISH, OPTIONS, Sample, entry_text

NOTE = f"sysroot/{BEGUN}"
LITTER = f"boot/{ENTRIES}/{TEMPORARY}"
NAME = ENTRY.rpartition("/")[2]
KARG = f"crashkernel={AUTO}"


def captured(sample: Sample) -> Target:
    """The sample as a captured tree."""
    return Target(str(sample.root), live=False)


def makes_the_new_file(event: str, arguments: tuple[Any, ...]) -> bool:
    """Matches the moment before the new text is written: between the two looks at the old one."""
    return event == "open" and str(arguments[0]).endswith(TEMPORARY)


def truncate_and_write(sample: Sample) -> None:
    """Another program's edit, in place."""
    sample.write(ENTRY, sample.text().replace(" rw", " rw quiet"))


def write_and_rename(sample: Sample) -> None:
    """Another program's edit, by a new file."""
    sample.write(f"{ENTRY}.new", sample.text().replace(" rw", " rw quiet"))
    os.rename(sample.root / f"{ENTRY}.new", sample.root / ENTRY)


def relabel(sample: Sample) -> None:
    """Another program gives it another mode."""
    sample.write(ENTRY, sample.text().replace(" rw", " rw quiet"))
    (sample.root / ENTRY).chmod(0o600)


@pytest.mark.parametrize("edit", [truncate_and_write, write_and_rename, relabel])
@pytest.mark.parametrize("when", [0, 1], ids=["before the first rename", "before the second"])
def test_an_entry_that_changes_is_planned_for_once_more(make: Make, edit: Callable[[Sample], None], when: int) -> None:
    """Neither edit is lost, and the run still knows that it asked for a reboot."""
    sample = make()

    def action() -> None:
        fail_at(when, makes_the_new_file, lambda: edit(sample))
        made = run.apply(captured(sample))
        assert (made.decision.kind, made.reboot) == (Kind.CHANGE, True)

    assert in_child(action) == 0
    assert sample.text() == entry_text(FINAL.replace(" rw", " rw quiet"))
    assert os.listdir((sample.root / ENTRY).parent) == [NAME]
    assert not sample.has(f"boot/{STAMP}") and not sample.has(f"boot/{MARKER}")
    assert edit is not relabel or os.stat(sample.root / ENTRY).st_mode & 0o777 == 0o600


def test_one_that_changes_again_is_refused(make: Make) -> None:
    sample = make()

    def action() -> None:
        def hook(event: str, arguments: tuple[Any, ...]) -> None:
            if makes_the_new_file(event, arguments):
                truncate_and_write(sample)

        sys.addaudithook(hook)
        with pytest.raises(Refusal, match=f"^/boot/{ENTRIES}/{NAME} changed since this run read it; run kdump-karg again$"):
            run.apply(captured(sample))

    assert in_child(action) == 0
    assert sample.text() == entry_text(OPTIONS.replace(" rw", " rw quiet quiet"))
    assert os.listdir((sample.root / ENTRY).parent) == [NAME]
    assert sample.has(f"boot/{STAMP}")


def test_one_that_may_not_be_changed_any_more_is_refused(make: Make) -> None:
    sample = make()

    def action() -> None:
        fail_at(0, makes_the_new_file, lambda: (sample.write(ENTRY, "title x\n"), None)[1])
        with pytest.raises(Refusal, match="has no entry|has no options line"):
            run.apply(captured(sample))

    assert in_child(action) == 0
    assert sample.text() == "title x\n"


def test_a_stamp_that_somebody_else_takes_away_is_no_failure(make: Make) -> None:
    sample = make()

    def is_its_rename(event: str, arguments: tuple[Any, ...]) -> bool:
        return event == "os.rename" and str(arguments[0]).endswith(STAMP)

    def action() -> None:
        fail_at(0, is_its_rename, (sample.root / f"boot/{STAMP}").unlink)
        assert run.apply(captured(sample)).reboot

    assert in_child(action) == 0
    assert sample.text() == entry_text(FINAL)


LITTERED: list[tuple[str, dict[str, Any]]] = [
    ("pending", {"options": FINAL, "stamp": False, "config": False}),
    ("left by a first boot, running now", {"options": INTERIM, "cmdline": f"{LATER_LINE} {KARG}"}),
    ("word of it only", {"options": FINAL, "cmdline": f"{LATER_LINE} {KARG}", "stamp": False, "extra": {NOTE: ""}}),
    (
        "nothing asks any more",
        {"cmdline": LATER_LINE, "stamp": False, "ignition": NO_WISH, "preset": None, "extra": {NOTE: ""}},
    ),
]


@pytest.mark.parametrize("overrides", [row[1] for row in LITTERED], ids=[row[0] for row in LITTERED])
def test_litter_goes_where_there_is_nothing_else_to_do(make: Make, overrides: dict[str, Any]) -> None:
    """And only ours: files that nobody knows are left alone."""
    sample = make(**overrides)
    for name in (TEMPORARY, "unknown", ".other.tmp", "notes.conf~"):
        sample.write(f"boot/{ENTRIES}/{name}", "title cut sh")
    made = run.apply(captured(sample))
    assert not made.reboot
    assert sorted(os.listdir((sample.root / ENTRY).parent)) == [".other.tmp", "notes.conf~", NAME, "unknown"]
    assert not sample.has(NOTE)
    before = sample.snapshot()
    assert run.apply(captured(sample)).steps == ()
    assert sample.snapshot() == before


def test_a_refusal_sweeps_nothing(make: Make) -> None:
    sample = make(extra={"boot/grub2/grub.cfg": "", f"boot/loader.1/entries/{TEMPORARY}": "x"})
    before = sample.snapshot()
    assert run.apply(captured(sample)).decision.kind is Kind.REFUSE
    assert sample.snapshot() == before


def image_takes_the_stamp_away(sample: Sample) -> None:
    """What Fedora CoreOS' coreos-ignition-firstboot-complete.service does in the real root of a first boot."""
    for path in sorted((sample.root / "boot/ignition").glob("*")):
        path.unlink()
    (sample.root / f"boot/{STAMP}").unlink(missing_ok=True)
    (sample.root / "boot/ignition").rmdir()


def is_in_boot(sample: Sample, kinds: tuple[str, ...]) -> Callable[[str, tuple[Any, ...]], bool]:
    """Matches these operations in /boot."""
    return lambda event, arguments: event in kinds and str(arguments[0]).startswith(sample.boot)


@root_only
@pytest.mark.parametrize("how", ["error", "kill"])
def test_a_write_that_fails_half_way_is_taken_up_by_the_boot_after(make: Make, tmp_path: Path, how: str) -> None:
    """The boot goes on, the image takes the stamp away, and nothing in /boot tells of the variable that is not back."""
    sample = make()
    image = ext4(tmp_path / "image")
    live = Target(str(sample.root), live=True)

    def fail() -> None:
        if how == "kill":
            os._exit(9)
        raise OSError(errno.EIO, "Input/output error")

    def broken() -> None:
        fail_at(0, is_in_boot(sample, ("os.remove", "os.rmdir")), fail)  # the first after the entry's first write
        with pytest.raises(Failure, match="Input/output error; no file is left half written"):
            run.apply(live)

    def first_boot() -> None:
        os.rename(sample.boot, f"{sample.boot}.files")
        with mounted(str(image), Path(sample.boot), "-o", "loop"):
            for name in os.listdir(f"{sample.boot}.files"):
                os.system(f"cp -a {sample.boot}.files/{name} {sample.boot}")
            assert in_child(broken) == (9 if how == "kill" else 0)
            image_takes_the_stamp_away(sample)
            assert sample.text() == entry_text(INTERIM)
            assert not sample.has(f"boot/{MARKER}") and sample.has(NOTE)
            assert KARG in next_boot(sample)
            assert run.apply(live).decision.kind is Kind.ACTIVE
            assert sample.text() == entry_text(FINAL)
            assert not sample.has(NOTE)
            assert settle_down(sample) == 0

    in_namespace(first_boot)


@root_only
def test_a_write_that_ends_well_leaves_no_word(make: Make) -> None:
    sample = make()

    def first_boot() -> None:
        with mounted(sample.boot, Path(sample.boot), "--bind"):
            assert run.apply(Target(str(sample.root), live=True)).reboot
        assert not sample.has(NOTE)
        assert sample.text() == entry_text(FINAL)

    in_namespace(first_boot)


def test_word_that_cannot_be_left_stops_nothing(make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    sample = make(extra={"sysroot/var": "a file in its place"})
    made = run.apply(Target(str(sample.root), live=True))
    assert made.reboot and sample.text() == entry_text(FINAL)
    assert BEGUN in capsys.readouterr().err


