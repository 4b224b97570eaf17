# SPDX-License-Identifier: Apache-2.0
"""The commands: each does its work on a target, prints, and returns the exit status."""

from __future__ import annotations

import os
from collections.abc import Callable

from orchestrator import crash_test, ignition_kargs, log, planning, run, stdout, undoing
from orchestrator.decide.decision import Kind
from orchestrator.decide.plan import Plan
from orchestrator.errors import KdumpKargError, Refusal, UsageError
from orchestrator.lint import run as linting
from orchestrator.report import chain, delivery, proof_link, show
from orchestrator.rules import kargs as contract
from orchestrator.system import process, systemd_jobs, var_mount
from orchestrator.system import var as state
from orchestrator.system.target import Target
from orchestrator.write import handover, outcome

FAILED = "FAILED"  # beside the decisions: the run broke off


def plan(target: Target, json: bool, *, undo: bool = False) -> int:
    """Print the plan, of `apply` or of `undo`; 3 where it is a refusal."""
    made = undoing.plan(target) if undo else planning.plan(target)
    found = linting.warnings(target.root) if run.in_initramfs(target) and not undo else ()
    stdout.write(show.plan_json(made, found) if json else show.plan_text(made, found))
    if made.decision.kind is not Kind.REFUSE:
        return 0
    log.say(log.ERROR, made.decision.reason)
    return Refusal.exit_status


def status(target: Target, json: bool) -> int:
    """Print the chain."""
    found = chain.read(target)
    stdout.write(show.chain_json(found) if json else show.chain_text(found))
    return chain.exit_status(found)


def report(target: Target) -> int:
    """Give the report: the table to stdout, the verdict to stderr, which kdump-karg-report.service sends to the journal."""
    given = delivery.give(target)
    found = given.chain
    if given.news:
        stdout.write(show.chain_table(found))
        log.say(log.NOTICE if found.armed else log.ERROR, found.verdict)
        if given.proof is not None:
            log.say(log.NOTICE if given.proof.proven else log.WARNING, proof_link.told(given.proof))
        for warning in given.unsaid:
            log.say(log.WARNING, warning)
        if target.live:
            delivery.show_on_consoles()
    return chain.exit_status(found)


def test(target: Target, yes: bool) -> int:
    """Crash the machine, where the word was given; else print what that would prove, and change nothing."""
    prospect = crash_test.look(target, administrator=os.geteuid() == 0)
    if not yes:
        stdout.write(crash_test.text(prospect))
        raise UsageError("nothing was done; kdump-karg test --yes crashes this machine")
    crash_test.carry_out(target, prospect)
    return 0


def apply(target: Target) -> int:
    """Apply, and note the outcome for the rest of this boot and the next."""
    return _guarded(target, lambda: _carried_out(target, lambda: run.apply(target), _after_apply))


def undo(target: Target) -> int:
    """Take back what was written. An initramfs, where nothing is taken back, is not stopped for that."""
    made = run.undo(target)
    if made.decision.kind is Kind.REFUSE:
        raise Refusal(made.decision.reason)
    log.say(log.INFO, f"{made.decision.kind.value}: {made.decision.reason}")
    if made.steps and target.live:
        _say_what_is_due(made)
        taken = outcome.Outcome(made.decision.kind.value, made.decision.reason)
        _attempt(lambda: outcome.keep(target.root, taken), "status will not know of this decision")
    return 0


def write(target: Target) -> int:
    """Carry out what `apply` handed over earlier in this boot's initramfs, and ask for the reboot."""
    return _guarded(target, lambda: _write(target))


def kargs(target: Target, argv: list[str]) -> int:
    """What Ignition's kargs stage calls. Where the status is not 0, Ignition logs what is said here and fails the boot."""
    made = ignition_kargs.honour(target, contract.parse(argv))
    log.say(log.INFO, f"{made.decision.kind.value}: {made.decision.reason}")
    return 0


def _guarded(target: Target, work: Callable[[], int]) -> int:
    """The work's exit status. What nobody foresaw stops the boot as well where the config is strict; the front end tells it."""
    try:
        return work()
    except Exception as error:
        _note_stop(target, FAILED, f"{type(error).__name__}: {error}")
        raise


def _write(target: Target) -> int:
    """As `write`."""
    try:
        left = handover.read(target.root)
    except Refusal as refusal:
        return _stopped(target, Kind.REFUSE.value, str(refusal), refusal.exit_status)
    if left is None:
        log.say(log.INFO, f"nothing to write: /{handover.PATH} is not there, so apply has handed nothing over")
        return 0
    systemd_jobs.wait_for_stops()
    with var_mount.reach(target.root, left.var) as place:
        return _carried_out(
            target, lambda: run.resume(target, left, place), lambda target, made: _note_outcome(target, made, place)
        )


