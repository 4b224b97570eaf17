# SPDX-License-Identifier: Apache-2.0
"""Ignition's kernelArguments on an image whose own helper is the stub: two boots in all, whatever else asks for the reboot.

And power lost at any block write of /boot from the kargs stage to the reboot: the old arguments as a first boot, then the new ones as a
first boot, then the new ones and no Ignition.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from harness import guest
from harness.disk import Disk
from harness.guest import AUTO, FIRST_BOOT_JOURNAL, KDUMP_UNIT, MIB
from harness.ignition import Config
from harness.machine import Machine
from image import builder as image_builder
from orchestrator.rules import bls, grub, kargs
from orchestrator.rules.kargs import Asked
from power_cut import cut_states
from power_cut.boot_outcome import BootOutcome, Texts, boot_outcome
from power_cut.cut_states import CutStates, Recording, State
from power_cut.grubview import Tool

from conftest import Boot, fresh_directory

ASKED = Asked(("rig.first=a,b:c@d/e", "audit=0"), ("systemd.show_status=1",))
ONCE = "one line, once\n"
CONFIG = Config().karg(ASKED.exist[0]).karg(ASKED.exist[1]).without_karg(ASKED.absent[0]).file("/etc/appended", ONCE, append=True)
BESIDE_KDUMP = CONFIG.enable(KDUMP_UNIT)
NO_REBOOT = ("-no-reboot",)


def in_stage(pristine: str) -> str:
    """The entry after the kargs stage."""
    return with_options(pristine, kargs.edit(guest.options(pristine), ASKED))


def in_the_end(pristine: str) -> str:
    """The entry at the end, with kdump."""
    return with_options(pristine, bls.set_crashkernel(guest.options(in_stage(pristine)), AUTO))


def with_options(pristine: str, text: str) -> str:
    """The entry with other options, off GRUB's bad lengths."""
    return pristine.replace(guest.options(pristine), grub.off_bad_lengths(text, bls.first_value(pristine, "linux")))


def check_two_boots(machine: Machine) -> None:
    """One reset; the second kernel has the arguments as asked for; Ignition ran in the first boot and in no other."""
    assert machine.reset_count == 1
    first, second = machine.kernel_command_lines()
    assert "ignition.firstboot" in first.split() and not kargs.is_done(first, ASKED)
    assert kargs.is_done(second, ASKED) and "ignition.firstboot" not in second
    assert machine.run("cat /proc/cmdline").text == second
    assert machine.read("/etc/appended").decode() == ONCE
    assert guest.written_late(machine)
    (provisioned,) = json.loads(machine.run(f"journalctl --directory={FIRST_BOOT_JOURNAL} --list-boots --output=json").text)
    (running,) = machine.boot_ids
    assert provisioned["boot_id"] != running.replace("-", "")


def check_left(machine: Machine) -> None:
    """Nothing of a first boot or of ours lies in /boot."""
    names = machine.run("ls -A /boot").text.split()
    assert not [name for name in names if "first" in name or "kdump" in name]
    assert machine.run("ls -A /boot/loader/entries").text.split() == ["ostree-1.conf"]
    assert machine.run("systemctl --failed --plain --no-legend").text == ""


def test_beside_kdump(boot: Boot, pristine_entry: str) -> None:
    """Two additions, one removal, and an enabled kdump unit: all in the same reboot, and armed."""
    machine = boot(ignition=BESIDE_KDUMP)
    machine.wait_boot()
    guest.settled(machine)
    check_two_boots(machine)
    assert guest.kdump(machine) == guest.Kdump(192 * MIB, loaded=True)
    assert guest.entry(machine) == in_the_end(pristine_entry)
    assert guest.reported(machine)["armed"]
    check_left(machine)


@pytest.mark.thorough
def test_alone(boot: Boot, pristine_entry: str) -> None:
    """Nothing asks for kdump: the first boot is ended all the same, by one reboot, and nothing is reported."""
    machine = boot(ignition=CONFIG)
    machine.wait_boot()
    guest.settled(machine)
    check_two_boots(machine)
    assert guest.kdump(machine) == guest.Kdump(0, loaded=False)
    assert guest.entry(machine) == in_stage(pristine_entry)
    assert guest.status(machine)[1]["wanted"] is False
    assert guest.processes_of_ours(machine) == 0
    check_left(machine)
    # Ignition logs what its helper says only where that fails; the units at the end tell what was asked.
    assert guest.units_of_ours(machine, f"--directory={FIRST_BOOT_JOURNAL}") == {"kdump-karg.service", "kdump-karg-write.service"}


