# SPDX-License-Identifier: Apache-2.0
"""Reads what is reserved and what is needed, for the deployment that runs and the one that is booted next.

Nothing here breaks a link, so what cannot be read is no number and no error.
"""

from __future__ import annotations

from orchestrator.decide import room, sizing
from orchestrator.decide.room import Room, Whose
from orchestrator.errors import Refusal
from orchestrator.facts import capture_kernel, machine, next_deployment
from orchestrator.facts.intent import Intent
from orchestrator.facts.machine import Machine
from orchestrator.rules import cmdline
from orchestrator.system import tree

BY_SIZE = "give a larger crashkernel="  # where this machine cannot be judged


def read(root: str, wish: Intent, line: str, reserved: int | None) -> tuple[Room, ...]:
    """The rooms, the booted deployment's first. `line` is the running command line, `reserved` what the kernel has set aside."""
    try:
        boot = tree.resolve(root, "boot")
        found: Machine | None = machine.read(root)
    except Refusal:
        boot, found = f"{root}/boot", None
    running = cmdline.in_force(cmdline.crashkernel_values(line)) or ""
    needed = _needed(root, boot, line)
    mend = sizing.mend(wish, found, running, needed) if found and needed and running else BY_SIZE
    rooms = [Room(Whose.BOOTED, capture_kernel.running_release(root), reserved, needed, mend)]
    try:
        following = next_deployment.read(root, boot, line)
    except Refusal:
        following = None
    if following and found:
        rooms.append(room.following(wish, found, following, running, reserved))
    return tuple(rooms)


def _needed(root: str, boot: str, line: str) -> int | None:
    """What the running deployment's capture kernel is estimated to need, in bytes; None where that is not known."""
    try:
        found = next_deployment.booted(root, boot, line)
        return sizing.needed(found, machine.architecture(root)) if found else None
    except Refusal:
        return None
