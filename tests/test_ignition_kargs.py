# SPDX-License-Identifier: Apache-2.0
"""`kdump-karg kargs` in Ignition's kargs stage, and what the end of the same boot makes of it, on captured trees."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator import cli, ignition_kargs, planning, run
from orchestrator.decide.decision import Kind
from orchestrator.decide.plan import Plan
from orchestrator.errors import Refusal
from orchestrator.facts import machine
from orchestrator.facts.bootstate import CONFIG_DIR, ENTRIES, MARKER, STAMP, TEMPORARY
from orchestrator.facts.machine import ARGUMENTS_DUE
from orchestrator.rules import bls, grub, kargs
from orchestrator.rules.kargs import EXIST, NOT_EXIST, Asked
from orchestrator.system import bootfs
from orchestrator.system.target import Target
from orchestrator.write import apply as writer
from orchestrator.write import handover, outcome
from tests.conftest import Make
from tests.invocation import one_line
from tests.powercut import next_boot
from tests.sample import AUTO, CONF, FIRST_BOOT_LINE, LATER_LINE, NO_WISH, OPTIONS, Sample, entry_text

LINUX = bls.first_value(entry_text(), "linux")
ASKED = Asked(("rig.a=1", "quiet"), ("mitigations=auto,nosmt",))
ARGV = [EXIST, "rig.a=1", EXIST, "quiet", NOT_EXIST, "mitigations=auto,nosmt"]
#: Nothing asks for kdump.
ALONE: dict[str, Any] = {"ignition": NO_WISH, "preset": None}
#: The running line of the sample, as GRUB makes it of its entry.
RUNNING = f"{FIRST_BOOT_LINE} mitigations=auto,nosmt"


def off(options: str) -> str:
    """At a length that GRUB reads."""
    return grub.off_bad_lengths(options, LINUX)


IN_STAGE = off(kargs.edit(OPTIONS, ASKED))
WITH_KDUMP = off(f"{IN_STAGE} crashkernel={AUTO}")


def target(sample: Sample) -> Target:
    """The sample as a captured tree."""
    return Target(str(sample.root), live=False)


def first_boot(make: Make, **overrides: Any) -> Sample:
    """A first boot before its kargs stage."""
    return make(**{"cmdline": RUNNING + "\n", **overrides})


def honour(sample: Sample, asked: Asked = ASKED) -> Plan:
    """The stage."""
    return ignition_kargs.honour(target(sample), asked)


def test_the_entry_is_edited_and_the_first_boot_stays_one(make: Make) -> None:
    sample = first_boot(make)
    before = sample.snapshot("boot")
    assert cli.main(["kargs", "--root", str(sample.root), *ARGV]) == 0
    assert sample.text() == entry_text(IN_STAGE)
    after = sample.snapshot("boot")
    assert {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)} == {"boot/loader.1/entries/ostree-1.conf"}
    assert sample.text(ARGUMENTS_DUE) == "+rig.a=1\n+quiet\n-mitigations=auto,nosmt\n"
    assert {path for path in sample.snapshot("run") if "kdump" in path} == {"run/kdump-karg", ARGUMENTS_DUE}


def test_what_is_there_already_is_left_alone(make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    sample = first_boot(make, cmdline=f"{FIRST_BOOT_LINE} quiet rig.a=1\n", options=IN_STAGE)
    before = sample.snapshot()
    assert cli.main(["kargs", "--root", str(sample.root), *ARGV]) == 0
    assert sample.snapshot() == before
    assert "the kernel command line has them already" in one_line(capsys.readouterr().err)


def test_what_only_the_first_boots_line_has_is_put_into_the_entry_without_a_reboot(make: Make) -> None:
    """GRUB adds arguments to a first boot; they are to be there on later ones too."""
    sample = first_boot(make, cmdline=f"{FIRST_BOOT_LINE} quiet rig.a=1\n")
    made = honour(sample)
    assert (made.decision.kind, made.reboot) == (Kind.CHANGE, False)
    assert sample.text() == entry_text(IN_STAGE) and not sample.has(ARGUMENTS_DUE)


def test_no_entry_is_needed_where_the_line_has_all(make: Make) -> None:
    """A live image, or one booted from the network, has none."""
    for overrides in ({"loader": None}, {"extra": {"run/ostree-live": ""}}):
        sample = first_boot(make, cmdline="ignition.firstboot quiet rig.a=1\n", **overrides)
        before = sample.snapshot()
        assert honour(sample).decision.kind is Kind.ACTIVE
        assert sample.snapshot() == before


def test_grub_booted_what_linux_does_not_find_any_more(make: Make) -> None:
    """Power was lost between the journal's write and that to the final place: to be booted again, nothing to be written."""
    sample = first_boot(make, options=IN_STAGE)
    before = sample.snapshot("boot")
    made = honour(sample)
    assert (made.decision.kind, made.reboot) == (Kind.PENDING, True)
    assert sample.snapshot("boot") == before and sample.has(ARGUMENTS_DUE)