@dataclass(frozen=True)
class Proof:
    """The recording of a whole first boot, whose first write on /boot is the kargs stage's, and what every cut leads to."""

    recording: Recording
    cuts: CutStates
    texts: Texts
    directory: Path


@pytest.fixture(scope="module")
def proof(request: pytest.FixtureRequest, image: Path) -> Proof:
    """Recorded and looked at."""
    work = fresh_directory(request.node)
    log = work / "writes.log"
    disk = Disk.overlay(image, work / "recorded.qcow2")
    with Machine(disk, log_dir=work, ignition=BESIDE_KDUMP, write_log=log, extra_args=NO_REBOOT) as machine:
        machine.wait_exit()
    disk.path.unlink()
    pristine = guest.entry_on(Disk(image))
    final = in_the_end(pristine)
    texts = Texts(pristine, (in_stage(pristine), bls.end_first_boot(final), final))
    recording = Recording(image, log)
    tool = Tool.unpack(image_builder.BUILD / "cache", work / "grub")
    return Proof(recording, cut_states.take(recording, tool, work), texts, work)


ORDER = [BootOutcome.OLD, BootOutcome.REPEATED, BootOutcome.NEW]


@pytest.mark.thorough
def test_every_cut_leaves_a_first_boot_or_none(proof: Proof) -> None:
    """As GRUB sees it: what is repeated is an Ignition that had not finished, before any byte of the end of the first boot."""
    met = [boot_outcome(view, proof.texts) for view, _ in proof.cuts.found]
    assert set(met) == set(ORDER)
    for outcome, following in zip(ORDER, ORDER[1:], strict=False):
        reached = min(cut.flushed for (_, cut), seen in zip(proof.cuts.found, met, strict=True) if seen is following)
        earlier = [cut for (_, cut), seen in zip(proof.cuts.found, met, strict=True) if seen is outcome]
        assert all(cut.flushed <= reached for cut in earlier)
    repeated = {view.texts[0][1] for (view, _), seen in zip(proof.cuts.found, met, strict=True) if seen is BootOutcome.REPEATED}
    assert repeated == {proof.texts.new[0]}


@pytest.mark.thorough
def test_linux_finds_the_old_or_the_new(proof: Proof) -> None:
    """The same file system when the journal has been replayed: never torn, and never behind what GRUB sees."""
    order = [proof.texts.old, *proof.texts.new]
    for state in proof.cuts.states:
        (text,) = (text for path, text in state.linux if path.startswith("loader/entries/") and path.endswith(".conf"))
        assert order.index(text) >= order.index(state.grub.texts[0][1])


@pytest.mark.thorough
@pytest.mark.parametrize("outcome", ORDER[:2])
def test_a_cut_of_the_kargs_stage_boots_and_converges(proof: Proof, outcome: BootOutcome) -> None:
    """Of those with this outcome the one in which Linux is the furthest ahead: armed after one more reboot, with all arguments."""
    found = [state for state in proof.cuts.states if boot_outcome(state.grub, proof.texts) is outcome]
    boot_and_check(proof, outcome, found[-1])


def boot_and_check(proof: Proof, outcome: BootOutcome, state: State) -> None:
    """Boot one state until it has settled, and ask the guest."""
    work = proof.directory / outcome.name
    work.mkdir()
    (work / "state.txt").write_text(f"{state}\n")
    disk = cut_states.rebuild(proof.recording, state.cut, work / "disk.qcow2")
    with Machine(disk, log_dir=work, ignition=BESIDE_KDUMP) as machine:
        machine.wait_boot()
        guest.settled(machine)
        first, second = machine.kernel_command_lines()
        assert machine.reset_count == 1 and "ignition.firstboot" in first.split() and "crashkernel" not in first
        assert kargs.is_done(first, ASKED) == (outcome is BootOutcome.REPEATED)
        assert kargs.is_done(second, ASKED) and "ignition.firstboot" not in second
        assert guest.kdump(machine).loaded
        assert guest.entry(machine) == proof.texts.new[-1]
        # Where the whole of the first attempt was on the disk, Ignition has done it once more.
        assert machine.read("/etc/appended").decode() in (ONCE, ONCE * 2)
        check_left(machine)
    disk.path.unlink()
