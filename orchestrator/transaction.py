# SPDX-License-Identifier: Apache-2.0
"""From a plan to a verified write: the locks, the word left while it is under way, one more plan where /boot has changed."""

from __future__ import annotations

import os
from dataclasses import replace

from orchestrator import apply as writer
from orchestrator import bootfs, log, outcome, run
from orchestrator import var as state
from orchestrator.bootstate import BEGUN
from orchestrator.decision import Kind
from orchestrator.errors import Failure, Refusal
from orchestrator.plan import Plan, make

TYPE_CHECKING = False  # importing it from typing would cost more than the work of most runs
if TYPE_CHECKING:
    from orchestrator.apply import Settle
    from orchestrator.handover import Handover
    from orchestrator.run import Facts, Target


def resume(target: Target, left: Handover, var: str) -> Plan:
    """Write what `apply` handed over earlier in this boot; `var` is the directory of the provisioned /var. Raises as run.apply().

    What lies on /boot is planned for anew; the value is the one that was weighed.
    """
    return run.told(lambda: _resume(target, left, var))


def _resume(target: Target, left: Handover, var: str) -> Plan:
    """As `resume`."""
    facts = replace(run.gather(target), boot=left.boot)
    if facts.question is not None and left.wanted is not None:
        facts = replace(facts, question=replace(facts.question, wanted=left.wanted, weighed=True))
    made = run.planned(target, facts)
    return write(target, made, facts, var) if made.steps else made


def write(target: Target, made: Plan, facts: Facts, var: str) -> Plan:
    """Carry a plan out and verify it; returns the plan that was carried out. `var`: the directory of the provisioned /var.

    Raises Refusal where /boot changes under our hands twice, is read-only or kept by another, Failure where it cannot be
    written or does not read back. On a live system BEGUN stands from before the first write until after the last.
    """
    here = facts.here
    with bootfs.reach(target.root, live=target.live, initramfs=here.initramfs, write=True, known=facts.boot) as boot:
        if target.live:
            outcome.begin(var)
            keep_provisioning()
        try:
            made = _carry_out(target, boot, made, facts)
        except Refusal:
            if not _is_unfinished(boot, facts):
                forget(var)
            raise
        _verify(target, boot, made, facts)
    forget(var)
    return made


def keep_provisioning() -> None:
    """Bring all that this boot wrote to disk before the first write says that Ignition need not run again.

    In an initramfs that is what Ignition wrote, and what others wrote when they were stopped. It is in memory only until
    somebody syncs, and a machine that loses power then would never be provisioned. Linux mounts those file systems, so the
    journal is enough: nothing has to be frozen.
    """
    os.sync()


def _is_unfinished(boot: str, facts: Facts) -> bool:
    """Is something left of a first boot that was begun to be ended? Where /boot cannot be read, it may be."""
    try:
        return run.state(boot, facts).unfinished
    except Refusal:
        return True


def forget(var: str) -> None:
    """Take back the word that a write is under way: it is done, or there is nothing to do."""
    try:
        os.unlink(state.inside(var, BEGUN))
    except FileNotFoundError:
        return
    except OSError as error:
        log.say(log.WARNING, f"/{BEGUN} cannot be removed ({error.strerror}); the next boot will look once more")


def _carry_out(target: Target, boot: str, made: Plan, facts: Facts) -> Plan:
    """Take the steps. Where a file is not as planned any more, plan once more, and only once. Raises as apply.apply()."""
    settle = _settle(target)
    try:
        writer.apply(made, boot, settle)
        return made
    except writer.Changed as changed:
        log.say(log.NOTICE, f"{changed}: planning once more")
        taken = changed.taken
    again = run.plan_for(target, boot, facts)
    if again.decision.kind is Kind.REFUSE:
        raise Refusal(again.decision.reason)
    writer.apply(again, boot, settle)
    return Plan(made.decision, again.steps, made.reboot) if taken else again


def _settle(target: Target) -> Settle:
    """What makes a step safe from a power cut; in a captured tree there is no boot loader to wait for."""
    if target.live:
        from orchestrator.freezer import settle

        return settle
    return lambda directory: None


def _verify(target: Target, boot: str, made: Plan, facts: Facts) -> None:
    """Facts and decision once more: the entry must have it now, in its final form, and nothing may be left to do."""
    found = run.state(boot, facts)
    again = run.decide(target, boot, found, facts)
    expected = Kind.PENDING if made.decision.kind is Kind.CHANGE else made.decision.kind
    if again.kind is not expected or make(again, found).steps:
        raise Failure(f"/boot/{found.path} was written but reads back as {again.kind.value} ({again.reason}); check /boot")