LUKS = json.dumps({"storage": {"luks": [{"clevis": {"custom": {"pin": "tpm2", "config": '{"pcr_ids":"8"}'}}}]}})
REFUSED: list[tuple[str, dict[str, Any], Asked, list[str]]] = [
    ("the loader does not take it", {"options": IN_STAGE, "stamp": False}, ASKED, ["does not take it from there", "quiet"]),
    ("quotes", {}, Asked(('a="b"',)), ["'\"'"]),
    ("control character", {}, Asked(("a\nb",)), ["'\\n'"]),
    ("too long", {}, Asked(("x" * 2000,)), ["the command line has", "2047"]),
    ("derived file", {"extra": {"boot/grub/grub.cfg": "menuentry x"}}, ASKED, ["grub2"]),
    ("s390x", {"arch": "s390x"}, ASKED, ["zipl"]),
    ("UKI", {"extra": {"sys/firmware/efi/efivars/StubInfo-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f": ""}}, ASKED, ["unified kernel image"]),
    ("network", {"cmdline": RUNNING.replace("(hd0,gpt3)", "(tftp,10.0.2.2)") + "\n"}, ASKED, ["from the network"]),
    ("a volume to be bound to the line", {"ignition": LUKS}, ASKED, ["storage.luks[0]", "register 8", "would not unlock"]),
    ("switched off", {"cmdline": RUNNING + " rd.kdump_karg=0\n"}, ASKED, ["rd.kdump_karg=0"]),
    ("live", {"extra": {"etc/coreos-live-initramfs": ""}}, ASKED, ["live image"]),
    ("no variable", {"options": OPTIONS.replace("$ignition_firstboot ", "")}, ASKED, ["lacks $ignition_firstboot"]),
    ("open quote", {"options": OPTIONS + ' "x'}, ASKED, ["quote"]),
    ("init's arguments", {"options": OPTIONS + " -- x"}, ASKED, ["word --"]),
    ("two entries", {"extra": {"boot/loader.1/entries/b.conf": entry_text()}}, ASKED, ["both boot"]),
    ("no loader", {"loader": None}, ASKED, ["/boot/loader"]),
    ("large", {"entry": entry_text() + "#" * ((64 << 10) - len(entry_text()) - 1) + "\n"}, Asked(("quiet",)), ["64 KiB"]),
]


