# SPDX-License-Identifier: Apache-2.0
"""proof.py of the decisions: may a test begin, what came of it, and does that still hold?"""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.decide import proof
from orchestrator.decide.proof import Readiness, Standing, State
from orchestrator.facts.proof_record import OURS, THEIRS, Proof, Trial
from orchestrator.facts.proof_subject import Subject
from orchestrator.facts.saved_dump import Opened
from orchestrator.rules.kdumpctl_record import Record
from orchestrator.rules.vmcore import Format, Header
from tests import dumps
from tests.dumps import RELEASE

SUBJECT = Subject(RELEASE, "k" * 64, "i" * 64, "l" * 64, 256 << 20, "256M", "/var/crash")
BEGUN = Trial("a1", 1_800_000_000, "this one", "boot 1", OURS, SUBJECT)
PATH = "/var/crash/202601010000/dump.202601010000"
DUMP = Opened(PATH, Header(Format.FLATTENED, RELEASE, True), log=dumps.log("a1"))
ENOUGH = "is complete, of kernel"

READY: list[tuple[str, Readiness, str]] = [
    ("ready", Readiness(), ""),
    ("capture kernel", Readiness(capture_kernel=True, initramfs=True, administrator=False), "this is the capture kernel"),
    ("initramfs", Readiness(initramfs=True, unarmed="x"), "this is the initramfs"),
    ("not root", Readiness(administrator=False, sysrq="x"), "only root"),
    ("pending", Readiness(pending="test a1 is pending", unarmed="x"), "test a1 is pending"),
    ("not armed", Readiness(unarmed="kdump is NOT armed: target: full"), "prove nothing: kdump is NOT armed: target: full"),
    ("nobody could look", Readiness(unseen=True, sysrq="x"), "not go to a known directory of this machine"),
    ("no sysrq", Readiness(sysrq="/proc/sysrq-trigger is missing"), "/proc/sysrq-trigger is missing"),
]


@pytest.mark.parametrize(("here", "words"), [row[1:] for row in READY], ids=[row[0] for row in READY])
def test_may_it_begin(here: Readiness, words: str) -> None:
    assert words in proof.refusal(here) and bool(words) == bool(proof.refusal(here))


def test_a_test_begun_before() -> None:
    assert "reboot" in proof.begun_before(BEGUN, "boot 1")
    assert "kdump-karg report" in proof.begun_before(BEGUN, "boot 2")


def dump(**changes: object) -> Opened:
    """The dump, not quite as it should be."""
    return replace(DUMP, **changes)  # type: ignore[arg-type]


UNFINISHED = "/var/crash/202601010000/dump-incomplete"
VERDICTS: list[tuple[str, list[Opened], bool, str]] = [
    ("proven", [DUMP], True, f"{PATH} is complete, of kernel {RELEASE}, and its log ends in the panic of this test"),
    ("no log beside it", [dump(log=None)], True, "its log was not looked at"),
    ("an ELF core", [dump(header=Header(Format.ELF, RELEASE, True))], True, ENOUGH),
    ("no dump", [], False, "no dump was made: there is no new one in /var/crash"),
    ("by its name", [dump(path=UNFINISHED)], False, f"{UNFINISHED} was not finished"),
    ("by its header", [dump(header=Header(Format.FLATTENED, RELEASE, False))], False, f"{PATH} is incomplete"),
    ("no dump in the file", [dump(header=None, unreadable="is empty")], False, f"{PATH} is empty"),
    ("another kernel", [dump(header=Header(Format.ELF, "6.1", True))], False, f"is of kernel 6.1, and {RELEASE} was tested"),
    ("a log without the line", [dump(log="x")], False, f"{PATH} has a log that does not have the line of this test"),
    ("another panic", [dump(log=dumps.log("a1", panic="Oops"))], False, "ends in another panic: Oops"),
    ("a crash after it", [dump(log=dumps.log("b2")), DUMP], True, ENOUGH),
    ("two that are none", [dump(log="x", path="/n"), dump(path=UNFINISHED)], False, "/n has a log"),
]


@pytest.mark.parametrize(("found", "proven", "words"), [row[1:] for row in VERDICTS], ids=[row[0] for row in VERDICTS])
def test_what_came_of_it(found: list[Opened], proven: bool, words: str) -> None:
    verdict = proof.judge(BEGUN, found, None, "this one")
    assert verdict.proven is proven and words in verdict.why
    assert (verdict.subject, verdict.time, verdict.machine) == (SUBJECT, BEGUN.time, "this one")


def test_the_note_of_another_machine_proves_nothing() -> None:
    verdict = proof.judge(BEGUN, [DUMP], None, "another one")
    assert not verdict.proven and "another machine" in verdict.why


