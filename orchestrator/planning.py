# SPDX-License-Identifier: Apache-2.0
"""Facts -> decision -> plan, in that order and on one root directory. Nothing is written.

On most first boots the facts that are read first are enough: nothing asks for kdump, or the argument is there already.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from orchestrator import log
from orchestrator.decide import arguments, decision, impact, loadable, sizing, upcoming
from orchestrator.decide.decision import Decision, Kind, Wanted
from orchestrator.decide.plan import Plan, make, swept
from orchestrator.errors import Refusal
from orchestrator.facts import (
    arguments_due,
    backend,
    bootstate,
    capture_kernel,
    conf,
    deployments,
    intent,
    loader,
    machine,
    next_deployment,
    sealing,
)
from orchestrator.facts.bootstate import BootState
from orchestrator.facts.intent import Intent
from orchestrator.facts.machine import Machine, Surroundings
from orchestrator.rules import kargs
from orchestrator.system import bootfs, tree
from orchestrator.system.target import Target, provisioned_root


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

    `boot`: the device of the boot file system where it was found out earlier in this boot (see bootfs.labelled()). `later`: in
    a boot after the first one, what `settled` was decided from; the entry then counts as well, for it is for the next boot.
    `enables`: the kdump unit that is wanted and not enabled. `asked`: what Ignition's kargs stage has asked for in this boot and
    needs the reboot; `here` then has the command line after it, and all is decided for that one.
    """

    here: Surroundings
    settled: Decision | None = None
    question: Question | None = None
    boot: str | None = None
    later: tuple[Intent, Machine] | None = None
    enables: str = ""
    asked: kargs.Asked | None = None


def gather(target: Target) -> Facts:
    """Everything that can be known without the boot file system. Refusal for what cannot be understood or cannot work."""
    here = machine.surroundings(target.root)
    log.set_verbose(decision.is_verbose(here))
    log.debug("surroundings", here)
    if not (decision.is_first_boot(here) and tree.exists(target.root, machine.ARGUMENTS_DUE)):
        return _asked_or_not(target, here)
    asked = arguments_due.read(target.root)
    here = replace(here, cmdline=kargs.edit(here.cmdline, asked))
    try:
        facts = _asked_or_not(target, here)
    except Refusal as refusal:  # of kdump; the arguments need their reboot all the same
        facts = Facts(here, Decision(Kind.REFUSE, str(refusal)))
    return replace(facts, asked=asked)


def _asked_or_not(target: Target, here: Surroundings) -> Facts:
    """The facts about kdump. Raises as gather()."""
    off = decision.switched_off(here)
    if off is not None:
        return Facts(here, off)
    wish = intent.read(target.root)
    log.debug("intent", wish)
    nothing = decision.nothing_asked(wish)
    if nothing is not None:
        return Facts(here, nothing)
    return replace(_gather(target, here, wish), enables=wish.enables)


def _gather(target: Target, here: Surroundings, wish: Intent) -> Facts:
    """The facts where something is asked. Raises as gather()."""
    found = machine.read(target.root)
    log.debug("machine", found)
    running = decision.running(wish, here, found)
    if running is None:
        return _asked(here, wish, found)
    is_later = running.kind is Kind.ACTIVE and not (here.initramfs or decision.is_first_boot(here))
    facts = Facts(here, running, later=(wish, found) if is_later else None)
    return _outgrown(target, facts) if is_later and not left_over(target, here) else facts


def _asked(here: Surroundings, wish: Intent, found: Machine) -> Facts:
    """The facts where the running command line does not settle it. Raises as decision.want()."""
    wanted = decision.want(wish, found)
    return Facts(here, decision.reserves_nothing(wanted, found), Question(wish, found, wanted))


def _outgrown(target: Target, facts: Facts) -> Facts:
    """What settles the matter, or the question that is left where `auto` has become too small since it was written.

    An update can bring a larger kernel or initramfs. What runs by itself does not question the value on the line: not in the
    initramfs or in a first boot, nor where an earlier run's work is to be finished first.
    """
    if facts.later is None or facts.settled is None or facts.settled.wanted is None:
        return facts
    (wish, found), settled, running = facts.later, facts.settled, facts.settled.wanted
    try:
        captures = next_deployment.captures(target.root, tree.resolve(target.root, "boot"), facts.here.cmdline)
    except Refusal as refusal:
        log.debug("needed now", refusal)
        return facts
    least = max((sizing.needed(each, found.arch.name) for each in captures), default=0)
    judged = sizing.outgrown(wish, found, running, least)
    log.debug("needed now", judged)
    if judged.crashkernel != running.crashkernel:
        return Facts(facts.here, question=Question(wish, found, judged))
    but = f", which is {judged.warning}" if judged.warning else ""
    return replace(facts, settled=Decision(Kind.ACTIVE, settled.reason + but, judged))


def plan(target: Target) -> Plan:
    """What is to be done. Reads only; a Refusal becomes the decision REFUSE with its reason."""
    try:
        return planned(target, gather(target))
    except Refusal as refusal:
        return Plan(Decision(Kind.REFUSE, str(refusal)))


