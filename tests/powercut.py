# SPDX-License-Identifier: Apache-2.0
"""What must hold of a sample tree whenever power is lost, and the boots that follow."""

from __future__ import annotations

from orchestrator import run
from orchestrator.facts.bootstate import STAMP
from orchestrator.rules import bls
from orchestrator.system.target import Target
from tests.sample import AUTO, OPTIONS, Sample, entry_text

FINAL = f"{OPTIONS} crashkernel={AUTO}"
INTERIM = bls.end_first_boot(FINAL)


def check_cut(sample: Sample) -> None:
    """What must hold at any moment: the old entry with the stamp, or no way for Ignition to run again."""
    text, stamp = sample.text(), sample.has(f"boot/{STAMP}")
    karg, variable = f" crashkernel={AUTO}" in text, f" {bls.FIRST_BOOT} " in text
    assert text in (entry_text(), entry_text(INTERIM), entry_text(FINAL))
    assert karg or stamp, "the old entry without the stamp: provisioned, no karg, and nothing says so"
    assert not (karg and variable and stamp), "Ignition would run a second time"


def next_boot(sample: Sample) -> str:
    """The next boot's command line, as GRUB makes it of what is there, and what else is only of this boot."""
    stamp = sample.has(f"boot/{STAMP}")
    values = {bls.FIRST_BOOT: "ignition.firstboot" if stamp else "", bls.FIRST_BOOT_ENDED: ""}
    words = [values.get(word, word) for word in sample.options.split()]
    sample.write("proc/cmdline", " ".join(word for word in words if word) + "\n")
    if not stamp or "ignition.firstboot" not in words:
        (sample.root / "run/ignition.json").unlink(missing_ok=True)
    return sample.text("proc/cmdline")


def settle_down(sample: Sample) -> int:
    """Boot and run `apply` until nothing changes any more; the number of boots that asked for another."""
    reboots = 0
    for _ in range(4):
        next_boot(sample)
        before = sample.snapshot("boot")
        made = run.apply(Target(str(sample.root), live=False))
        reboots += made.reboot
        if sample.snapshot("boot") == before and not made.reboot:
            return reboots
    raise AssertionError("does not come to rest")