def _carried_out(target: Target, work: Callable[[], Plan], afterwards: Callable[[Target, Plan], None]) -> int:
    """Do the work, say what came of it, and do what comes after it; the exit status."""
    try:
        made = work()
    except KdumpKargError as error:
        kind = Kind.REFUSE.value if isinstance(error, Refusal) else FAILED
        return _stopped(target, kind, str(error), error.exit_status)
    if made.decision.kind is Kind.REFUSE:
        return _stopped(target, Kind.REFUSE.value, made.decision.reason, Refusal.exit_status)
    log.say(_priority(made), f"{made.decision.kind.value}: {made.decision.reason}")
    if made.steps or made.decision.kind is not Kind.SKIP:
        afterwards(target, made)
    return 0


def _priority(made: Plan) -> int:
    """How loudly a plan that was carried out is to be told: a refusal of kdump can be a part of it."""
    if made.kdump is not None and made.kdump.kind is Kind.REFUSE:
        return log.ERROR
    return log.WARNING if made.decision.wanted is not None and made.decision.wanted.warning else log.INFO


def _after_apply(target: Target, made: Plan) -> None:
    """Where the write is still to come, only the decision is noted, for a `status` meanwhile."""
    if not (made.steps and target.live and run.in_initramfs(target)):
        _note_outcome(target, made, state.place(target.root))
        return
    log.say(log.INFO, "kdump-karg-write.service will write it at the end of this initramfs")
    decided = outcome.Outcome(made.decision.kind.value, made.decision.reason)
    _attempt(lambda: outcome.keep(target.root, decided), "status will not know of this decision")


def _note_outcome(target: Target, made: Plan, var: str) -> None:
    """Ask for the reboot and note the outcome for the report; in a captured tree only the former.

    The request comes first: the reboot unit must find it even if this process is killed during the rest. `var` is the directory
    of the provisioned /var. In a real root a report is due where something was written: what an interrupted first
    boot had left, say.
    """
    initramfs = target.live and run.in_initramfs(target)
    if made.reboot and (initramfs or not target.live):
        outcome.request_reboot(target.root)
    if initramfs or (target.live and made.steps):
        _attempt(lambda: _record(target, made, var), "no report will be given")
    if target.live and not initramfs:
        _say_what_is_due(made)
    if initramfs and made.reboot:
        _attempt(lambda: outcome.save_journal(target.root, var), "the first boot's journal is lost with the reboot")


def _record(target: Target, made: Plan, var: str) -> None:
    """Note the outcome; there is nothing to report of a machine that does not want kdump. Raises OSError."""
    if made.kdump is not None and made.kdump.kind is Kind.SKIP:
        outcome.keep(target.root, outcome.Outcome(made.decision.kind.value, made.decision.reason))
    else:
        outcome.record(target.root, var, made.decision, reboot=made.reboot)


def _say_what_is_due(made: Plan) -> None:
    """In a real root nothing reboots by itself: say that a reboot is due, or that the next one boots another deployment."""
    if made.notices:
        for notice in made.notices:
            log.say(log.WARNING, f"PENDING: {notice}")
    elif made.reboot:
        log.say(log.NOTICE, "PENDING: a reboot is due; until then the running kernel keeps the old arguments")


def _attempt(work: Callable[[], None], loss: str) -> None:
    """Do optional work; an error is logged and does not prevent the reboot."""
    try:
        work()
    except (KdumpKargError, OSError) as error:
        log.say(log.WARNING, f"{loss}: {error}")


def _stopped(target: Target, kind: str, reason: str, exit_status: int) -> int:
    """Say why nothing was done, and do what follows from it."""
    log.say(log.ERROR, reason)
    _note_stop(target, kind, reason)
    return exit_status


def _note_stop(target: Target, kind: str, reason: str) -> None:
    """Note it for the report; with strict=yes in the initramfs, stop the boot as Ignition's failures do."""
    if not target.live or not run.in_initramfs(target):
        return
    _attempt(lambda: outcome.note(target.root, outcome.Outcome(kind, reason)), "no report will be given")
    if run.is_strict(target):
        log.say(log.ERROR, "strict=yes: stopping this boot in emergency.target")
        process.run("systemctl", "--no-block", "isolate", "emergency.target")
