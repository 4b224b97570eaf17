# SPDX-License-Identifier: Apache-2.0
"""As test_faults.py, on a machine in use: every system call of a day-two `apply` and of `undo`, on /boot and on the records in /var.

At every moment the entry has the old text or the new one, and a text that is ours has a record that `undo` can go by.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestrator import cli, commands, run
from orchestrator.decide import undo
from orchestrator.facts import record
from orchestrator.facts.bootstate import BEGUN, TEMPORARY
from orchestrator.facts.record import WRITTEN
from orchestrator.rules import bls
from orchestrator.system.target import Target
from tests import strace
from tests.conftest import Make
from tests.invocation import one_line
from tests.isolated import ext4, in_namespace, is_thawed, mounted
from tests.powercut import FINAL
from tests.sample import CONF, ENTRY, OPTIONS, Sample
from tests.strace import Call, Ended
from tests.test_undo import ORIGINAL, later
from tests.write.test_faults import ALL, KILL, LABEL, Bench, check_attributes, sampled, tell

pytestmark = list(strace.needs)
SIZE = "400M"
STATE = f"sysroot/{os.path.dirname(WRITTEN)}"
EDITED = FINAL.replace(FINAL.rpartition("=")[2], SIZE)


@dataclass(frozen=True)
class Act:
    """What is run: the command, the words of the entry's options before and after it, and how the machine gets there."""

    command: str
    old: str
    new: str
    prepare: Callable[[Sample], None]


def _nothing(sample: Sample) -> None:
    """As it is."""


def _applied(sample: Sample) -> None:
    run.apply(Target(str(sample.root), live=False))
    shutil.rmtree(sample.root / "run/kdump-karg", ignore_errors=True)


def _edited(sample: Sample) -> None:
    _applied(sample)
    sample.write(CONF, f"crashkernel={SIZE}\n")


ACTS = {
    "apply": Act("apply", OPTIONS, FINAL, _nothing),
    "another size": Act("apply", FINAL, EDITED, _edited),
    "undo": Act("undo", FINAL, ORIGINAL, _applied),
}


@dataclass(frozen=True)
class Later(Bench):
    """A machine in use, whose /boot is a mounted file system."""

    act: Act

    def reset(self) -> None:
        """The machine before the command."""
        shutil.rmtree(self.sample.root / "sysroot/sysroot")
        (self.sample.root / "sysroot/ostree").unlink()
        super().reset()

    def run(self) -> None:
        """The command on a running system, in a child; ends it with the exit status."""
        target = Target(str(self.sample.root), live=True)
        command = commands.apply if self.act.command == "apply" else commands.undo
        cli._dispatch = lambda arguments: command(target)
        raise SystemExit(cli.main([self.act.command]))


@contextmanager
def bench(make: Make, act: Act) -> Iterator[Later]:
    """Made, prepared and mounted."""
    sample = later(make)
    (sample.root / ENTRY).chmod(0o640)
    os.setxattr(sample.root / ENTRY, "security.selinux", LABEL)
    act.prepare(sample)
    pristine = sample.root.with_name("pristine")
    shutil.copytree(sample.root, pristine, symlinks=True)
    with mounted(str(ext4(pristine.with_name("image"))), Path(sample.boot), "-o", "loop"):
        yield Later(sample, pristine, act)


def words(sample: Sample) -> list[str]:
    """The options of the entry, whatever blanks stand between them."""
    return sample.options.split()


def check(made: Later, call: Call, tampering: str, ended: Ended) -> None:
    """What must hold after a run that was tampered with, and after the runs that follow."""
    sample, act = made.sample, made.act
    assert is_thawed(sample.boot)
    check_attributes(sample)
    assert words(sample) in (act.old.split(), act.new.split())
    if tampering == KILL:
        assert ended.status in (-9, 0) and "Traceback" not in ended.said  # it may have said already what it had done
    else:
        assert ended.status in (0, 1, 3), ended.said
        line = one_line(ended.said.splitlines(keepends=True)[-1])
        assert "Traceback" not in ended.said and "internal error" not in ended.said
        assert not ended.status or ("/" in line and ";" in line), line
        assert ended.status or words(sample) == act.new.split()
    left = set(made.names())
    assert left <= {TEMPORARY}
    assert not left or tampering == KILL or call.name in ("unlink", "newfstatat", "openat", "close")
    assert act.command != "undo" or not sample.has(f"sysroot/{BEGUN}")  # or the next boot would put back what is taken
    check_record(sample)
    check_what_follows(made)


def check_record(sample: Sample) -> None:
    """A value of ours in the entry can be taken back: its record is there and whole."""
    value = bls.options(sample.text(), "x").text.partition("crashkernel=")[2]
    if value:
        found = undo.standing(sample.options, record.read(str(sample.root)))
        assert found is not None and found.crashkernel == value and found.before in (OPTIONS, ORIGINAL), found


def check_what_follows(made: Later) -> None:
    """The same command again does it, and nothing of ours stays behind; undo gives back what was there before all of it."""
    target = Target(str(made.sample.root), live=False)
    (run.apply if made.act.command == "apply" else run.undo)(target)
    assert words(made.sample) == made.act.new.split()
    assert made.names() == [] and not made.sample.has(f"sysroot/{BEGUN}")
    run.undo(target)
    assert words(made.sample) == OPTIONS.split()


@pytest.mark.parametrize("name", ACTS)
@pytest.mark.parametrize("where", ["boot", "var"])
def test_every_call(make: Make, capfd: pytest.CaptureFixture[str], name: str, where: str) -> None:
    def swept() -> None:
        with bench(make, ACTS[name]) as made:
            tell(capfd, f"{name}, /{where}: {sweep(made, made.sample.boot if where == 'boot' else str(made.sample.root / STATE))}")

    in_namespace(swept)


def sweep(made: Later, below: str) -> str:
    """Every call below a directory, every way; the tally. Fails with all that went wrong."""
    made.reset()
    calls, ended = strace.record(made.run, below)
    assert ended.status == 0, ended.said
    assert any(call.name == "fsync" for call in calls)
    tally: Counter[str] = Counter()
    wrong = []
    for call, tampering in sampled(calls):
        made.reset()
        tally[tampering] += 1
        ended = strace.injected(made.run, call, tampering)
        try:
            check(made, call, tampering, ended)
        except Exception as error:
            wrong.append(f"{tampering} at {call.shown}: {ended} {made.names()}: {type(error).__name__}: {error}")
    assert not wrong, "\n\n".join([*wrong, f"{len(wrong)} of {tally.total()} runs"])
    assert tally or not ALL
    return f"{len(calls)} calls, {tally.total()} runs: {dict(tally)}"
