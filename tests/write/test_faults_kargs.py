# SPDX-License-Identifier: Apache-2.0
"""Every system call that `kargs` makes on /boot in Ignition's kargs stage, failing or the last one: see test_faults.py.

Old or new text, a first boot all the same, and the stage run once more converges. A sample; KDUMP_KARG_FAULTS=all runs all.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from orchestrator import cli, commands, ignition_kargs
from orchestrator.facts.bootstate import CONFIG_DIR, STAMP, TEMPORARY
from orchestrator.facts.machine import ARGUMENTS_DUE
from orchestrator.rules import kargs
from orchestrator.rules.kargs import EXIST, NOT_EXIST, Asked
from orchestrator.system import bootfs
from orchestrator.system.target import Target
from tests import strace
from tests.conftest import Make
from tests.invocation import one_line
from tests.isolated import ext4, in_namespace, is_thawed
from tests.sample import OPTIONS, Sample, entry_text
from tests.strace import Call, Ended
from tests.write import test_faults
from tests.write.test_faults import KILL, Bench, check_attributes, sampled, tell

pytestmark = list(strace.needs)
ASKED = Asked(("rig.a=1", "quiet"), ("mitigations=auto,nosmt",))
ARGV = ["kargs", EXIST, "rig.a=1", EXIST, "quiet", NOT_EXIST, "mitigations=auto,nosmt"]
NEW = kargs.edit(OPTIONS, ASKED)
LINE = OPTIONS.replace("$ignition_firstboot", "ignition.firstboot")


@dataclass(frozen=True)
class Stage(Bench):
    """The kargs stage: /boot is reached as if nobody had mounted it, by a link that stands for a mount."""

    def reset(self) -> None:
        """The first boot, before the program ran."""
        (self.sample.root / "sysroot/boot").unlink(missing_ok=True)
        super().reset()

    def apply(self) -> None:
        """The helper on a running initramfs, in a child; ends it with the exit status."""
        target = Target(str(self.sample.root), live=True)
        bootfs.awaited = lambda root: ""
        cli._dispatch = lambda arguments: commands.kargs(target, list(arguments.rest))
        raise SystemExit(cli.main(ARGV))


@contextmanager
def stage(make: Make) -> Iterator[Stage]:
    """Made and mounted."""

    def first_boot() -> Sample:
        sample = make(cmdline=LINE + "\n", extra={"etc/initrd-release": ""})
        sample.link("sysroot/boot", "/boot")
        return sample

    with test_faults.bench(first_boot, ext4) as made:
        yield Stage(made.sample, made.pristine)


def check(made: Stage, call: Call, tampering: str, ended: Ended) -> None:
    """What must hold after a run that was tampered with, and after the next one."""
    sample = made.sample
    assert is_thawed(sample.boot)
    assert sample.text() in (entry_text(), entry_text(NEW))
    check_attributes(sample)
    assert sample.has(f"boot/{STAMP}") and sample.has(f"boot/{CONFIG_DIR}")
    assert set(made.names()) <= {"ignition", STAMP, TEMPORARY}
    if tampering == KILL:
        assert (ended.status, ended.said) == (-9, "")
    else:
        line = one_line(ended.said.splitlines(keepends=True)[-1])
        assert ended.status in (0, 1, 3) and "Traceback" not in ended.said and "internal error" not in ended.said, ended.said
        assert sample.text() == entry_text(NEW) if ended.status == 0 else ";" in line, line
        assert sample.has(ARGUMENTS_DUE) or ended.status
    again = ignition_kargs.honour(Target(str(sample.root), live=False), ASKED)
    assert again.reboot and sample.text() == entry_text(NEW)
    check_attributes(sample)


def test_every_call(make: Make, capfd: pytest.CaptureFixture[str]) -> None:
    def swept() -> None:
        with stage(make) as made:
            made.reset()
            calls, ended = strace.record(made.apply, made.sample.boot)
            assert ended.status == 0, ended.said
            wrong, count = [], 0
            for call, tampering in sampled(calls):
                made.reset()
                count += 1
                ended = strace.injected(made.apply, call, tampering)
                try:
                    check(made, call, tampering, ended)
                except AssertionError as error:
                    wrong.append(f"{tampering} at {call.shown}: {ended} {made.names()}: {error}")
            assert not wrong, "\n\n".join([*wrong, f"{len(wrong)} of {count} runs"])
            tell(capfd, f"kargs on ext4: {len(calls)} calls on /boot, {count} runs")

    in_namespace(swept)


def test_the_stage_writes_nothing_outside_boot_and_run(make: Make) -> None:
    """No root file system is mounted yet, and what is written to /sysroot would be lost or in the way."""

    def looked() -> None:
        with stage(make) as made:
            made.reset()
            before = made.sample.snapshot("sysroot")
            _, ended = strace.record(made.apply, made.sample.boot)
            assert ended.status == 0, ended.said
            after = made.sample.snapshot("sysroot")
            assert after == before
            assert os.path.exists(made.sample.root / ARGUMENTS_DUE)

    in_namespace(looked)
