# SPDX-License-Identifier: Apache-2.0
"""Power lost at any block write of the transaction: the machine boots with the old arguments or the new ones, and converges.

Every write between the start of kdump-karg-write.service and the reboot is recorded. For every disk that a cut could leave, GRUB's
own code tells what the next boot finds; every one that GRUB could tell from the others is booted, through GRUB. The first of each
layout is a whole story, from power-on to armed: the one on /boot as a directory of the root has no other test.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from harness import guest
from harness.disk import Disk
from harness.guest import AUTO, KDUMP_UNIT
from harness.ignition import Config
from harness.machine import Machine
from image import builder as image_builder
from image.traits import Traits
from power_cut import cut_states, other_writers, writelog
from power_cut.boot_outcome import BootOutcome, Texts, boot_outcome, boot_outcomes
from power_cut.cut_states import CutStates, Recording, State
from power_cut.grubview import STAMP, Tool, View

from conftest import fresh_directory

MARKER = "kdump-karg.first-boot-ended"
TEMPORARY = "loader/entries/.kdump-karg.tmp"
ONCE = "one line, once\n"
#: What a first boot writes into the real root by the pivot: Ignition, and the image's late writers.
WRITTEN = ("appended", "rig-propagated", "rig-late")
CONFIG = Config().enable(KDUMP_UNIT).file("/etc/appended", ONCE, append=True)
#: Two machines are emulated at a time.
WORKERS = 2
LAYOUTS = {
    "ext4": Traits(),
    "xfs": Traits(boot_fs="xfs"),
    "directory": Traits(boot_partition=False),
}
NO_REBOOT = ("-no-reboot",)


@dataclass(frozen=True)
class Proof:
    """A layout, the recording of its first boot, and what every cut of it leads to."""

    recording: Recording
    cuts: CutStates
    texts: Texts
    directory: Path


@dataclass(frozen=True)
class Other:
    """Another way of writing, recorded and looked at."""

    recording: Recording
    cuts: CutStates
    texts: Texts

    def boot_outcomes(self) -> Counter[BootOutcome]:
        """How many cuts have which outcome."""
        return boot_outcomes(self.cuts.found, self.texts, self.recording.done)


def allowed(pristine: str) -> Texts:
    """What our entry may read: as the image has it, without the variable, and finally with it."""
    final = guest.final_form(pristine)
    return Texts(pristine, (final.replace("$ignition_firstboot", "$kdump_karg_first_boot_ended"), final))


@pytest.fixture(scope="module")
def directory(request: pytest.FixtureRequest) -> Path:
    """Where the tests of this module leave what they leave."""
    return fresh_directory(request.node)


@pytest.fixture(scope="module")
def tool(directory: Path) -> Tool:
    """GRUB's code as a program."""
    return Tool.unpack(image_builder.BUILD / "cache", directory / "grub")


@pytest.fixture(scope="module")
def images(product: Path | None) -> dict[str, Path]:
    """The image of each layout."""
    return {name: image_builder.build(traits, product) for name, traits in LAYOUTS.items()}


@pytest.fixture(scope="module")
def proofs(images: dict[str, Path], tool: Tool, directory: Path) -> dict[str, Proof]:
    """All layouts, recorded and looked at."""

    def prove(name: str) -> Proof:
        work = directory / name
        work.mkdir()
        recording = record(images[name], work)
        return Proof(recording, cut_states.take(recording, tool, work), allowed(guest.entry_on(recording.disk)), work)

    with ThreadPoolExecutor(WORKERS) as pool:
        return dict(zip(LAYOUTS, pool.map(prove, LAYOUTS), strict=True))


