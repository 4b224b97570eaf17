# SPDX-License-Identifier: Apache-2.0
"""A test by crash: may it begin, what came of it, and does that still hold? From facts alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from orchestrator.facts.proof_record import OURS, THEIRS, Proof, Trial
from orchestrator.facts.proof_subject import UNREADABLE, Subject
from orchestrator.facts.saved_dump import Opened
from orchestrator.rules import crash_log, kdumpctl_record
from orchestrator.rules.kdumpctl_record import Record

TRY = "run kdump-karg test --yes"
# The parts of a subject in the order of a sentence: as JSON names them, as a person does, and the fields that they are.
PARTS = (
    ("kernel", "the kernel", ("release", "kernel")),
    ("initramfs", "the capture initramfs", ("initramfs",)),
    ("line", "the capture command line", ("line",)),
    ("reservation", "the reservation", ("reserved",)),
    ("directory", "the dump's directory", ("directory",)),
)


@dataclass(frozen=True)
class Readiness:
    """Where a test would run. `unarmed`: the verdict on a chain that does not hold, "" for one that does.

    `unseen`: nobody could open the dump afterwards. `pending`: a sentence on a test that was begun before; `sysrq`: why
    /proc/sysrq-trigger cannot be used; both "" for none.
    """

    administrator: bool = True
    initramfs: bool = False
    capture_kernel: bool = False
    unarmed: str = ""
    unseen: bool = False
    pending: str = ""
    sysrq: str = ""


def refusal(here: Readiness) -> str:
    """Why the machine must not be crashed, in one sentence; "" where it may."""
    if here.capture_kernel:
        return "this is the capture kernel, which is saving a dump: run kdump-karg test in the system itself"
    if here.initramfs:
        return "this is the initramfs: run kdump-karg test when the system has booted"
    if not here.administrator:
        return "only root may crash the machine: run kdump-karg test as root"
    if here.pending:
        return here.pending
    if here.unarmed:
        return f"a crash would prove nothing: {here.unarmed}"
    if here.unseen:
        return "the dump would not go to a known directory of this machine, where the report could open it: crash it by hand"
    return here.sysrq


def begun_before(test: Trial, boot: str) -> str:
    """The sentence on a test that is pending while this boot's ID is `boot`."""
    if test.boot == boot:
        return f"test {test.id} is pending in this boot already: reboot, and the report says what came of it"
    return f"test {test.id} of an earlier boot has not been judged yet: run kdump-karg report, which opens its dump"


def judge(test: Trial, dumps: Sequence[Opened], record: Record | None, machine: str) -> Proof:
    """What came of the test. `dumps`: those made since, the newest first; `machine`: the digest of this one's ID."""
    if test.machine != machine:
        return _failed(test, "the note of the test is of another machine")
    verdicts = [_of_dump(test, dump) for dump in dumps]
    verdict = next((each for each in verdicts if each.proven), verdicts[0] if verdicts else _without_dump(test))
    return _with_record(test, verdict, record) if test.by == THEIRS else verdict


def _without_dump(test: Trial) -> Proof:
    """The verdict where there is nothing to open."""
    if not test.subject.directory:
        return _failed(test, "the dump does not go to a directory of this machine, so that it could not be opened")
    return _failed(test, f"no dump was made: there is no new one in {test.subject.directory}")


def _of_dump(test: Trial, dump: Opened) -> Proof:
    """The verdict on one dump."""
    problem = _problem(test, dump)
    if problem:
        return _failed(test, f"{dump.path} {problem}", dump.path)
    looked = dump.log is not None
    seen = "its log ends in the panic of this test" if looked else "its log was not looked at: none lies beside it"
    why = f"{dump.path} is complete, of kernel {test.subject.release}, and {seen}"
    return Proof(True, why, test.time, test.machine, test.subject, dump.path, test.id)


def _problem(test: Trial, dump: Opened) -> str:
    """What is wrong with a dump, in half a sentence about it; "" for nothing."""
    if dump.unfinished:
        return "was not finished: the capture kernel stopped, or had no room"
    if dump.header is None:
        return dump.unreadable
    if not dump.header.complete:
        return "is incomplete: makedumpfile did not come to its end"
    if dump.header.release != test.subject.release:
        return f"is of kernel {dump.header.release}, and {test.subject.release} was tested"
    log = crash_log.problem(dump.log, test.id) if dump.log is not None else ""
    return f"has a log that {log}" if log else ""


def _with_record(test: Trial, verdict: Proof, record: Record | None) -> Proof:
    """kdumpctl's own record counts as well: its failure is one, and its success stands for a dump that is not here."""
    if record is None or record.time < test.time:
        return _failed(test, f"kdumpctl has no record of this test; {verdict.why}", verdict.dump)
    if record.status == kdumpctl_record.FAIL:
        return _failed(test, f"kdumpctl's record of the test is {record.status}; {verdict.why}", verdict.dump)
    if record.status == kdumpctl_record.SUCCESS and not test.subject.directory:
        why = "kdumpctl's record of the test is success; the dump is not on this machine and was not opened"
        return Proof(True, why, test.time, test.machine, test.subject, id=test.id)
    return verdict


def _failed(test: Trial, why: str, dump: str = "") -> Proof:
    """Not proven."""
    return Proof(False, why, test.time, test.machine, test.subject, dump, test.id)


class State(Enum):
    """What a crash has proven of the machine as it is now."""

    NEVER = "never"
    PENDING = "pending"
    FAILED = "failed"
    PROVEN = "proven"
    CHANGED = "changed"


@dataclass(frozen=True)
class Standing:
    """`time`: of the crash, in seconds since 1970, None without one; `why`: what was found; `changed`: names of PARTS."""

    state: State
    time: int | None = None
    why: str = ""
    changed: tuple[str, ...] = ()
    dump: str = ""


def standing(
    pending: Trial | None, last: Proof | None, machine: str, now: Subject | None, record: Record | None = None
) -> Standing:
    """What holds now. `now`: needed only where there is something proven to compare it with; `record`: kdumpctl's own."""
    if pending is not None:
        return Standing(State.PENDING, pending.time)
    if last is None:
        theirs = f"kdumpctl's own test: {record.status}, and it does not note what was tested" if record else ""
        return Standing(State.NEVER, why=theirs)
    if last.machine != machine:
        return Standing(State.NEVER, why="the last test was another machine's")
    if not last.proven:
        return Standing(State.FAILED, last.time, last.why, dump=last.dump)
    changed = differences(last.subject, now) if now else ()
    return Standing(State.CHANGED if changed else State.PROVEN, last.time, last.why, changed, last.dump)


def differences(proven: Subject, now: Subject) -> tuple[str, ...]:
    """The parts that are not what was proven. What was not known then is not compared."""
    return tuple(part for part, _, fields in PARTS if any(_differs(proven, now, field) for field in fields))


def _differs(proven: Subject, now: Subject, field: str) -> bool:
    """Is this field known to be another one than the one that was proven?"""
    then, found = getattr(proven, field), getattr(now, field)
    return bool(then) and UNREADABLE not in (then, found) and then != found


def in_words(changed: Sequence[str]) -> str:
    """The parts of these names as a sentence has them."""
    words = [words for part, words, _ in PARTS if part in changed]
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1]))) if words else ""


def program(has_kdumpctl_test: bool) -> str:
    """Who crashes the machine: where kdump-utils has a test of its own, that one is run."""
    return THEIRS if has_kdumpctl_test else OURS
