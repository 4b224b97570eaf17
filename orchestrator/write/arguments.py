# SPDX-License-Identifier: Apache-2.0
"""Writes what Ignition's kargs stage asks for into the entry, and notes for the end of this boot that a reboot is due for it.

Nothing is written outside /boot and /run: Ignition's disks stage is still to come, and no root file system is mounted.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from orchestrator import log
from orchestrator.decide.plan import Plan
from orchestrator.errors import Failure
from orchestrator.facts.machine import ARGUMENTS_DUE
from orchestrator.rules import kargs
from orchestrator.rules.kargs import Asked
from orchestrator.system import freezer, tree
from orchestrator.system.target import Target
from orchestrator.write import apply as writer

Replan = Callable[[str], Plan]


def write(target: Target, boot: str, made: Plan, replan: Replan, is_done: Callable[[str], bool]) -> Plan:
    """Take the plan's one step on the boot file system at `boot`, and read it back by `is_done`; the plan that was carried out.

    Where the entry has changed since it was read, plan once more, and only once. Raises as writer.apply(), Failure where the entry does
    not read back.
    """
    settle = freezer.settle if target.live else writer.settled
    try:
        writer.apply(made, boot, settle)
    except writer.Changed as changed:
        log.say(log.NOTICE, f"{str(changed).partition(';')[0]}: planning once more")
        made = replan(boot)
        writer.apply(made, boot, settle)
    if not is_done(boot):
        raise Failure("/boot: the entry was written but does not read back as kernelArguments ask; check /boot")
    return made


def note(root: str, asked: Asked) -> None:
    """Leave word for the end of this boot that a reboot is due. Raises OSError."""
    place = tree.resolve(root, ARGUMENTS_DUE, last=False)
    os.makedirs(os.path.dirname(place), mode=0o755, exist_ok=True)
    with open(place, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(kargs.encode(asked))