@pytest.mark.parametrize(("overrides", "asked", "named"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_cannot_be_had_is_refused_in_one_sentence(
    make: Make, overrides: dict[str, Any], asked: Asked, named: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    sample = first_boot(make, **overrides)
    before = sample.snapshot()
    argv = [*(word for text in asked.exist for word in (EXIST, text)), *(word for text in asked.absent for word in (NOT_EXIST, text))]
    assert cli.main(["kargs", "--root", str(sample.root), *argv]) == Refusal.exit_status
    said = one_line(capsys.readouterr().err)
    assert all(words in said for words in named), said
    assert sample.snapshot() == before


def test_any_crashkernel_is_an_argument_like_others(make: Make) -> None:
    """Ignition asks for words on the command line. That it reserves nothing is told at the end, and does not stop the boot."""
    sample = first_boot(make, ignition='{"kernelArguments":{"shouldExist":["crashkernel=256MB"]}}', preset=None)
    asked = Asked(("crashkernel=256MB",))
    assert honour(sample, asked).reboot
    made = run.apply(target(sample))
    assert (made.decision.kind, made.reboot) == (Kind.CHANGE, True)
    assert "kdump is refused" in made.decision.reason and "reserves nothing" in made.decision.reason
    assert sample.text() == entry_text(off(f"{OPTIONS} crashkernel=256MB"))


def test_not_on_a_machine_in_use(make: Make) -> None:
    sample = first_boot(make)
    with pytest.raises(Refusal, match="in the initramfs of a first boot"):
        ignition_kargs.honour(Target(str(sample.root), live=True), ASKED)


def test_a_disk_that_does_not_show_up_is_waited_for_and_then_refused(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []

    def labelled(root: str) -> str:
        looked.append(root)
        return "/dev/x" if len(looked) == 3 else ""

    monkeypatch.setattr(bootfs, "labelled", labelled)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    assert bootfs.awaited("r") == "/dev/x" and len(looked) == 3
    monkeypatch.setattr(bootfs, "SETTLE_SECONDS", 0)
    looked.clear()
    with pytest.raises(Refusal, match="no file system is labelled boot.*disks stage; label"):
        bootfs.awaited("r")


@dataclass(frozen=True)
class End:
    """How a first boot ends."""

    overrides: dict[str, Any]
    asked: Asked
    options: str
    says: tuple[str, ...] = ()


SIZE = {"conf": "crashkernel=256M\n", **ALONE}
BY_IGNITION = '{"kernelArguments":{"shouldExist":["crashkernel=1G,high","crashkernel=64M,low"]}}'
ENDS = {
    "alone": End(ALONE, ASKED, IN_STAGE, ("kernelArguments ask (rig.a=1 quiet and no mitigations=auto,nosmt)",)),
    "with a unit": End({}, ASKED, WITH_KDUMP, ("crashkernel=" + AUTO, "ask for rig.a=1")),
    "with a size": End(SIZE, ASKED, off(f"{IN_STAGE} crashkernel=256M"), ("will reserve 256 MiB",)),
    "crashkernel= among them": End(
        {"ignition": BY_IGNITION, "preset": None},
        Asked(("crashkernel=1G,high", "crashkernel=64M,low")),
        off(f"{OPTIONS} crashkernel=1G,high crashkernel=64M,low"),
        ("will reserve 1088 MiB",),
    ),
    "kdump is refused": End({"conf": "crashkernel=8T\n"}, ASKED, IN_STAGE, ("kdump is refused: /etc/kdump-karg.conf:1",)),
    "malformed config": End({"conf": "x\n"}, ASKED, IN_STAGE, ("kdump is refused: /etc/kdump-karg.conf:1",)),
    "nobody could load": End({"service": False}, ASKED, IN_STAGE, ("kdump is refused",)),
    "a size that is to be absent": End(SIZE, Asked(("quiet",), ("crashkernel=256M",)), off(f"{OPTIONS} quiet"), ("take one of them back",)),
    "another size goes": End({**SIZE, "options": f"{OPTIONS} crashkernel=64M"}, Asked((), ("crashkernel=64M",)), off(f"{off(OPTIONS)} crashkernel=256M")),
    "switched off from now on": End({}, Asked(("rd.kdump_karg=0",)), off(f"{OPTIONS} rd.kdump_karg=0")),
    "no config in /boot": End({**ALONE, "config": False}, ASKED, IN_STAGE),
}
each_end = pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)


def began(make: Make, end: End) -> Sample:
    """A first boot whose kargs stage is over."""
    line = RUNNING + (" crashkernel=64M" if "64M" in str(end.overrides.get("options")) else "")
    sample = first_boot(make, **{"cmdline": line + "\n", **end.overrides})
    assert honour(sample, end.asked).reboot
    return sample


@each_end
def test_every_such_boot_ends_the_first_boot_with_one_reboot(make: Make, end: End) -> None:
    sample = began(make, end)
    made = run.apply(target(sample))
    assert (made.decision.kind, made.reboot, made.then) == (Kind.CHANGE, True, Kind.PENDING)
    assert all(words in made.decision.reason for words in end.says), made.decision.reason
    check_end(sample, end)
    assert "ignition.firstboot" not in next_boot(sample) and kargs.is_done(sample.text("proc/cmdline").rstrip("\n"), end.asked)


def check_end(sample: Sample, end: End) -> None:
    """The entry is final, and nothing else is left."""
    assert sample.text() == entry_text(end.options)
    assert [name for name in (STAMP, MARKER, CONFIG_DIR, f"{ENTRIES}/{TEMPORARY}") if sample.has(f"boot/{name}")] == []


@each_end
def test_the_write_at_the_end_of_the_initramfs_does_what_was_decided(make: Make, end: End) -> None:
    """The hand-over, read back: what could be found out about kdump earlier in the boot is not asked again."""
    sample = began(make, end)
    made = planning.plan(target(sample))
    left = handover.decode(handover.encode(handover.take_stock(str(sample.root), made)))
    assert (left.wanted is None) == (left.kdump is not None) == (end.options.count("crashkernel=") == 0 or "64M,low" in end.options)
    (sample.root / CONF).unlink(missing_ok=True)  # /sysroot may look otherwise by then
    if left.kdump is None:
        sample.write(CONF, str(end.overrides.get("conf", "")))
    assert run.resume(target(sample), left, str(sample.root / "sysroot/var")).reboot
    check_end(sample, end)


def test_strict_stops_the_boot_for_a_refusal_of_kdump(make: Make) -> None:
    sample = began(make, End({"conf": "crashkernel=8T\nstrict=yes\n"}, ASKED, IN_STAGE))
    made = run.apply(target(sample))
    assert (made.decision.kind, made.steps, made.reboot) == (Kind.REFUSE, (), False)
    assert sample.has(f"boot/{STAMP}")


def test_enable_yes_beside_them(make: Make) -> None:
    conf = "enable=yes\ncrashkernel=256M\n"
    disabled = {"sysroot/usr/lib/systemd/system-preset/99-default-disable.preset": "disable *\n"}
    sample = began(make, End({**ALONE, "conf": conf, "extra": disabled}, ASKED, ""))
    assert planning.plan(target(sample)).enables == "kdump.service"
    sample.write(CONF, "enable=yes\ncrashkernel=8T\n")
    assert planning.plan(target(sample)).enables == ""


def test_an_entry_that_lost_them_gets_them_again(make: Make) -> None:
    """Ignition's disks stage can make /boot anew."""
    sample = began(make, ENDS["with a unit"])
    sample.write("boot/loader.1/entries/ostree-1.conf", entry_text())
    run.apply(target(sample))
    check_end(sample, ENDS["with a unit"])


def test_a_volume_that_ignition_has_bound_meanwhile(make: Make) -> None:
    """Not seen coming by the kargs stage: no reboot, and the sentence says what to do before the next."""
    sample = began(make, ENDS["alone"])
    sample.write("sysroot/etc/crypttab", "root UUID=1 none tpm2-pcrs=8\n")
    made = run.apply(target(sample))
    assert made.decision.kind is Kind.REFUSE and not made.reboot
    assert "take rig.a=1 quiet and no mitigations=auto,nosmt back in /boot/loader/entries/ostree-1.conf" in made.decision.reason


def test_without_a_stamp_there_is_only_the_reboot(make: Make) -> None:
    sample = began(make, End({**ALONE, "stamp": False, "config": False}, ASKED, IN_STAGE))
    assert cli.main(["apply", "--root", str(sample.root)]) == 0
    assert sample.has(outcome.REBOOT_REQUIRED) and sample.text() == entry_text(IN_STAGE)


def test_a_boot_without_the_note_is_as_ever(make: Make) -> None:
    """The note counts in a first boot only."""
    sample = make(**ALONE, cmdline=LATER_LINE + "\n", stamp=False, config=False, extra={ARGUMENTS_DUE: "+a\n"})
    assert planning.plan(target(sample)).decision.kind is Kind.SKIP


# Power cuts.


def prefixes(sample: Sample, made: Plan) -> Iterator[Sample]:
    """A copy of the tree for every number of steps that were taken before power was lost."""
    for taken in range(len(made.steps) + 1):
        copy = Sample(Path(f"{sample.root}-cut{taken}"))
        shutil.copytree(sample.root, copy.root, symlinks=True)
        writer.apply(replace(made, steps=made.steps[:taken]), copy.boot, lambda directory: None)
        yield copy


def boots_until_rest(sample: Sample, asked: Asked, config: str) -> tuple[int, int]:
    """Boot, with Ignition's stage and the end of the initramfs in a first boot, until nothing reboots: (reboots, runs of Ignition)."""
    reboots = runs = 0
    for _ in range(4):
        shutil.rmtree(sample.root / "run/kdump-karg", ignore_errors=True)
        first = "ignition.firstboot" in next_boot(sample).split()
        if first:
            sample.write("run/ignition.json", config)
            runs += 1
            honour(sample, asked)
        try:
            made = run.apply(target(sample))
        except Refusal:  # of kdump: that boot goes on
            return reboots, runs
        if not made.reboot:
            return reboots, runs
        reboots += 1
    raise AssertionError("does not come to rest")


@pytest.mark.parametrize("name", ["alone", "with a unit", "crashkernel= among them", "kdump is refused", "malformed config"])
def test_power_cut_anywhere_ends_in_the_same_machine(make: Make, name: str) -> None:
    """I1, I2: before the end of the first boot Ignition starts over, with old arguments or new ones; after its first byte never again."""
    end = ENDS[name]
    begun = first_boot(make, **end.overrides)
    config = begun.text("run/ignition.json")
    stage = ignition_kargs._plan(target(begun), machine.surroundings(str(begun.root)), end.asked, begun.boot)
    for taken, cut in enumerate(prefixes(begun, stage)):
        assert cut.text() == entry_text(OPTIONS if taken == 0 else kargs_only(end))
        assert cut.has(f"boot/{STAMP}") and "ignition.firstboot" in next_boot(cut).split()
        has_to_end = end.options != kargs_only(end)
        assert boots_until_rest(cut, end.asked, config) == (int(taken == 0 or has_to_end), 1)
    sample = began(make, end)
    made = planning.plan(target(sample))
    for taken, cut in enumerate(prefixes(sample, made)):
        text, stamp = cut.text(), cut.has(f"boot/{STAMP}")
        assert kargs.is_done(cut.options, end.asked)
        assert text in {entry_text(each) for each in (kargs_only(end), bls.end_first_boot(end.options), end.options)}
        assert ("ignition.firstboot" in next_boot(cut).split()) == (stamp and taken == 0)
        if taken:
            assert boots_until_rest(cut, end.asked, config) == (0, 0)
            check_end(cut, end)


def kargs_only(end: End) -> str:
    """The options after the kargs stage."""
    return off(kargs.edit(OPTIONS, end.asked))


@pytest.mark.parametrize("length", range(1, grub.BLOCK + 1))
def test_every_text_has_a_length_that_grub_reads(make: Make, length: int) -> None:
    sample = first_boot(make)
    honour(sample, Asked(("x" * length,)))
    assert grub.is_read_whole(sample.options, LINUX)
    run.apply(target(sample))
    assert grub.is_read_whole(sample.options, LINUX)
