# SPDX-License-Identifier: Apache-2.0
"""From a plan to a verified write: the locks, the note that it is under way, and a second plan where /boot has changed."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace

from orchestrator import log
from orchestrator.decide import decision, undo
from orchestrator.decide.decision import Kind
from orchestrator.decide.plan import Plan
from orchestrator.errors import Failure, Refusal
from orchestrator.facts import bootstate, deployments
from orchestrator.facts.bootstate import BEGUN
from orchestrator.facts.machine import Surroundings
from orchestrator.system import bootfs, freezer
from orchestrator.system import var as state
from orchestrator.system.target import Target
from orchestrator.write import apply as writer
from orchestrator.write import outcome, record
from orchestrator.write.apply import Settle

Replan = Callable[[str], Plan]  # the plan for what is at a directory of the boot file system now; raises Refusal


@dataclass(frozen=True)
class Carry:
    """Where a plan is carried out and how: the boot directory, the /var, the planner, what makes a step safe, and whether a
    record of it must be kept."""

    boot: str
    var: str
    replan: Replan
    settle: Settle
    must: bool


def write(target: Target, made: Plan, replan: Replan, *, here: Surroundings, var: str, known: str | None) -> Plan:
    """Carry a plan out and verify it by `replan`; returns the plan that was carried out.

    `var`: the directory of the provisioned /var; `known`: as bootfs.reach() has it. Raises Refusal where /boot changes
    twice during the run, is read-only or locked by another, Failure where it cannot be written or does not read back. On a
    live system the note BEGUN exists from before the first write until after the last.
    """
    with bootfs.reach(target.root, live=target.live, initramfs=here.initramfs, write=True, known=known) as boot:
        line = deployments.entry_line(target.root, boot, here.cmdline)
        kept = record.keep(var)
        if target.live:
            _begin(var, made)
        carry = Carry(boot, var, replan, freezer.settle if target.live else writer.settled, must=not decision.is_first_boot(here))
        try:
            made = _carry_out(carry, made)
        except Refusal:
            if not _is_unfinished(boot, line):
                forget(var)
            if not _is_written(boot, line, made):
                record.put_back(var, kept)
            raise
        _verify(boot, made, replan, line)
        if made.undoes and made.record is not None:
            record.close(var, made.record)
        elif made.record is not None:
            record.settle(var)
    forget(var)
    return made


def _begin(var: str, made: Plan) -> None:
    """What comes before the first step on a live system. An undo that is cut short is not taken up by the next boot, and
    neither is a write that comes before it."""
    if made.undoes:
        forget(var)
    else:
        outcome.begin(var)
    keep_provisioning()


def keep_provisioning() -> None:
    """Bring all that this boot wrote to disk before the first write ends the first boot.

    In an initramfs that is what Ignition wrote, and what others wrote when they were stopped. It is in memory only until
    somebody syncs, and a machine that loses power then would never be provisioned. Linux mounts those file systems, so the
    journal is enough: nothing has to be frozen.
    """
    os.sync()


def _is_unfinished(boot: str, line: str) -> bool:
    """Was the end of a first boot begun and not finished? Where /boot cannot be read, it may be."""
    try:
        return bootstate.read(boot, line).unfinished
    except Refusal:
        return True


def _is_written(boot: str, line: str, made: Plan) -> bool:
    """Has the entry the value that was to be recorded? Where /boot cannot be read, it may have."""
    try:
        return made.record is not None and undo.is_in(bootstate.read(boot, line).options.text, made.record)
    except Refusal:
        return True


def forget(var: str) -> None:
    """Remove the note that a write is under way: it is done, or there is nothing to do."""
    try:
        os.unlink(state.inside(var, BEGUN))
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        log.say(log.WARNING, f"/{BEGUN} cannot be removed ({error.strerror}); the next boot will check /boot once more")


def _carry_out(carry: Carry, made: Plan) -> Plan:
    """Take the steps. Where a file is not as planned any more, plan once more, and only once. Raises as apply.apply()."""
    try:
        _take(carry, made)
        return made
    except writer.Changed as changed:
        log.say(log.NOTICE, f"{str(changed).partition(';')[0]}: planning once more")
        taken = changed.taken
    again = carry.replan(carry.boot)
    if again.decision.kind is Kind.REFUSE:
        raise Refusal(again.decision.reason)
    _take(carry, again)
    return replace(made, steps=again.steps) if taken else again


def _take(carry: Carry, made: Plan) -> None:
    """Record what is about to be written, and write it."""
    record.enter(carry.var, made, must=carry.must)
    writer.apply(made, carry.boot, carry.settle)


def _verify(boot: str, made: Plan, replan: Replan, line: str) -> None:
    """Facts and decision once more: the entry must be in its final form now, and nothing may be left to do."""
    again = replan(boot)
    if again.decision.kind is not (made.then or made.decision.kind) or again.steps:
        found, read = bootstate.read(boot, line).path, f"{again.decision.kind.value} ({again.decision.reason})"
        raise Failure(f"/boot/{found} was written but reads back as {read}; check /boot")
