# SPDX-License-Identifier: Apache-2.0
"""What the report and `status` make of a test by crash, on sample trees."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

import pytest

from orchestrator import commands
from orchestrator.errors import Failure
from orchestrator.facts import proof_record
from orchestrator.facts.proof_record import PROOF, TEST
from orchestrator.report import chain, delivery, proof_link, show
from orchestrator.system import process
from orchestrator.write import crash
from tests import dumps
from tests.conftest import Make
from tests.crashable import DUMP, LOG, NOTED, Panicked, crashed, fatal, machine, no_sync, note, panicked, target
from tests.dumps import RELEASE
from tests.invocation import Output, one_line
from tests.sample import Sample


def after(
    sample: Sample, *, boot: str = "boot-2", dump: bytes | None = None, log: Callable[[str], str] | None = dumps.log
) -> delivery.Report:
    """The report of the boot after a crash, with what the capture kernel has left."""
    begun = proof_record.pending(str(sample.root))
    assert begun is not None
    sample.write("proc/sys/kernel/random/boot_id", f"{boot}\n")
    if dump is not None:
        sample.write(DUMP, dump)
        if log is not None:
            sample.write(LOG, log(begun.id))
    return delivery.give(target(sample))


WHOLE = dumps.flattened(dumps.compressed())


def last(sample: Sample) -> str:
    """The link `proof` of status; the chain must hold."""
    found = chain.read(target(sample))
    assert found.armed and found.links[-1].name == "proof"
    return found.links[-1].detail


def test_never_proven(make: Make) -> None:
    assert last(machine(make)) == "never proven: run kdump-karg test --yes"


@pytest.fixture
def gone(make: Make, monkeypatch: pytest.MonkeyPatch) -> Sample:
    """A machine that has panicked."""
    with monkeypatch.context() as patch:
        patch.setattr(os, "sync", lambda: None)
        patch.setattr(crash, "_trigger", _panic)
        patch.setattr("orchestrator.write.proof_notes.forget", lambda root: None)
        return panicked(machine(make))


def _panic(root: str) -> None:
    """Nothing is done after it."""
    raise Panicked


def test_a_proof(gone: Sample) -> None:
    assert "is pending" in last(gone)
    given = after(gone, dump=WHOLE)
    assert given.news and given.proof is not None and given.proof.proven and given.proof.dump == f"/{DUMP}"
    assert not gone.has(TEST) and gone.has(PROOF)
    assert last(gone).startswith("proven on 20") and last(gone).endswith(" with this very kernel, initramfs, line and size")
    again = delivery.give(target(gone))
    assert not again.news and again.proof is None
    document = json.loads(show.chain_json(again.chain))["proof"]
    assert (document["state"], document["changed"], document["dump"]) == ("proven", [], f"/{DUMP}")


def test_the_report_says_it_once(gone: Sample, capsys: Output) -> None:
    after(gone, dump=WHOLE)
    (gone.root / PROOF).unlink()
    gone.write(TEST, note(boot="boot-1"))
    commands.report(target(gone))
    assert "not proven: the note of the test is of another machine" in capsys.readouterr().err
    commands.report(target(gone))
    assert capsys.readouterr() == ("", "")


NOT_PROVEN: list[tuple[str, dict[str, Any], str]] = [
    ("no dump", {}, "no dump was made: there is no new one in /var/crash"),
    ("incomplete", {"dump": WHOLE[:-16]}, "is incomplete"),
    ("another kernel", {"dump": dumps.flattened(dumps.compressed("6.1.0"))}, f"is of kernel 6.1.0, and {RELEASE} was tested"),
    ("a log without our line", {"dump": WHOLE, "log": lambda name: "x\n"}, "does not have the line of this test"),
    ("the log of another test", {"dump": WHOLE, "log": lambda name: dumps.log("b2")}, "does not have the line of this test"),
    ("no dump in the file", {"dump": b"x" * 9999}, "is no dump"),
]


@pytest.mark.parametrize(("left", "words"), [row[1:] for row in NOT_PROVEN], ids=[row[0] for row in NOT_PROVEN])
def test_not_proven(gone: Sample, left: dict[str, Any], words: str) -> None:
    given = after(gone, **left)
    assert given.proof is not None and not given.proof.proven and words in given.proof.why
    assert last(gone).startswith("not proven on 20") and words in last(gone)
    assert not gone.has(TEST) and chain.exit_status(given.chain) == 0


def test_a_dump_that_was_there_before_is_none_of_this_test(make: Make, fatal: None) -> None:
    sample = machine(make, extra={DUMP: WHOLE, LOG: "x"})
    given = after(panicked(sample))
    assert given.proof is not None and "no dump was made" in given.proof.why


@pytest.mark.parametrize("where", ["etc/initrd-release", "proc/vmcore"])
def test_neither_initramfs_nor_capture_kernel_judges(gone: Sample, where: str) -> None:
    gone.write(where, "")
    assert after(gone, dump=WHOLE).proof is None and gone.has(TEST)


def test_the_boot_that_is_to_crash_does_not_judge(gone: Sample) -> None:
    assert after(gone, boot="boot-1", dump=WHOLE).proof is None and gone.has(TEST)


def test_a_torn_note_is_not_proven_and_gone(gone: Sample) -> None:
    gone.write(TEST, gone.text(TEST)[:50])
    given = delivery.give(target(gone))
    assert given.proof is not None and "is damaged" in given.proof.why and not gone.has(TEST)
    assert "not proven on an unknown date: " in last(gone)


def test_a_torn_record_is_no_proof(gone: Sample) -> None:
    after(gone, dump=WHOLE)
    gone.write(PROOF, gone.text(PROOF)[:50])
    damaged = f"/{PROOF} is damaged and no note that kdump-karg test wrote"
    assert last(gone) == f"never proven ({damaged}): run kdump-karg test --yes"


def test_a_record_of_another_machine_is_no_proof(gone: Sample) -> None:
    after(gone, dump=WHOLE)
    gone.write("etc/machine-id", "f" * 32)
    assert "another machine's" in last(gone)


CHANGES: list[tuple[str, dict[str, str], str]] = [
    ("the image", {"usr/lib/modules/x/vmlinuz": "L"}, "but the kernel has changed since"),
    ("the release", {"proc/sys/kernel/osrelease": "6.13"}, "but the kernel has changed since"),
    ("the initramfs", {"usr/lib/kdump/i.img": "J"}, "but the capture initramfs has changed since"),
    ("the line", {"var/crash/kexec_cmd": NOTED.replace("root=", "quiet root=")}, "the capture command line has changed"),
    ("the size", {"sys/kernel/kexec_crash_size": "1048576"}, "but the reservation has changed since"),
    ("a deployment", {"var/crash/kexec_cmd": NOTED.replace("boot.1", "boot.0")}, "with this very kernel"),
    ("two", {"usr/lib/kdump/i.img": "J", "sys/kernel/kexec_crash_size": "9"}, "initramfs and the reservation have changed"),
]


@pytest.mark.parametrize(("files", "words"), [row[1:] for row in CHANGES], ids=[row[0] for row in CHANGES])
def test_when_a_proof_ends(gone: Sample, files: dict[str, str], words: str) -> None:
    after(gone, dump=WHOLE)
    for path, text in files.items():
        gone.write(path, text)
    assert words in last(gone) and last(gone).startswith("proven on 20")


KDUMPCTL = {
    "usr/sbin/kdump-config": None,
    "usr/bin/kdumpctl": 'VMCORE_CREATION_STATUS="/var/lib/kdump/vmcore-creation.status"\n',
    f"usr/lib/modules/{RELEASE}/vmlinuz": "K",
    f"var/lib/kdump/initramfs-{RELEASE}kdump.img": "I",
}


def of_kdumpctl(sample: Sample, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """Crash a machine with kdump-utils, a stand-in for whose kdumpctl panics; the commands that were run."""
    ran: list[tuple[str, ...]] = []

    def run(*argv: str) -> str:
        ran.append(argv)
        raise Panicked

    monkeypatch.setattr(process, "run", run)
    with pytest.raises(Panicked):
        crashed(sample)
    return ran


@pytest.mark.parametrize(("status", "proven"), [("success", True), ("fail", False), ("manual", True), (None, False)])
def test_kdumpctl_has_a_test_of_its_own(
    make: Make, fatal: None, monkeypatch: pytest.MonkeyPatch, status: str | None, proven: bool
) -> None:
    sample = machine(make, extra=KDUMPCTL)
    assert of_kdumpctl(sample, monkeypatch) == [("kdumpctl", "test", "--force")] and sample.text("proc/sysrq-trigger") == ""
    begun = proof_record.pending(str(sample.root))
    assert begun is not None and begun.by == "kdumpctl" and begun.subject.kernel and begun.subject.initramfs
    name = f"{begun.time + 3}-123"
    if status:
        sample.write("var/lib/kdump/vmcore-creation.status", f"{status} kdump_test_id={name}\n")
    sample.write(f"var/crash/kdump-test-{name}/127.0.0.1-2026/vmcore", dumps.compressed())
    sample.write(f"var/crash/kdump-test-{name}/127.0.0.1-2026/vmcore-dmesg.txt", dumps.log(begun.id))
    given = after(sample)
    assert given.proof is not None and given.proof.proven is proven, given.proof


def test_what_kdumpctl_alone_has_tested_is_named(make: Make) -> None:
    record = {"var/lib/kdump/vmcore-creation.status": "success kdump_test_id=1800000000-1\n"}
    assert "never proven (kdumpctl's own test: success, and" in last(machine(make, extra={**KDUMPCTL, **record}))


def test_a_kdumpctl_without_a_test(make: Make, no_sync: None) -> None:
    sample = machine(make, extra={**KDUMPCTL, "usr/bin/kdumpctl": "an older one\n"})
    with pytest.raises(Failure):
        crashed(sample)
    assert sample.text("proc/sysrq-trigger") == "c"


def test_kdumpctl_that_fails(make: Make, no_sync: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*argv: str) -> str:
        raise Failure("kdumpctl test --force failed with status 1")

    monkeypatch.setattr(process, "run", run)
    sample = machine(make, extra=KDUMPCTL)
    with pytest.raises(Failure, match="status 1"):
        crashed(sample)
    assert not sample.has(TEST)


def test_a_note_that_cannot_be_recorded_does_not_stop_the_report(gone: Sample, capsys: Output) -> None:
    (gone.root / PROOF).mkdir()
    given = after(gone, dump=WHOLE)
    assert given.proof is None and given.chain.armed
    assert "the test is judged by the next report" in one_line(capsys.readouterr().err)
    (gone.root / PROOF).rmdir()
    assert delivery.give(target(gone)).proof is not None


def test_an_unknown_date() -> None:
    assert proof_link.date(0) == "an unknown date" and proof_link.date(1_800_000_000) == "2027-01-15 08:00 UTC"
