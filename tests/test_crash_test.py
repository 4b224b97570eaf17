# SPDX-License-Identifier: Apache-2.0
"""`kdump-karg test` on sample trees, whose /proc/sysrq-trigger is a file: who may crash, and what the report makes of it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

import pytest

from orchestrator import cli, commands, crash_test
from orchestrator.errors import Failure, Refusal, UsageError
from orchestrator.facts import proof_record
from orchestrator.facts.proof_record import PROOF, TEST
from orchestrator.report import chain, delivery, proof_link, show
from orchestrator.system import process
from orchestrator.system.target import Target
from orchestrator.write import crash
from tests import dumps
from tests.conftest import Make
from tests.dumps import RELEASE
from tests.invocation import Output, one_line
from tests.powercut import FINAL
from tests.sample import AUTO, LATER_LINE, Sample

LINE = f"{LATER_LINE} root=UUID=1"
NOTED = f'/sbin/kexec -p --command-line="{LINE}" --initrd=/usr/lib/kdump/i.img /usr/lib/modules/x/vmlinuz\n'
FILES: dict[str, str | bytes] = {
    "etc/machine-id": "0123456789abcdef0123456789abcdef\n",
    "etc/kdump-karg.conf": f"crashkernel={AUTO}\n",
    "proc/sysrq-trigger": "",
    "dev/kmsg": "",
    "proc/sys/kernel/osrelease": f"{RELEASE}\n",
    "proc/sys/kernel/random/boot_id": "boot-1\n",
    "usr/sbin/kdump-config": "",
    "usr/lib/kdump/i.img": "I",
    "usr/lib/modules/x/vmlinuz": "K",
    "var/crash/kexec_cmd": NOTED,
    "var/crash/202501010000/dump.202501010000": dumps.flattened(dumps.compressed()),
    "var/crash/202501010000/dmesg.202501010000": dumps.log("x"),
}
DUMP = "var/crash/202601010000/dump.202601010000"
LOG = "var/crash/202601010000/dmesg.202601010000"


def machine(make: Make, **changes: Any) -> Sample:
    """An armed machine in its real root; None in `extra` leaves a file out."""
    extra = {path: content for path, content in {**FILES, **changes.pop("extra", {})}.items() if content is not None}
    armed = {
        "cmdline": f"{LINE} crashkernel={AUTO}\n",
        "options": FINAL,
        "crash_size": f"{256 << 20}\n",
        "crash_loaded": "1\n",
        "ignition": None,
        "preset": None,
        "stamp": False,
        "config": False,
        "service": False,
    }
    sample = make(**{**armed, **changes}, extra=extra)
    (sample.root / "sysroot/etc/os-release").unlink()
    (sample.root / "sysroot/etc").rmdir()
    return sample


def target(sample: Sample) -> Target:
    """The sample, in which no program is run."""
    return Target(str(sample.root), live=False)


def crashed(sample: Sample, *, administrator: bool = True) -> None:
    """Say the word."""
    crash_test.carry_out(target(sample), crash_test.look(target(sample), administrator=administrator))


@pytest.fixture
def no_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that the host has unsaved is not ours to wait for."""
    monkeypatch.setattr(os, "sync", lambda: None)


@pytest.fixture
def fatal(monkeypatch: pytest.MonkeyPatch, no_sync: None) -> None:
    """The kernel does panic: nothing is done after the write."""
    trigger = crash._trigger

    def panic(root: str) -> None:
        trigger(root)
        raise Panicked

    monkeypatch.setattr(crash, "_trigger", panic)
    monkeypatch.setattr("orchestrator.write.proof_notes.forget", lambda root: None)


class Panicked(BaseException):
    """Nobody is left."""


WRONG = ["-y", "--Yes", "--YES", "--yess", "--ye", "--yes=1", "--yes=", "--yes ", "yes", "y", "--", "", "--y", "—yes"]
WRONG += ["--root=/ --yes"]


@pytest.mark.parametrize("word", WRONG)
def test_a_wrong_spelling_is_a_usage_error(word: str, capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "test", lambda *_: pytest.fail("it was understood"))
    assert cli.main(["test", *word.split(" --yes"), *(["--yes"] if " --yes" in word else [])]) == 2
    one_line(capsys.readouterr().err)


@pytest.mark.parametrize("argv", [["plan", "--yes"], ["--yes"], ["apply", "--yes"], ["status", "--yes"], ["test", "--json"]])
def test_the_word_goes_with_test_only(argv: list[str], capsys: Output) -> None:
    assert cli.main(argv) == 2
    one_line(capsys.readouterr().err)


@pytest.mark.parametrize("argv", [["test", "--yes"], ["--yes", "test"], ["test", "--yes", "--yes"]])
def test_the_word(argv: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "test", lambda target, yes: 17 if yes else 18)
    assert cli.main(argv) == 17


def test_help_wins_over_the_word(capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "test", lambda *_: pytest.fail("it was carried out"))
    assert cli.main(["test", "--yes", "--help"]) == 0