def planned(target: Target, facts: Facts) -> Plan:
    """As `plan`, from facts. Raises Refusal; a machine that runs with the argument needs no readable /boot."""
    made = _planned(target, facts)
    about_kdump = made.kdump or made.decision
    return made if about_kdump.kind is Kind.REFUSE else replace(made, enables=facts.enables)


def _planned(target: Target, facts: Facts) -> Plan:
    """The plan, but for the unit. Raises as planned()."""
    if facts.settled is None or facts.asked is not None or left_over(target, facts.here):
        return _reached(target, facts)
    if facts.later is None:
        return Plan(facts.settled)
    try:
        return _reached(target, facts)
    except Refusal as refusal:
        log.debug(f"/boot is not looked at: {refusal}")
        return Plan(facts.settled)


def _reached(target: Target, facts: Facts) -> Plan:
    """The plan, with the boot file system."""
    here = facts.here
    with bootfs.reach(target.root, live=target.live, initramfs=here.initramfs, write=False, known=facts.boot) as boot:
        return plan_for(target, boot, facts)


def plan_for(target: Target, boot: str, facts: Facts) -> Plan:
    """The plan for what is on the boot file system now."""
    here = facts.here
    found = bootstate.read(boot, deployments.entry_line(target.root, boot, here.cmdline))
    log.debug(f"boot file system at {boot}", found)
    if facts.asked is not None:
        return swept(_with_arguments(target, boot, found, facts, facts.asked), found)
    runs = facts.later is not None
    if facts.later is not None and not decision.in_entry(*facts.later, found):
        facts = _asked(here, *facts.later)
    decided = decide(target, boot, found, facts)
    if decided.kind is not Kind.CHANGE:
        return swept(make(decided, found), found)
    made = make(decided, found, deployments.booted(target.root, here.cmdline), runs=runs)
    due = _upcoming(target, boot, here, decided.wanted.crashkernel) if decided.wanted is not None else ""
    return replace(swept(made, found), notices=(due,) if due else ())


def _with_arguments(target: Target, boot: str, found: BootState, facts: Facts, asked: kargs.Asked) -> Plan:
    """The plan where the kargs stage of this boot has changed the entry. strict=yes stops the boot for what kdump is refused for."""
    line = facts.here.cmdline
    try:
        decided = decide(target, boot, arguments.as_asked(found, asked), facts)
    except Refusal as refusal:
        decided = Decision(Kind.REFUSE, str(refusal))
    decided = arguments.kdump_beside(decided, asked)
    if decided.kind is Kind.REFUSE and conf.is_strict(provisioned_root(target.root)):
        return Plan(decided)
    touched = sealing.read(target.root, line, found.text)
    return arguments.at_the_end(decided, asked, found, deployments.booted(target.root, line), touched)


def _upcoming(target: Target, boot: str, here: Surroundings, value: str | None) -> str:
    """Why the next boot will not have this value, if another deployment is booted then. In an initramfs none can be."""
    if here.initramfs:
        return ""
    return upcoming.notice(deployments.read(target.root, boot), value)


def decide(target: Target, boot: str, found: BootState, facts: Facts) -> Decision:
    """The decision with all facts in hand."""
    if facts.settled is not None:
        return facts.settled
    assert facts.question is not None  # gather() leaves one of the two
    asked = facts.question
    used = backend.read(provisioned_root(target.root), boot, asked.machine.arch.name)
    present = decision.in_entry(asked.intent, asked.machine, found, decision.least(asked.wanted))
    due = _upcoming(target, boot, facts.here, present.crashkernel) if present else ""
    decided = decision.decide(asked.intent, facts.here, asked.machine, asked.wanted, found, used, due or decision.REBOOT)
    if decided.kind is not Kind.CHANGE or asked.weighed:
        return decided
    line = facts.here.cmdline
    who = loader.read(target.root, asked.intent.enables)
    log.debug("loader", who)
    danger = loadable.problem(who, asked.intent) or impact.danger(sealing.read(target.root, line, found.text))
    if danger:
        return Decision(Kind.REFUSE, danger, asked.wanted)
    kernel = capture_kernel.read(target.root, boot, line, found.text)
    log.debug("capture kernel", kernel)
    weighed = loadable.warn(sizing.weigh(asked.intent, asked.machine, asked.wanted, kernel), who, asked.intent)
    return decision.decide(asked.intent, facts.here, asked.machine, weighed, found, used)


def left_over(target: Target, here: Surroundings) -> bool:
    """Did an earlier boot's run leave a mark of its own, or the stamp? /boot is in place. Costs three look-ups.

    That is to be finished even where nothing asks any more: an intent in the rendered config is gone after the first boot.
    """
    if decision.is_first_boot(here) or decision.switched_off(here):
        return False
    if any(tree.exists(target.root, f"boot/{name}") for name in (bootstate.MARKER, bootstate.STAMP)):
        return True
    return tree.exists(provisioned_root(target.root), bootstate.BEGUN)
