# SPDX-License-Identifier: Apache-2.0
"""Facts -> decision -> plan -> apply -> verify: planning, and what carries a plan out, put together for `apply` and `write`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from orchestrator import gathering, planning, undoing
from orchestrator.decide import decision
from orchestrator.decide.decision import Kind
from orchestrator.decide.plan import Plan
from orchestrator.errors import Failure
from orchestrator.facts import conf, machine
from orchestrator.facts.machine import Surroundings
from orchestrator.gathering import Facts
from orchestrator.system import var as state
from orchestrator.system.target import Target, provisioned_root
from orchestrator.write import enabling, handover, transaction


def apply(target: Target) -> Plan:
    """Plan, carry the plan out, and read everything again to verify it. Raises Failure where the change is not there.

    In a running initramfs the plan is handed over to `write`: other units still write to the real root, and after our first
    write Ignition does not run again.
    """
    return _with_errors_named(lambda: _apply(target))


def resume(target: Target, left: handover.Handover, var: str) -> Plan:
    """Write what `apply` handed over earlier in this boot; `var` is the directory of the provisioned /var. Raises as apply().

    What lies on /boot is planned for anew; the value is the one that was weighed.
    """
    return _with_errors_named(lambda: _resume(target, left, var))


def undo(target: Target) -> Plan:
    """Take back what was written, by the same transaction, and read everything again to verify it. Raises as apply()."""
    return _with_errors_named(lambda: _undo(target))


def _with_errors_named(work: Callable[[], Plan]) -> Plan:
    """The work's plan; an OSError that nothing below has turned into a message becomes a Failure."""
    try:
        return work()
    except OSError as error:
        cure = "no file is left half written, run kdump-karg again"
        raise Failure(f"{error.filename or '/boot'}: {error.strerror}; {cure}") from error


def _apply(target: Target) -> Plan:
    """As `apply`."""
    facts = gathering.gather(target)
    made = planning.planned(target, facts)
    if made.enables:
        enabling.enable(target, made.enables, initramfs=facts.here.initramfs)
    if made.steps and defers(target, facts.here):
        handover.leave(target.root, handover.take_stock(target.root, made))
    elif made.steps:
        return _write(target, made, facts, state.place(target.root))
    elif made.decision.kind is not Kind.REFUSE and not decision.is_first_boot(facts.here):
        transaction.forget(state.place(target.root))
    return made


def _undo(target: Target) -> Plan:
    """As `undo`."""
    made = undoing.plan(target)
    disables = made.disables
    if made.steps:
        here = machine.surroundings(target.root)
        var = state.place(target.root)
        made = transaction.write(target, made, lambda boot: undoing.plan_for(target, boot, here), here=here, var=var, known=None)
    if disables:
        enabling.take_back(target, disables)
    return made


def _resume(target: Target, left: handover.Handover, var: str) -> Plan:
    """As `resume`."""
    facts = replace(gathering.gather(target), boot=left.boot)
    if left.kdump is not None:
        facts = replace(facts, settled=left.kdump, question=None)
    elif facts.question is not None and left.wanted is not None:
        facts = replace(facts, question=replace(facts.question, wanted=left.wanted, weighed=True))
    made = planning.planned(target, facts)
    return _write(target, made, facts, var) if made.steps else made


def _write(target: Target, made: Plan, facts: Facts, var: str) -> Plan:
    """Carry the plan out; what lies on /boot by then is planned for by the same facts."""
    return transaction.write(
        target, made, lambda boot: planning.plan_for(target, boot, facts), here=facts.here, var=var, known=facts.boot
    )


def defers(target: Target, here: Surroundings) -> bool:
    """Is the write left to the end of this boot's initramfs?"""
    return target.live and here.initramfs


def in_initramfs(target: Target) -> bool:
    """initrd-release(5) tells an initramfs from a real root."""
    return machine.surroundings(target.root).initramfs


def is_strict(target: Target) -> bool:
    """Does the configuration say strict=yes?"""
    return conf.is_strict(provisioned_root(target.root))
