# SPDX-License-Identifier: Apache-2.0
"""Facts -> decision -> plan of `undo`, in that order and on one root directory. Nothing is written."""

from __future__ import annotations

from dataclasses import replace

from orchestrator import log
from orchestrator.decide import decision, undo
from orchestrator.decide.decision import Decision, Kind
from orchestrator.decide.plan import Plan
from orchestrator.errors import Refusal
from orchestrator.facts import bootstate, deployments, machine, record, unit
from orchestrator.facts.machine import Surroundings
from orchestrator.system import bootfs, tree
from orchestrator.system.target import Target, provisioned_root

RPM_OSTREE = "usr/bin/rpm-ostree"


def plan(target: Target) -> Plan:
    """What `undo` would do. A Refusal becomes the decision REFUSE with its reason."""
    try:
        here = surroundings(target)
        problem = undo.out_of_place(here)
        if problem:
            return Plan(Decision(Kind.REFUSE, problem))
        with bootfs.reach(target.root, live=target.live, initramfs=here.initramfs, write=False) as boot:
            made = plan_for(target, boot, here)
    except Refusal as refusal:
        return Plan(Decision(Kind.REFUSE, str(refusal)))
    if made.decision.kind is Kind.REFUSE:
        return made
    return replace(made, disables=unit.enabled_by_us(provisioned_root(target.root)))


def surroundings(target: Target) -> Surroundings:
    """Where the program runs; from here on the messages are those that its command line asks for."""
    here = machine.surroundings(target.root)
    log.set_verbose(decision.is_verbose(here))
    return here


def plan_for(target: Target, boot: str, here: Surroundings) -> Plan:
    """The plan for what is on the boot file system now. Raises Refusal."""
    root = target.root
    found = bootstate.read(boot, deployments.entry_line(root, boot, here.cmdline))
    facts = undo.Facts(
        here,
        found,
        deployments.booted(root, here.cmdline),
        undo.standing(found.options.text, record.read(root)),
        record.undone(root),
        tree.exists(provisioned_root(root), RPM_OSTREE),
        deployments.read(root, boot),
    )
    log.debug("undo", facts)
    return undo.plan(facts)
