# SPDX-License-Identifier: Apache-2.0
"""Facts -> decision -> plan, in that order and on one root directory. Nothing is written."""

from __future__ import annotations

from dataclasses import replace

from orchestrator import gathering, log
from orchestrator.decide import arguments, decision, impact, loadable, sizing, upcoming
from orchestrator.decide.decision import Decision, Kind
from orchestrator.decide.plan import Plan, finish, make, swept
from orchestrator.errors import Refusal
from orchestrator.facts import backend, bootstate, capture_kernel, conf, deployments, loader, sealing
from orchestrator.facts.bootstate import BootState
from orchestrator.facts.machine import Surroundings
from orchestrator.gathering import Facts
from orchestrator.rules import kargs
from orchestrator.system import bootfs
from orchestrator.system.target import Target, provisioned_root


def plan(target: Target) -> Plan:
    """What is to be done. Reads only; a Refusal becomes the decision REFUSE with its reason."""
    try:
        return planned(target, gathering.gather(target))
    except Refusal as refusal:
        return Plan(Decision(Kind.REFUSE, str(refusal)))


def planned(target: Target, facts: Facts) -> Plan:
    """As `plan`, from facts. Raises Refusal; a machine that runs with the argument needs no readable /boot."""
    made = _planned(target, facts)
    about_kdump = made.kdump or made.decision
    return made if about_kdump.kind is Kind.REFUSE else replace(made, enables=facts.enables)


def _planned(target: Target, facts: Facts) -> Plan:
    """The plan, but for the unit. Raises as planned()."""
    if facts.settled is None or facts.asked is not None or gathering.left_over(target, facts.here):
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
        facts = gathering.with_question(here, *facts.later)
    decided = decide(target, boot, found, facts)
    if decided.kind is Kind.REFUSE and gathering.left_over(target, here):
        return swept(finish(decided, found), found)
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
