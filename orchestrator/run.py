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
    from collections.abc import Callable

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
    """What is still to be decided once the boot file system has been read.

    `weighed`: what the capture kernel needs and what the edit would lock has been looked at, earlier in this boot.
    """

    intent: Intent
    machine: Machine
    wanted: Wanted
    weighed: bool = False


@dataclass(frozen=True)
class Facts:
    """What was read before /boot, and the decision if that was enough for one, or the question that is left.

    `boot`: the device of the boot file system where it was found out earlier in this boot (see bootfs.labelled()).
    """

    here: Surroundings
    settled: Decision | None = None
    question: Question | None = None
    boot: str | None = None


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
        return planned(target, gather(target))
    except Refusal as refusal:
        return Plan(Decision(Kind.REFUSE, str(refusal)))


def planned(target: Target, facts: Facts) -> Plan:
    """As `plan`, from facts. Raises Refusal."""
    from orchestrator.plan import Plan

    if facts.settled is not None and not left_over(target, facts.here):
        return Plan(facts.settled)
    from orchestrator import bootfs

    here = facts.here
    with bootfs.reach(target.root, live=target.live, initramfs=here.initramfs, write=False, known=facts.boot) as boot:
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
    if decided.kind is not Kind.CHANGE or asked.weighed:
        return decided
    from orchestrator import capture, impact, loader, need

    line = facts.here.cmdline
    who = loader.read(target.root)
    log.debug(f"loader: {who}")
    danger = loader.problem(who, asked.intent) or impact.danger(impact.read(target.root, line, found.text))
    if danger:
        return Decision(Kind.REFUSE, danger, asked.wanted)
    kernel = capture.read(target.root, boot, line, found.text)
    log.debug(f"capture kernel: {kernel}")
    weighed = loader.warn(need.weigh(asked.intent, asked.machine, asked.wanted, kernel), who, asked.intent)
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
    """Plan, carry the plan out, and read everything again to see that it took. Raises Failure where it did not.

    In a running initramfs the plan is handed over to `write`: others still write to the real root, and from our first byte on
    Ignition would not run again to do it once more.
    """
    return told(lambda: _apply(target))


def told(work: Callable[[], Plan]) -> Plan:
    """The work's plan; a Failure for an error of the system that nobody below has told."""
    try:
        return work()
    except OSError as error:
        raise Failure(f"{error.filename or '/boot'}: {error.strerror}; nothing is half written, run apply again") from error


def _apply(target: Target) -> Plan:
    """As `apply`; what is only needed for a change is in transaction.py."""
    facts = gather(target)
    made = planned(target, facts)
    if made.steps and defers(target, facts.here):
        from orchestrator import handover

        handover.leave(target.root, handover.take_stock(target.root, made.decision))
    elif made.steps:
        from orchestrator import transaction, var

        return transaction.write(target, made, facts, var.place(target.root))
    elif made.decision.kind is not Kind.REFUSE and not decision.is_first_boot(facts.here):
        from orchestrator import transaction, var

        transaction.forget(var.place(target.root))
    return made


def defers(target: Target, here: Surroundings) -> bool:
    """Is the write left to the end of this boot's initramfs?"""
    return target.live and here.initramfs


def in_initramfs(target: Target) -> bool:
    """initrd-release(5) tells an initramfs from a real root."""
    return machine.surroundings(target.root).initramfs


def is_strict(target: Target) -> bool:
    """Does the configuration say strict=yes?"""
    from orchestrator import conf

    return conf.is_strict(intent.provisioned_root(target.root))
