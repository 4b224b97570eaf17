# SPDX-License-Identifier: Apache-2.0
"""handover.py: what goes from the decision to the write in one boot."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator import run
from orchestrator.decide import sizing
from orchestrator.decide.decision import Decision, Kind, Wanted
from orchestrator.errors import Refusal
from orchestrator.system.target import Target
from orchestrator.system.var_mount import Volume
from orchestrator.write import handover
from orchestrator.write.handover import Handover
from tests.conftest import Make
from tests.sample import NO_WISH, Sample

WANTED = Wanted("512M-:240M", "/etc/kdump-karg.conf:1", 240 << 20, needed_bytes=230 << 20, warning="too small, it seems")
BESIDE = Handover(None, "/dev/vda3", None, Decision(Kind.REFUSE, "/etc/x:1: no; mend it"))
FULL = Handover(WANTED, "/dev/vda3", Volume("/dev/vda4", "ext4", "/ostree/deploy/fcos/var"))


@pytest.mark.parametrize(
    "left",
    [FULL, replace(FULL, wanted=None), replace(FULL, boot=""), replace(FULL, var=None), Handover(None, "", None), BESIDE],
    ids=["all", "nothing weighed", "/boot is a directory", "nothing mounted on /var", "nothing", "for other arguments"],
)
def test_what_is_left_is_read_back(make: Make, left: Handover) -> None:
    sample = make()
    handover.leave(str(sample.root), left)
    assert handover.read(str(sample.root)) == left


def test_nothing_left_is_none(make: Make) -> None:
    assert handover.read(str(make().root)) is None


@pytest.mark.parametrize("text", ["", "crashkernel=1\nboot=\n", "boot=\ncrashkernel=1\nrule=\nwarning=\nreserved_bytes=x\nneeded_bytes=0\n",
                                  "boot=\nkdump=MAYBE\nreason=x\n", "boot=\nkdump=SKIP\n"])
def test_another_text_is_refused(text: str) -> None:
    with pytest.raises(Refusal, match="^/run/kdump-karg/handover is not what kdump-karg apply wrote"):
        handover.decode(text)


def test_a_rule_cannot_add_a_line() -> None:
    """A file name can hold a line end."""
    left = replace(FULL, wanted=replace(WANTED, rule="a\nboot=/dev/evil"))
    assert handover.decode(handover.encode(left)).boot == "/dev/vda3"


def captured(sample: Sample) -> Target:
    """The sample as a captured tree: nothing is mounted."""
    return Target(str(sample.root), live=False)


def test_the_value_that_was_weighed_is_written(make: Make) -> None:
    """What it was weighed by (udev's database, say) is gone when the write comes."""
    sample = make()
    made = run.resume(captured(sample), Handover(WANTED, "", None), str(sample.root / "sysroot/var"))
    assert made.reboot and made.decision.kind is Kind.CHANGE
    assert sample.text().count(" crashkernel=512M-:240M") == 1


def test_what_was_weighed_is_not_weighed_again(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("weighed again")

    monkeypatch.setattr(sizing, "weigh", fail)
    sample = make()
    assert run.resume(captured(sample), Handover(WANTED, "", None), str(sample.root / "sysroot/var")).reboot


def test_a_captured_initramfs_is_written_at_once(make: Make) -> None:
    """Nothing runs in a captured tree that could write late, and no unit that would carry out what is handed over."""
    sample = make(extra={"etc/initrd-release": ""})
    assert run.apply(captured(sample)).reboot
    assert "crashkernel=" in sample.text() and not sample.has(handover.PATH)


def test_a_wish_that_is_gone_by_then_is_not_carried_out(make: Make) -> None:
    sample = make(ignition=NO_WISH, preset=None)
    before = sample.snapshot("boot")
    made = run.resume(captured(sample), Handover(WANTED, "", None), str(sample.root / "sysroot/var"))
    assert (made.decision.kind, made.reboot) == (Kind.SKIP, False)
    assert sample.snapshot("boot") == before