def test_without_the_word_it_says_what_would_be_proven(make: Make, capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    sample = machine(make)
    for name in ("YES", "KDUMP_KARG_YES"):
        monkeypatch.setenv(name, "1")
    before = sample.snapshot()
    with pytest.raises(UsageError, match="kdump-karg test --yes crashes this machine"):
        commands.test(target(sample), yes=False)
    assert sample.snapshot() == before
    said = capsys.readouterr().out
    assert RELEASE in said and "unsaved work is lost" in said and "/var/crash" in said and "268435456 bytes" in said
    assert "refused" not in said


PENDING = json.dumps({"id": "a", "time": 1, "machine": "m", "boot": "boot-1", "by": "kdump-karg", "known": [], "subject": {}})


def note(**changes: object) -> str:
    """A note of a pending test."""
    subject = {key: "" for key in ("release", "kernel", "initramfs", "line", "crashkernel", "directory")}
    found = {"id": "a1", "time": 1, "machine": "m", "boot": "boot-1", "by": "kdump-karg", "known": []}
    return json.dumps({**found, "subject": {**subject, "reserved": 0}, **changes})


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("not wanted", {"cmdline": f"{LINE}\n", "extra": {"etc/kdump-karg.conf": None}}, "kdump is not wanted"),
    ("not armed", {"crash_loaded": "0\n"}, "kdump is NOT armed: loaded: "),
    ("nothing reserved", {"crash_size": "0\n"}, "kdump is NOT armed: reserved: "),
    ("in the initramfs", {"extra": {"etc/initrd-release": ""}}, "this is the initramfs"),
    ("in the capture kernel", {"extra": {"proc/vmcore": ""}}, "this is the capture kernel"),
    ("no sysrq", {"extra": {"proc/sysrq-trigger": None}}, "/proc/sysrq-trigger is missing: the kernel was built without"),
    ("the dump goes elsewhere", {"extra": {"etc/default/kdump-tools": "SSH=a@b\n"}}, "a crash would prove nothing: kdump is NOT armed: target: the dump goes over"),
    ("pending in this boot", {"extra": {TEST: note()}}, "test a1 is pending in this boot already"),
    ("pending since another boot", {"extra": {TEST: note(boot="boot-0")}}, "has not been judged yet: run kdump-karg report"),
    ("a torn note", {"extra": {TEST: note()[:40]}}, f"/{TEST} is damaged"),
    ("an empty note", {"extra": {TEST: ""}}, f"/{TEST} is damaged"),
    ("a note of other types", {"extra": {TEST: note(time="1")}}, f"/{TEST} is damaged"),
    ("a note without a subject", {"extra": {TEST: PENDING}}, f"/{TEST} is damaged"),
]


@pytest.mark.parametrize(("changes", "words"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_refused_with_the_word(make: Make, changes: dict[str, Any], words: str) -> None:
    sample = machine(make, **changes)
    before = sample.snapshot()
    with pytest.raises(Refusal) as refusal:
        crashed(sample)
    assert words in str(refusal.value)
    assert sample.snapshot() == before


def test_refused_to_everybody_but_root(make: Make) -> None:
    sample = machine(make)
    before = sample.snapshot()
    with pytest.raises(Refusal, match="only root"):
        crashed(sample, administrator=False)
    assert sample.snapshot() == before


def test_a_trigger_that_cannot_be_written(make: Make) -> None:
    sample = machine(make, extra={"proc/sysrq-trigger": None})
    sample.link("proc/sysrq-trigger", "/proc")  # a directory: even root cannot write to it
    with pytest.raises(Refusal, match="/proc/sysrq-trigger cannot be written"):
        crashed(sample)


def test_the_order_of_a_crash(make: Make, fatal: None, monkeypatch: pytest.MonkeyPatch) -> None:
    sample = machine(make)
    seen: list[tuple[bool | str, ...]] = []
    files = ("dev/kmsg", "proc/sysrq-trigger")
    monkeypatch.setattr(os, "sync", lambda: seen.append((sample.has(TEST), *map(sample.text, files))))
    with pytest.raises(Panicked):
        crashed(sample)
    begun = proof_record.pending(str(sample.root))
    assert begun is not None and begun.boot == "boot-1" and begun.subject.release == RELEASE
    assert seen == [(True, f"<4>kdump-karg: test {begun.id}: this panic is on purpose\n", "")]
    assert sample.text("proc/sysrq-trigger") == "c"
    assert "0123456789abcdef" not in sample.text(TEST)


def test_a_machine_that_survives_has_no_note(make: Make, no_sync: None) -> None:
    sample = machine(make)
    with pytest.raises(Failure, match="did not panic"):
        crashed(sample)
    assert not sample.has(TEST) and sample.text("proc/sysrq-trigger") == "c"


def test_without_a_line_in_the_log_there_is_no_crash(make: Make, no_sync: None) -> None:
    sample = machine(make, extra={"dev/kmsg": None})
    with pytest.raises(Failure, match="the machine was not crashed"):
        crashed(sample)
    assert not sample.has(TEST) and sample.text("proc/sysrq-trigger") == ""


def test_a_test_that_was_begun_meanwhile_is_left_alone(make: Make, no_sync: None) -> None:
    sample = machine(make)
    prospect = crash_test.look(target(sample), administrator=True)
    sample.write(TEST, note())
    with pytest.raises(Refusal, match="another test has just been begun"):
        crash_test.carry_out(target(sample), prospect)
    assert sample.text(TEST) == note() and sample.text("dev/kmsg") == "" == sample.text("proc/sysrq-trigger")


def test_without_a_note_there_is_no_crash(make: Make, no_sync: None) -> None:
    sample = machine(make, extra={"var/lib/kdump-karg": ""})
    with pytest.raises(Failure, match="the machine was not crashed"):
        crashed(sample)
    assert sample.text("dev/kmsg") == "" and sample.text("proc/sysrq-trigger") == ""


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


def panicked(sample: Sample) -> Sample:
    """The same machine after the panic."""
    with pytest.raises(Panicked):
        crashed(sample)
    return sample


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
