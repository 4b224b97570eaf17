# SPDX-License-Identifier: Apache-2.0
"""`kdump-karg test`: what would be proven, may it be tried, and the crash itself, put together."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

from orchestrator.decide import proof
from orchestrator.decide.proof import Readiness
from orchestrator.errors import Refusal
from orchestrator.facts import machine, proof_record, saved_dump
from orchestrator.facts.proof_record import OURS, THEIRS, Trial
from orchestrator.facts.proof_subject import UNREADABLE, Subject
from orchestrator.report import chain, proof_link
from orchestrator.system.target import Target
from orchestrator.write import crash

ID_BYTES = 8


@dataclass(frozen=True)
class Prospect:
    """What a test would prove, who would crash the machine, and why it must not be done now ("" where it may)."""

    subject: Subject
    by: str
    refusal: str


def look(target: Target, *, administrator: bool) -> Prospect:
    """Read everything, change nothing. `administrator`: does root ask? Raises Refusal for what cannot be read."""
    here = machine.surroundings(target.root)
    found = chain.read(target)
    subject = proof_link.subject(target.root, found.capture, found.reserved)
    by = proof.program(proof_record.has_kdumpctl_test(target.root))
    readiness = Readiness(
        administrator,
        here.initramfs,
        here.capture_kernel,
        "" if found.armed else found.verdict,
        by == OURS and not subject.directory,
        proof_link.pending(target.root),
        crash.problem(target.root),
    )
    return Prospect(subject, by, proof.refusal(readiness))


def carry_out(target: Target, prospect: Prospect) -> None:
    """Crash the machine. Raises Refusal, before anything is done, and Failure where the machine survives."""
    if prospect.refusal:
        raise Refusal(prospect.refusal)
    root = target.root
    directory = prospect.subject.directory
    known = tuple(each.stamp for each in saved_dump.found(root, directory)) if directory else ()
    begun = Trial(
        os.urandom(ID_BYTES).hex(),
        int(time.time()),
        proof_record.machine_digest(root),
        proof_record.boot_id(root),
        prospect.by,
        prospect.subject,
        known,
    )
    crash.crash(root, begun)


def text(prospect: Prospect) -> str:
    """What `kdump-karg test` without the word prints: what would be proven, and what would happen."""
    subject = prospect.subject
    rows = (
        ("kernel", f"{subject.release} {_short(subject.kernel)}"),
        ("capture initramfs", _short(subject.initramfs)),
        ("capture line", _short(subject.line)),
        ("reserved", f"{subject.reserved} bytes, crashkernel={subject.crashkernel}"),
        ("dump goes to", subject.directory or "not known, or not this machine"),
    )
    tool = "kdumpctl test" if prospect.by == THEIRS else "kdump-karg itself, by /proc/sysrq-trigger"
    what = "".join(f"  {name:<19}{value}\n" for name, value in rows)
    now = f"Now it would be refused: {prospect.refusal}\n" if prospect.refusal else ""
    return (
        f"kdump-karg test --yes would prove, by a crash, that these give a dump:\n{what}"
        f"The machine panics at once ({tool}).\n"
        f"Nothing is stopped before: unsaved work is lost. It comes back by itself, and the report of that boot opens the dump.\n"
        f"{now}"
    )


def _short(digest: str) -> str:
    """The beginning of a digest, which is enough to compare by eye."""
    return f"(sha256 {digest[:16]}...)" if len(digest) > len(UNREADABLE) else "(not known)"
