# SPDX-License-Identifier: Apache-2.0
"""What is written and not in force yet: the entry's value beside the running kernel's, and what will make them one."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.decide import upcoming
from orchestrator.errors import KdumpKargError
from orchestrator.facts import bootstate, deployments
from orchestrator.facts.machine import Surroundings
from orchestrator.rules import cmdline
from orchestrator.system import bootfs
from orchestrator.system.target import Target

DUE = "a reboot is due"


@dataclass(frozen=True)
class Pending:
    """`found`: what differs, `cure`: what makes it one; each a clause."""

    found: str
    cure: str

    @property
    def sentence(self) -> str:
        """Both."""
        return f"{self.found}: {self.cure}"


def read(target: Target, here: Surroundings) -> Pending | None:
    """What is pending on a system; None where nothing is, or where /boot cannot be read, which the link `entry` says."""
    try:
        with bootfs.reach(target.root, live=target.live, initramfs=here.initramfs, write=False) as boot:
            state = bootstate.read(boot, deployments.entry_line(target.root, boot, here.cmdline))
            has = cmdline.in_force(cmdline.crashkernel_values(state.options.text))
            runs = cmdline.in_force(cmdline.crashkernel_values(here.cmdline))
            if has is None or has == runs:
                return None
            other = f"crashkernel={runs}" if runs else "none"
            found = f"/boot/{state.path} has crashkernel={has}, the running kernel has {other}"
            after = upcoming.notice(deployments.read(target.root, boot), has)
            return Pending(found, after or DUE)
    except KdumpKargError:
        return None
