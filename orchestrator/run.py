# SPDX-License-Identifier: Apache-2.0
"""Facts -> decision -> plan -> apply -> verify, in that order and on one root directory.

What `apply` does where there is nothing to do happens on every first boot, so modules that only a change needs are imported
where the change begins.
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator import decision, intent, log, machine, tree
from orchestrator.decision import Decision, Kind
from orchestrator.errors import Failure, Refusal

TYPE_CHECKING = False  # importing it from typing would cost more than the work of most runs
if TYPE_CHECKING:
    from orchestrator.bootstate import BootState
    from orchestrator.decision import Wanted
    from orchestrator.intent import Intent
    from orchestrator.machine import Machine, Surroundings
    from orchestrator.plan import Plan


@dataclass(frozen=True)
class Target:
    """The system a run is about. `live`: the running one; else a captured tree, in which nothing is mounted or run."""

    root: str
    live: bool


@dataclass(frozen=True)
class Question:
    """What is still to be decided once the boot file system has been read."""

    intent: Intent
    machine: Machine
    wanted: Wanted


@dataclass(frozen=True)
class Facts:
    """What was read before /boot, and the decision if that was enough for one, or the question that is left."""

    here: Surroundings
    settled: Decision | None = None
    question: Question | None = None


def gather(target: Target) -> Facts:
    """Everything that can be known without the boot file system. Refusal for what cannot be understood or cannot work."""
    here = machine.surroundings(target.root)
    log.set_verbose(decision.is_verbose(here))
    log.debug(f"surroundings: {here}")
    off = decision.switched_off(here)
    if off is not None:
        return Facts(here, off)
    wish = intent.read(target.root)
    log.debug(f"intent: {wish}")
    nothing = decision.nothing_asked(wish)
    if nothing is not None:
        return Facts(here, nothing)
    found = machine.read(target.root)
    log.debug(f"machine: {found}")
    running = decision.running(wish, here, found)
    if running is not None:
        return Facts(here, running)
    wanted = decision.want(wish, found)
    return Facts(here, decision.hopeless(wanted, found), Question(wish, found, wanted))


def plan(target: Target) -> Plan:
    """What is to be done. Reads only; a Refusal becomes the decision REFUSE with its reason."""
    from orchestrator.plan import Plan

    try:
        return _plan(target, gather(target))
    except Refusal as refusal:
        return Plan(Decision(Kind.REFUSE, str(refusal)))


def _plan(target: Target, facts: Facts) -> Plan:
    """As `plan`, from facts; raises Refusal."""
    from orchestrator.plan import Plan

    if facts.settled is not None and not left_over(target, facts.here):
        return Plan(facts.settled)
    from orchestrator import bootfs

    with bootfs.reach(target.root, live=target.live, initramfs=facts.here.initramfs, write=False) as boot:
        return plan_for(target, boot, facts)


def plan_for(target: Target, boot: str, facts: Facts) -> Plan:
    """The plan for what is on the boot file system now."""
    from orchestrator.plan import make, swept

    found = state(boot, facts)
    log.debug(f"boot file system at {boot}: {found}")
    return swept(make(decide(target, boot, found, facts), found), found)


def state(boot: str, facts: Facts) -> BootState:
    """The boot file system's facts."""
    from orchestrator import bootstate

    return bootstate.read(boot, facts.here.cmdline)


def decide(target: Target, boot: str, found: BootState, facts: Facts) -> Decision:
    """The decision with all facts in hand."""
    if facts.settled is not None:
        return facts.settled
    assert facts.question is not None  # gather() leaves one of the two
    from orchestrator import backend

    asked = facts.question
    used = backend.read(intent.provisioned_root(target.root), boot, asked.machine.arch.name)
    decided = decision.decide(asked.intent, facts.here, asked.machine, asked.wanted, found, used)
    if decided.kind is not Kind.CHANGE:
        return decided
    from orchestrator import capture, impact, need

    line = facts.here.cmdline
    danger = impact.danger(impact.read(target.root, line, found.text))
    if danger:
        return Decision(Kind.REFUSE, danger, asked.wanted)
    kernel = capture.read(target.root, boot, line, found.text)
    log.debug(f"capture kernel: {kernel}")
    weighed = need.weigh(asked.intent, asked.machine, asked.wanted, kernel)
    return decision.decide(asked.intent, facts.here, asked.machine, weighed, found, used)


def left_over(target: Target, here: Surroundings) -> bool:
    """Did an earlier boot's run leave a mark of its own, or the stamp? /boot is in place. Costs three look-ups.

    That is to be finished even where nothing asks any more: a wish of the rendered config is gone after the first boot.
    """
    from orchestrator.bootstate import BEGUN, MARKER, STAMP

    if decision.is_first_boot(here) or decision.switched_off(here):
        return False
    if any(tree.exists(target.root, f"boot/{name}") for name in (MARKER, STAMP)):
        return True
    return tree.exists(intent.provisioned_root(target.root), BEGUN)


def apply(target: Target) -> Plan:
    """Plan, carry the plan out, and read everything again to see that it took. Raises Failure where it did not."""
    try:
        return _apply(target)
    except OSError as error:
        raise Failure(f"{error.filename or '/boot'}: {error.strerror}; nothing is half written, run apply again") from error


def _apply(target: Target) -> Plan:
    """As `apply`; what is only needed for a change is in transaction.py."""
    facts = gather(target)
    made = _plan(target, facts)
    if made.steps:
        from orchestrator import transaction

        return transaction.write(target, made, facts)
    if made.decision.kind is not Kind.REFUSE and not decision.is_first_boot(facts.here):
        from orchestrator import transaction

        transaction.forget(target)
    return made


def in_initramfs(target: Target) -> bool:
    """initrd-release(5) tells an initramfs from a real root."""
    return machine.surroundings(target.root).initramfs


def is_strict(target: Target) -> bool:
    """Does the configuration say strict=yes?"""
    from orchestrator import conf

    return conf.is_strict(intent.provisioned_root(target.root))