def record(image: Path, work: Path) -> Recording:
    """A first boot up to its reboot, every write logged."""
    log = work / "writes.log"
    disk = Disk.overlay(image, work / "recorded.qcow2")
    with Machine(disk, log_dir=work, ignition=CONFIG, write_log=log, extra_args=NO_REBOOT) as machine:
        machine.wait_serial("Starting.*kdump-karg-write.service")
        start = len(writelog.writes(writelog.read(log)))
        machine.wait_exit()
    disk.path.unlink()
    return Recording(image, log, start)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_cut_leaves_the_old_or_the_new(proofs: dict[str, Proof], layout: str) -> None:
    """As GRUB sees it: the old arguments as a first boot until the first new byte is in place, then the new ones, no Ignition."""
    proof = proofs[layout]
    boot_outcomes = {view: boot_outcome(view, proof.texts) for view in proof.cuts.views}
    assert set(boot_outcomes.values()) == {BootOutcome.OLD, BootOutcome.NEW}, boot_outcomes
    reached = min(cut.flushed for view, cut in proof.cuts.found if boot_outcomes[view] is BootOutcome.NEW)
    assert all(cut.flushed <= reached for view, cut in proof.cuts.found if boot_outcomes[view] is BootOutcome.OLD)
    first, last = proof.cuts.found[0][0], proof.cuts.found[-1][0]
    assert boot_outcomes[first] is BootOutcome.OLD and boot_outcomes[last] is BootOutcome.NEW
    assert not {STAMP, MARKER} & set(last.top) and last.texts[0][1] == proof.texts.new[-1]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_linux_finds_the_old_or_the_new(proofs: dict[str, Proof], layout: str) -> None:
    """The same file systems when the journal has been replayed: never torn, and never behind what GRUB sees."""
    proof = proofs[layout]
    order = [proof.texts.old, *proof.texts.new]
    for state in proof.cuts.states:
        entries = dict(path_and_text for path_and_text in state.linux if path_and_text[0].startswith("loader/entries/"))
        entries.pop(TEMPORARY, None)
        (text,) = entries.values()
        assert order.index(text) >= order.index(state.grub.texts[0][1])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_all_that_a_first_boot_writes_is_on_disk_once_ignition_is_over(proofs: dict[str, Proof], layout: str) -> None:
    """At the first cut at which GRUB does not start Ignition again, with no more of the root than what was flushed by then."""
    proof = proofs[layout]
    over = min((cut for view, cut in proof.cuts.found if boot_outcome(view, proof.texts) is BootOutcome.NEW), key=lambda cut: cut.flushed)
    partition, _ = proof.recording.partition()
    cut = writelog.flushed_elsewhere(writelog.read(proof.recording.log), partition, over)
    disk = cut_states.rebuild(proof.recording, cut, proof.directory / "over.qcow2")
    with disk.root_files() as files:
        for name in WRITTEN:
            (path,) = files.find(f"ostree/deploy/debian/deploy/*.0/etc/{name}")
            assert files.read(path)
    disk.path.unlink()


def chosen(proof: Proof) -> list[State]:
    """The states to boot: of those that look the same to GRUB the one in which Linux is the furthest ahead."""
    return list({state.grub: state for state in proof.cuts.states}.values())


@pytest.fixture(scope="module")
def boots(proofs: dict[str, Proof]) -> Iterator[dict[str, list[Future[None]]]]:
    """The states of every layout, each booted and checked as soon as there is room for its machine."""
    with ThreadPoolExecutor(WORKERS) as pool:
        yield {
            layout: [pool.submit(boot_and_check, proof, *item) for item in enumerate(chosen(proof))]
            for layout, proof in proofs.items()
        }
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_state_boots_and_converges(
    proofs: dict[str, Proof], boots: dict[str, list[Future[None]]], layout: str
) -> None:
    """Through GRUB, to the guest's own word: armed after one more boot at most, and nothing left of the transaction."""
    proof = proofs[layout]
    assert {state.grub for state in chosen(proof)} == set(proof.cuts.views)
    for booted_and_checked in boots[layout]:
        booted_and_checked.result()


def boot_and_check(proof: Proof, number: int, state: State) -> None:
    """Boot one state until it has settled, and ask the guest."""
    work = proof.directory / f"state{number}"
    work.mkdir()
    (work / "state.txt").write_text(f"{state}\n")
    disk = cut_states.rebuild(proof.recording, state.cut, work / "disk.qcow2")
    with Machine(disk, log_dir=work, ignition=CONFIG) as machine:
        machine.wait_boot()
        guest.settled(machine)
        check_arguments(machine, boot_outcome(state.grub, proof.texts))
        check_converged(machine, proof.texts.new[-1])
    disk.path.unlink()


def check_arguments(machine: Machine, expected: BootOutcome) -> None:
    """Each boot had the arguments that GRUB's view promised; the last one has the new ones."""
    *first, last = machine.kernel_command_lines()
    assert machine.run("cat /proc/cmdline").text == last
    assert f"crashkernel={AUTO}" in last.split() and "ignition.firstboot" not in last
    assert len(first) == machine.reset_count == (1 if expected is BootOutcome.OLD else 0)
    for line in first:
        assert "ignition.firstboot" in line.split() and "crashkernel" not in line
    provisioned = machine.read("/etc/appended").decode()
    # Cut before our first byte was in place, Ignition starts over, on a disk that may have all of its first attempt.
    assert provisioned in ((ONCE, ONCE * 2) if expected is BootOutcome.OLD else (ONCE,))


def check_converged(machine: Machine, final: str) -> None:
    """Armed, and as if the power had never been cut."""
    assert guest.written_late(machine)
    assert guest.kdump(machine).loaded
    assert guest.entry(machine) == final
    assert machine.run("ls -A /boot/loader/entries").text.split() == ["ostree-1.conf"]
    names = machine.run("ls -A /boot").text.split()
    assert not [name for name in names if "first" in name or "kdump" in name]
    assert machine.run("systemctl --failed --plain --no-legend").text == ""


