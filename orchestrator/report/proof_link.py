# SPDX-License-Identifier: Apache-2.0
"""The last link, `proof`: what a crash has proven of the machine as it is now. It never breaks the chain."""

from __future__ import annotations

import time

from orchestrator.decide import proof
from orchestrator.decide.proof import Standing, State
from orchestrator.errors import KdumpKargError, Refusal
from orchestrator.facts import machine, proof_record, proof_subject, saved_dump
from orchestrator.facts.proof_record import TEST, Proof, Trial
from orchestrator.facts.proof_subject import Subject
from orchestrator.report.links import PROOF, Capture, Link
from orchestrator.system.target import Target
from orchestrator.write import proof_notes


def read(root: str, capture: Capture | None, reserved: int | None) -> Standing:
    """What holds now. Kernel and initramfs are read only where a crash has proven something of them."""
    try:
        last = proof_record.last(root)
        now = subject(root, capture, reserved) if last is not None and last.proven else None
        record = proof_record.of_kdumpctl(root)
        return proof.standing(proof_record.pending(root), last, proof_record.machine_digest(root), now, record)
    except (Refusal, OSError) as error:
        return Standing(State.NEVER, why=str(error))


def subject(root: str, capture: Capture | None, reserved: int | None) -> Subject:
    """What a crash would prove now. Raises Refusal."""
    if capture is None:
        return proof_subject.read(root, None, None, reserved)
    recorded = capture.facts.recorded
    return proof_subject.read(root, capture.facts, capture.prediction.line if recorded is None else recorded, reserved)


def link(found: Standing) -> Link:
    """The link, which always holds."""
    return Link(PROOF, True, sentence(found))


def sentence(found: Standing) -> str:
    """The standing for a person."""
    if found.state is State.PENDING:
        return f"a test of {date(found.time)} is pending: the report of the next boot opens its dump"
    if found.state is State.NEVER:
        return f"never proven{f' ({found.why})' if found.why else ''}: {proof.TRY}"
    if found.state is State.FAILED:
        return f"not proven on {date(found.time)}: {found.why}"
    if found.state is State.CHANGED:
        changed = proof.in_words(found.changed)
        verb = "has" if " and " not in changed else "have"
        return f"proven on {date(found.time)}, but {changed} {verb} changed since: {proof.TRY}"
    return f"proven on {date(found.time)} by a crash with this very kernel, initramfs, line and size"


def date(seconds: int | None) -> str:
    """A time as people write it."""
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds)) if seconds else "an unknown date"


def settle(target: Target) -> Proof | None:
    """Judge the test that an earlier boot has begun, and record what came of it; None where there is nothing to judge.

    Raises OSError where that cannot be recorded; the test is pending still then.
    """
    root = target.root
    here = machine.surroundings(root)
    if here.initramfs or here.capture_kernel:
        return None
    try:
        test = proof_record.pending(root)
        if test is None or test.boot == proof_record.boot_id(root):
            return None
        judged = _judged(target, test)
    except KdumpKargError as error:
        judged = Proof(False, f"{error}; what came of that test is not known", 0, proof_record.machine_digest(root), Subject())
    proof_notes.settle(root, judged)
    return judged


def _judged(target: Target, test: Trial) -> Proof:
    """The verdict on what was saved since. Raises Refusal."""
    directory = test.subject.directory
    saved = saved_dump.found(target.root, directory) if directory else ()
    dumps = [saved_dump.opened(target.root, each, live=target.live) for each in saved if each.stamp not in test.known]
    record = proof_record.of_kdumpctl(target.root)
    return proof.judge(test, dumps, record, proof_record.machine_digest(target.root))


def told(judged: Proof) -> str:
    """What the report says of a test that was judged, once."""
    return f"proven on {date(judged.time)}: {judged.why}" if judged.proven else f"not proven: {judged.why}"


def pending(root: str) -> str:
    """Why no other test may begin, in one sentence; "" where none is pending."""
    try:
        test = proof_record.pending(root)
    except Refusal:
        return f"/{TEST} is damaged, so that a test may be pending: run kdump-karg report, which puts that in order"
    return proof.begun_before(test, proof_record.boot_id(root)) if test else ""
