# SPDX-License-Identifier: Apache-2.0
"""What is reserved beside what is needed, for the deployment that runs and for the one that is booted next. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from orchestrator.decide import sizing
from orchestrator.facts.intent import Intent
from orchestrator.facts.machine import Machine
from orchestrator.facts.next_deployment import NextDeployment
from orchestrator.rules import crashkernel

MIB = 1 << 20


class Whose(Enum):
    """The deployment in question."""

    BOOTED = "booted"
    STAGED = "staged"  # ostree writes its entry when the machine is shut down
    PENDING = "pending"  # it has an entry, the one that is booted next


@dataclass(frozen=True)
class Room:
    """Sizes in bytes, None where there is no number. `release`: the kernel's. `mend`: what to do where it is too small.

    `directory`: the deployment's; "" for the booted one. `sized`: is its kernel's size its own, not the running one's?
    """

    whose: Whose
    release: str
    reserved: int | None
    needed: int | None
    mend: str = ""
    directory: str = ""
    sized: bool = True

    @property
    def short(self) -> bool:
        """Is less reserved than is needed? Not asked of a booted one that reserves nothing: that is a broken link."""
        if not self.reserved:
            return self.reserved == 0 and self.whose is not Whose.BOOTED
        return self.needed is not None and self.reserved < self.needed

    @property
    def warning(self) -> str:
        """The sentence for one that is short, "" for one that is not."""
        if not self.short:
            return ""
        if not self.reserved:
            return f"{self.name} reserves nothing, so that nothing will be dumped: {self.mend}"
        whose = "" if self.whose is Whose.BOOTED else f" for {self.name}"
        return (
            f"about {mib(self.needed)} MiB are needed{whose} and {self.reserved // MIB} MiB are reserved, "
            f"so that a dump may fail: {self.mend}"
        )

    @property
    def name(self) -> str:
        """The deployment, in a sentence."""
        return f"the {self.whose.value} deployment" + (f" (kernel {self.release})" if self.release else "")


def following(intent: Intent, machine: Machine, found: NextDeployment, running: str, reserved: int | None) -> Room:
    """The room of the deployment that is booted next; `running` is the value in force now, and `reserved` what it gives."""
    whose = Whose.STAGED if found.staged else Whose.PENDING
    its_own = crashkernel.evaluate(found.options, machine.memory, machine.arch).total
    needed = sizing.needed(found.capture, machine.arch.name) if found.capture else None
    if its_own and needed and running and needed > (reserved or 0):
        mend = sizing.mend(intent, machine, running, needed)
    else:  # what runs has enough, so that nothing would be changed now
        mend = "boot it, run kdump-karg apply, and reboot"
    return Room(whose, found.release, its_own, needed, mend, found.directory, found.sized)


def mib(size: int | None) -> int:
    """Whole MiB, rounded up."""
    return -(-(size or 0) // MIB)