def record(status: str, later: int = 2) -> Record:
    """kdumpctl's record of a test that was begun some seconds after the note."""
    return Record(status, "x", BEGUN.time + later)


ELSEWHERE = replace(SUBJECT, directory="")
OF_KDUMPCTL: list[tuple[str, Subject, list[Opened], Record | None, bool, str]] = [
    ("success and a dump", SUBJECT, [DUMP], record("success"), True, ENOUGH),
    ("success, no dump", SUBJECT, [], record("success"), False, "no dump was made"),
    ("success elsewhere", ELSEWHERE, [], record("success"), True, "is success; the dump is not on this machine"),
    ("fail", SUBJECT, [dump(path=UNFINISHED)], record("fail"), False, f"is fail; {UNFINISHED} was not finished"),
    ("fail, with a dump", SUBJECT, [DUMP], record("fail"), False, "record of the test is fail"),
    ("manual, a dump", SUBJECT, [DUMP], record("manual"), True, ENOUGH),
    ("manual elsewhere", ELSEWHERE, [], record("manual"), False, "not go to a directory of this machine"),
    ("pending, a dump", SUBJECT, [DUMP], record("pending"), True, ENOUGH),
    ("an older record", SUBJECT, [DUMP], record("success", -1), False, "kdumpctl has no record of this test"),
    ("no record", SUBJECT, [DUMP], None, False, "kdumpctl has no record of this test"),
]


@pytest.mark.parametrize(
    ("subject", "found", "noted", "proven", "words"), [row[1:] for row in OF_KDUMPCTL], ids=[row[0] for row in OF_KDUMPCTL]
)
def test_where_kdumpctl_crashed_it(
    subject: Subject, found: list[Opened], noted: Record | None, proven: bool, words: str
) -> None:
    verdict = proof.judge(replace(BEGUN, by=THEIRS, subject=subject), found, noted, "this one")
    assert verdict.proven is proven and words in verdict.why


LAST = Proof(True, "fine", BEGUN.time, "this one", SUBJECT, PATH)
STANDINGS: list[tuple[str, Trial | None, Proof | None, Subject | None, Standing]] = [
    ("never", None, None, None, Standing(State.NEVER)),
    ("pending", BEGUN, LAST, SUBJECT, Standing(State.PENDING, BEGUN.time)),
    ("proven", None, LAST, SUBJECT, Standing(State.PROVEN, BEGUN.time, "fine", (), PATH)),
    ("failed", None, replace(LAST, proven=False), None, Standing(State.FAILED, BEGUN.time, "fine", (), PATH)),
    (
        "another machine",
        None,
        replace(LAST, machine="x"),
        SUBJECT,
        Standing(State.NEVER, why="the last test was another machine's"),
    ),
    (
        "changed",
        None,
        LAST,
        replace(SUBJECT, release="6.1", line="m", reserved=1),
        Standing(State.CHANGED, BEGUN.time, "fine", ("kernel", "line", "reservation"), PATH),
    ),
    (
        "another value of the same size",
        None,
        LAST,
        replace(SUBJECT, crashkernel="1G-:256M"),
        Standing(State.PROVEN, BEGUN.time, "fine", (), PATH),
    ),
]


@pytest.mark.parametrize(
    ("pending", "last", "now", "expected"), [row[1:] for row in STANDINGS], ids=[row[0] for row in STANDINGS]
)
def test_what_holds_now(pending: Trial | None, last: Proof | None, now: Subject | None, expected: Standing) -> None:
    assert proof.standing(pending, last, "this one", now) == expected


CHANGES: list[tuple[str, Subject, Subject, tuple[str, ...]]] = [
    ("another image of the same release", SUBJECT, replace(SUBJECT, kernel="x"), ("kernel",)),
    ("another initramfs", SUBJECT, replace(SUBJECT, initramfs="x"), ("initramfs",)),
    ("the initramfs is gone", SUBJECT, replace(SUBJECT, initramfs=""), ("initramfs",)),
    ("another directory", SUBJECT, replace(SUBJECT, directory="/x"), ("directory",)),
    ("who asks may not read it", SUBJECT, replace(SUBJECT, initramfs="?", kernel="?"), ()),
    ("what was not known then", replace(SUBJECT, line="", kernel=""), SUBJECT, ()),
]


@pytest.mark.parametrize(("proven", "now", "expected"), [row[1:] for row in CHANGES], ids=[row[0] for row in CHANGES])
def test_what_has_changed(proven: Subject, now: Subject, expected: tuple[str, ...]) -> None:
    assert proof.differences(proven, now) == expected


def test_changes_in_words() -> None:
    assert proof.in_words(("kernel",)) == "the kernel"
    assert proof.in_words(("line", "kernel")) == "the kernel and the capture command line"
    assert proof.in_words(("line", "kernel", "initramfs")) == "the kernel, the capture initramfs and the capture command line"
