# SPDX-License-Identifier: Apache-2.0
"""Power lost at any block write of a day-two `apply` and of `undo`: the machine boots with the old arguments or the new ones.

As test_power_cut.py, but on a machine in use, where no first boot has to be ended: both are typed at a shell of one machine, one
after the other, and every write between the command and its end is recorded.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from harness import guest
from harness.disk import Disk
from harness.guest import KDUMP_UNIT
from harness.ignition import Config
from harness.machine import Machine
from image import builder as image_builder
from power_cut import cut_states, writelog
from power_cut.boot_outcome import BootOutcome, Texts, boot_outcome
from power_cut.cut_states import CutStates, Recording, State
from power_cut.grubview import STAMP, Tool, View

from conftest import fresh_directory

SIZE = "256M"
TEMPORARY = "loader/entries/.kdump-karg.tmp"
ASKED = f"systemctl enable {KDUMP_UNIT}; echo crashkernel={SIZE} >/etc/kdump-karg.conf; sync"
#: Two machines are emulated at a time.
WORKERS = 2
COMMANDS = ("apply", "undo")
#: Every state that GRUB can tell from the others is booted: `make check-cuts`.
ALL = os.environ.get("KDUMP_KARG_CUTS") == "all"


@dataclass(frozen=True)
class Proof:
    """The recording of one command, what every cut of it leads to, and the texts of the entry before and after."""

    recording: Recording
    cuts: CutStates
    old: str
    new: str
    directory: Path

    @property
    def undoes(self) -> bool:
        """Is it the recording of `undo`?"""
        return "crashkernel=" in self.old

    def text(self, view: View) -> str:
        """The entry that GRUB boots: the old text or the new one, and never as a first boot."""
        assert boot_outcome(view, Texts("", (self.old, self.new))) is BootOutcome.NEW, view
        assert STAMP not in view.top
        return view.texts[0][1]


@pytest.fixture(scope="module")
def directory(request: pytest.FixtureRequest) -> Path:
    """Where the tests of this module leave what they leave."""
    return fresh_directory(request.node)


@pytest.fixture(scope="module")
def proofs(image: Path, directory: Path) -> dict[str, Proof]:
    """Both commands, recorded and looked at."""
    tool = Tool.unpack(image_builder.BUILD / "cache", directory / "grub")
    pristine = guest.entry_on(Disk(image))
    changed = guest.final_form(pristine, SIZE)
    texts = {"apply": (pristine, changed), "undo": (changed, pristine)}

    def look(item: tuple[str, Recording]) -> tuple[str, Proof]:
        name, recording = item
        work = directory / name
        work.mkdir()
        return name, Proof(recording, cut_states.take(recording, tool, work), *texts[name], work)

    with ThreadPoolExecutor(WORKERS) as pool:
        return dict(pool.map(look, record(image, directory).items()))


def record(image: Path, work: Path) -> dict[str, Recording]:
    """Both commands on one machine, which was provisioned without kdump."""
    log = work / "writes.log"
    disk = Disk.overlay(image, work / "recorded.qcow2")
    found = {}
    with Machine(disk, log_dir=work, ignition=Config(), write_log=log) as machine:
        machine.wait_boot()
        guest.settled(machine)
        machine.run(ASKED)
        for name in COMMANDS:
            start = written(log)
            machine.run(f"kdump-karg {name}", timeout=300.0)
            done = written(log)
            machine.run("sync")
            found[name] = Recording(image, log, start, written(log), done)
    disk.path.unlink()
    return found


def written(log: Path) -> int:
    """How many writes the guest has made so far."""
    return len(writelog.writes(writelog.read(log)))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_cut_leaves_the_old_or_the_new(proofs: dict[str, Proof], name: str) -> None:
    """As GRUB sees it; once the new text is on the disk, no later cut gives the old one, and at the end of the command it is."""
    proof = proofs[name]
    texts = [(proof.text(view), cut) for view, cut in proof.cuts.found]
    assert texts[0][0] == proof.old and texts[-1][0] == proof.new
    reached = min(cut.flushed for text, cut in texts if text == proof.new)
    assert all(cut.flushed <= reached for text, cut in texts if text == proof.old)
    assert proof.recording.done is not None
    assert all(text == proof.new for text, cut in texts if cut.has_all_before(proof.recording.done))


@pytest.mark.parametrize("name", COMMANDS)
def test_linux_finds_the_old_or_the_new(proofs: dict[str, Proof], name: str) -> None:
    """The same file system when the journal has been replayed: never torn, and never behind what GRUB sees."""
    proof = proofs[name]
    order = [proof.old, proof.new]
    for state in proof.cuts.states:
        entries = {path: text for path, text in state.linux if path.startswith("loader/entries/") and path != TEMPORARY}
        (text,) = entries.values()
        assert order.index(text) >= order.index(proof.text(state.grub))


def chosen(proof: Proof) -> dict[str, State]:
    """The states to boot, by a name: of those that look the same to GRUB the one in which Linux is the furthest ahead.

    Unless all are asked for, of those in which GRUB boots the same text. What `undo` leaves in the end is booted by test_day_two.py.
    """
    if ALL:
        views = {state.grub: state for state in proof.cuts.states}
        return {f"view{number}": state for number, state in enumerate(views.values())}
    texts = {proof.text(state.grub): state for state in proof.cuts.states}
    names = {"old": proof.old} if proof.undoes else {"old": proof.old, "new": proof.new}
    return {name: texts[text] for name, text in names.items()}


@pytest.fixture(scope="module")
def boots(proofs: dict[str, Proof]) -> Iterator[None]:
    """The chosen states of both, each booted and checked; two machines at a time."""
    with ThreadPoolExecutor(WORKERS) as pool:
        jobs = [pool.submit(boot_and_check, proof, *item) for proof in proofs.values() for item in chosen(proof).items()]
        for job in jobs:
            job.result()
        yield


@pytest.mark.usefixtures("boots")
@pytest.mark.parametrize("name", COMMANDS)
def test_every_kind_of_state_boots(proofs: dict[str, Proof], name: str) -> None:
    """Through GRUB, to the guest's own word: checked by the fixture."""
    assert {proofs[name].old} <= {proofs[name].text(state.grub) for state in chosen(proofs[name]).values()}


def boot_and_check(proof: Proof, name: str, state: State) -> None:
    """The arguments are those that GRUB's view promised, and the command typed again ends what was cut short."""
    work = proof.directory / name
    work.mkdir()
    (work / "state.txt").write_text(f"{state}\n")
    disk = cut_states.rebuild(proof.recording, state.cut, work / "disk.qcow2")
    with Machine(disk, log_dir=work, ignition=Config()) as machine:
        machine.wait_boot()
        guest.settled(machine)
        line = machine.run("cat /proc/cmdline").text.split()
        assert "ignition.firstboot" not in line
        assert (f"crashkernel={SIZE}" in line) == (f"crashkernel={SIZE}" in guest.options(proof.text(state.grub)).split())
        machine.run(f"kdump-karg {'undo' if proof.undoes else 'apply'}", timeout=300.0)
        assert guest.entry(machine) == proof.new
        assert machine.run("ls -A /boot/loader/entries").text.split() == ["ostree-1.conf"]
    disk.path.unlink()