@pytest.fixture(scope="module")
def others(images: dict[str, Path], tool: Tool, directory: Path) -> dict[tuple[str, str], Other]:
    """What cuts do to the other ways of writing, on ext4 and on XFS."""

    def prove(layout: str) -> dict[tuple[str, str], Other]:
        work = directory / f"other-{layout}"
        work.mkdir()
        pristine = guest.entry_on(Disk(images[layout]))
        texts = Texts(pristine, (guest.final_form(pristine),))
        found = {}
        for writer, recording in other_writers.record(images[layout], work).items():
            found[layout, writer] = Other(recording, cut_states.take(recording, tool, work, replay=False), texts)
        return found

    with ThreadPoolExecutor(WORKERS) as pool:
        return {key: other for found in pool.map(prove, ("ext4", "xfs")) for key, other in found.items()}


#: On ext4 the name and the inode lie in blocks of their own. On XFS a directory as small as loader/entries lies in its inode, next
#: to the entry's, so that one write has both; but nothing of it is where GRUB reads it when the writer returns.
BREAKS = {
    ("ext4", "truncate and write"): {BootOutcome.LOST, BootOutcome.REPEATED},
    ("xfs", "truncate and write"): {BootOutcome.LOST, BootOutcome.REPEATED},
    ("ext4", "rename, no freeze"): {BootOutcome.UNBOOTABLE, BootOutcome.LOST},
    ("xfs", "rename, no freeze"): {BootOutcome.LOST},
    ("ext4", "ostree edit-in-place"): {BootOutcome.UNBOOTABLE, BootOutcome.LOST},
    ("xfs", "ostree edit-in-place"): {BootOutcome.LOST},
}


@pytest.mark.parametrize(("layout", "writer"), BREAKS)
def test_other_writers_break(others: dict[tuple[str, str], Other], layout: str, writer: str) -> None:
    """The same proof finds what is wrong with them, so it could find it in ours."""
    other = others[layout, writer]
    assert BREAKS[layout, writer] <= set(other.boot_outcomes())


def test_what_is_called_unbootable_does_not_boot(others: dict[tuple[str, str], Other], directory: Path) -> None:
    """A rename without a freeze: GRUB finds an entry without its text, or none, and stays at its own prompt."""
    other = others["ext4", "rename, no freeze"]
    view = next(view for view in other.cuts.views if boot_outcome(view, other.texts) is BootOutcome.UNBOOTABLE)
    with booted(other, view, directory / "unbootable") as machine:
        machine.wait_serial("grub>")
        assert not machine.kernel_command_lines()


def test_what_is_called_repeated_runs_ignition_again(others: dict[tuple[str, str], Other], directory: Path) -> None:
    """The guest's own command line has both."""
    other = others["ext4", "truncate and write"]
    view = next(view for view in other.cuts.views if boot_outcome(view, other.texts) is BootOutcome.REPEATED)
    with booted(other, view, directory / "repeated") as machine:
        machine.wait_boot()
        assert {"ignition.firstboot", f"crashkernel={AUTO}"} <= set(machine.run("cat /proc/cmdline").text.split())


@contextmanager
def booted(other: Other, view: View, work: Path) -> Iterator[Machine]:
    """A machine with the disk that makes GRUB see this."""
    work.mkdir()
    disk = cut_states.rebuild(other.recording, other.cuts.first_cut(view), work / "disk.qcow2")
    with Machine(disk, log_dir=work, ignition=other_writers.CONFIG) as machine:
        yield machine
    disk.path.unlink()


def test_comparison(
    proofs: dict[str, Proof], others: dict[tuple[str, str], Other], directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All of it as a table, in comparison.txt and on the terminal."""
    rows = [row("kdump-karg", layout, proof.cuts, boot_outcomes(proof.cuts.found, proof.texts)) for layout, proof in proofs.items()]
    rows += [row(writer, layout, other.cuts, other.boot_outcomes()) for (layout, writer), other in others.items()]
    text = "\n".join([HEADING, *rows]) + "\n"
    (directory / "comparison.txt").write_text(text)
    with capsys.disabled():
        print(f"\n{text}")


HEADING = f"{'writer':20}  {'/boot':9}  cut points  seen by GRUB  unbootable  lost  Ignition again"


def row(writer: str, layout: str, found: CutStates, counted: Counter[BootOutcome]) -> str:
    """One line: the last three numbers are cut points."""
    bad = f"{counted[BootOutcome.UNBOOTABLE]:10}  {counted[BootOutcome.LOST]:4}  {counted[BootOutcome.REPEATED]:14}"
    return f"{writer:20}  {layout:9}  {len(found.found):10}  {len(found.views):12}  {bad}"
