# SPDX-License-Identifier: Apache-2.0
"""Facts -> decision -> plan -> apply -> verify, in that order and on one root directory.

What `apply` does where there is nothing to do happens on every first boot, so modules that only a change needs are imported
where the change begins.
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator import decision, intent, log, machine
from orchestrator.decision import Decision, Kind
from orchestrator.errors import Failure, Refusal

TYPE_CHECKING = False  # importing it from typing would cost more than the work of most runs
if TYPE_CHECKING:
    from orchestrator.apply import Settle
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
    from orchestrator.plan import Plan, make

    if facts.settled is not None and not left_over(target, facts.here):
        return Plan(facts.settled)
    from orchestrator import bootfs

    with bootfs.reach(target.root, live=target.live, initramfs=facts.here.initramfs, write=False) as boot:
        state = _state(boot, facts)
        log.debug(f"boot file system at {boot}: {state}")
        return make(_decide(target, boot, state, facts), state)


def _state(boot: str, facts: Facts) -> BootState:
    """The boot file system's facts."""
    from orchestrator import bootstate

    return bootstate.read(boot, facts.here.cmdline)


def _decide(target: Target, boot: str, state: BootState, facts: Facts) -> Decision:
    """The decision with all facts in hand."""
    if facts.settled is not None:
        return facts.settled
    assert facts.question is not None  # gather() leaves one of the two
    from orchestrator import backend

    asked = facts.question
    used = backend.read(intent.provisioned_root(target.root), boot, asked.machine.arch.name)
    decided = decision.decide(asked.intent, facts.here, asked.machine, asked.wanted, state, used)
    if decided.kind is not Kind.CHANGE:
        return decided
    from orchestrator import capture, impact, need

    line = facts.here.cmdline
    danger = impact.danger(impact.read(target.root, line, state.text))
    if danger:
        return Decision(Kind.REFUSE, danger, asked.wanted)
    found = capture.read(target.root, boot, line, state.text)
    log.debug(f"capture kernel: {found}")
    weighed = need.weigh(asked.intent, asked.machine, asked.wanted, found)
    return decision.decide(asked.intent, facts.here, asked.machine, weighed, state, used)


def left_over(target: Target, here: Surroundings) -> bool:
    """Did an earlier boot's run leave its mark, or a stamp, on a /boot that is in place? Costs two look-ups.

    That is to be finished even where nothing asks any more: a wish of the rendered config is gone after the first boot.
    """
    from orchestrator import tree
    from orchestrator.bootstate import MARKER, STAMP

    if decision.is_first_boot(here) or decision.switched_off(here):
        return False
    return any(tree.exists(target.root, f"boot/{name}") for name in (MARKER, STAMP))


def apply(target: Target) -> Plan:
    """Plan, carry the plan out, and read everything again to see that it took. Raises Failure where it did not."""
    facts = gather(target)
    made = _plan(target, facts)
    if made.steps:
        from orchestrator import bootfs
        from orchestrator import apply as writer

        with bootfs.reach(target.root, live=target.live, initramfs=facts.here.initramfs, write=True) as boot:
            writer.apply(made, boot, _settle(target))
            _verify(target, boot, made, facts)
    return made


def _settle(target: Target) -> Settle:
    """What makes a step safe from a power cut; in a captured tree there is no boot loader to wait for."""
    if target.live:
        from orchestrator.freezer import settle

        return settle
    return lambda directory: None


def _verify(target: Target, boot: str, made: Plan, facts: Facts) -> None:
    """Facts and decision once more: the entry must have it now, in its final form, and nothing may be left to do."""
    from orchestrator.plan import make

    state = _state(boot, facts)
    again = _decide(target, boot, state, facts)
    expected = Kind.PENDING if made.decision.kind is Kind.CHANGE else made.decision.kind
    if again.kind is not expected or make(again, state).steps:
        raise Failure(f"/boot/{state.path} was written but reads back as {again.kind.value} ({again.reason}); check /boot")


def in_initramfs(target: Target) -> bool:
    """initrd-release(5) tells an initramfs from a real root."""
    return machine.surroundings(target.root).initramfs


def is_strict(target: Target) -> bool:
    """Does the configuration say strict=yes?"""
    from orchestrator import conf

    return conf.is_strict(intent.provisioned_root(target.root))
