# SPDX-License-Identifier: Apache-2.0
"""What is known before the boot file system is looked at, and the decision where that is enough for one. Nothing is written.

On most first boots it is: nothing asks for kdump, or the argument is there already.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from orchestrator import log
from orchestrator.decide import decision, sizing
from orchestrator.decide.decision import Decision, Kind, Wanted
from orchestrator.errors import Refusal
from orchestrator.facts import arguments_due, bootstate, intent, machine, next_deployment
from orchestrator.facts.intent import Intent
from orchestrator.facts.machine import Machine, Surroundings
from orchestrator.rules import kargs
from orchestrator.system import tree
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
    asked = None
    if decision.is_first_boot(here) and tree.exists(target.root, machine.ARGUMENTS_DUE):
        asked = arguments_due.read(target.root)
        here = replace(here, cmdline=kargs.edit(here.cmdline, asked))
    try:
        return replace(_asked_or_not(target, here), asked=asked)
    except Refusal as refusal:
        # Of kdump. The arguments need their reboot all the same, and what an earlier boot has left its end.
        if asked is None and not left_over(target, here):
            raise
        return Facts(here, Decision(Kind.REFUSE, str(refusal)), asked=asked)


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
        return with_question(here, wish, found)
    is_later = running.kind is Kind.ACTIVE and not (here.initramfs or decision.is_first_boot(here))
    facts = Facts(here, running, later=(wish, found) if is_later else None)
    return _outgrown(target, facts) if is_later and not left_over(target, here) else facts


def with_question(here: Surroundings, wish: Intent, found: Machine) -> Facts:
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


def left_over(target: Target, here: Surroundings) -> bool:
    """Did an earlier boot's run leave a mark of its own, or the stamp? /boot is in place. Costs three look-ups.

    That is to be finished even where nothing asks any more: an intent in the rendered config is gone after the first boot.
    """
    if decision.is_first_boot(here) or decision.switched_off(here):
        return False
    if any(tree.exists(target.root, f"boot/{name}") for name in (bootstate.MARKER, bootstate.STAMP)):
        return True
    return tree.exists(provisioned_root(target.root), bootstate.BEGUN)
