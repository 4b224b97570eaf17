# SPDX-License-Identifier: Apache-2.0
"""Every disk that a power cut could leave while a log was written, sorted by what GRUB and then Linux find on it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.disk import Disk
from host.process import Word, run, run_module
from image.partitions import SECTOR, Partition

from power_cut import grubview, writelog
from power_cut.grubview import Ask, Changed, Reader, Tool, View
from power_cut.writelog import Cut, Entry

#: Text of an entry, or nothing for another file, by path below /boot.
Files = tuple[tuple[str, str], ...]

#: Each costs a twentieth of a second.
MOST_REPLAYS = 2000


@dataclass(frozen=True)
class Recording:
    """A disk image as it was at power-on, and what was written to it. Only cuts from write number `start` to `stop` count."""

    image: Path
    log: Path
    start: int = 0
    stop: int | None = None
    #: The writer said that it had finished before the write of this number.
    done: int | None = None

    @property
    def disk(self) -> Disk:
        """The disk at power-on."""
        return Disk(self.image)

    def partition(self) -> tuple[Partition, str]:
        """The partition that holds /boot, and where in it, as GRUB names it."""
        partition, directory = self.disk.boot_partition()
        return partition, f"/{directory}" if directory else ""


@dataclass(frozen=True)
class State:
    """Disks that neither GRUB nor Linux can tell apart."""

    #: As the boot loader sees it.
    grub: View
    #: As Linux sees it when it has replayed the journal: the text of each file of interest, by path.
    linux: Files
    #: The first of the disks.
    cut: Cut


@dataclass(frozen=True)
class CutStates:
    """What every cut leads to, in the order of the log."""

    found: tuple[tuple[View, Cut], ...]
    #: Empty where Linux was not asked.
    states: tuple[State, ...]
    grub_runs: int
    replays: int

    @property
    def views(self) -> tuple[View, ...]:
        """What GRUB can see: each once, in the order in which they are found."""
        return tuple({view: None for view, _ in self.found})

    def first_cut(self, view: View) -> Cut:
        """The first cut that makes GRUB see this."""
        return next(cut for seen, cut in self.found if seen == view)


class Canvas:
    """The image of one file system, made to show one state after the other."""

    def __init__(self, image: Path) -> None:
        self.image = image
        self._file = image.open("r+b")
        self._base: dict[int, bytes] = {}
        self._shown: dict[int, bytes] = {}

    def base(self, sector: int) -> bytes:
        """What the sector holds before anything is written."""
        if sector not in self._base:
            self._base[sector] = os.pread(self._file.fileno(), SECTOR, sector * SECTOR)
        return self._base[sector]

    def show(self, changed: Changed) -> None:
        """Make the image that of a state, touching only what differs from the last one."""
        for sector in self._shown.keys() - changed.keys():
            os.pwrite(self._file.fileno(), self._base[sector], sector * SECTOR)
        for sector, data in changed.items():
            if self._shown.get(sector) != data:
                os.pwrite(self._file.fileno(), data, sector * SECTOR)
        self._shown = dict(changed)

    def close(self) -> None:
        """Done with it."""
        self._file.close()


@dataclass
class CutViewer:
    """Looks at cut after cut of one recording."""

    entries: tuple[Entry, ...]
    partition: Partition
    boot: str
    canvas: Canvas
    tool: Tool

    def __post_init__(self) -> None:
        self.pieces = [dict(writelog.sectors(write, self.partition)) for write in writelog.writes(self.entries)]
        self.reader = Reader(self.tool, self.canvas.image, frozenset().union(*self.pieces))
        self._views: dict[frozenset[tuple[int, bytes]], View] = {}
        self._reduced: list[dict[int, bytes]] = []
        self._reduced_to: frozenset[int] | None = None
        self._flushed: tuple[int, dict[int, bytes]] = (0, {})

    def view(self, cut: Cut) -> View:
        """What GRUB sees of /boot. Cuts that leave the same bytes in all sectors GRUB reads share one answer."""
        changed = self._of_interest(cut)
        identity = frozenset(changed.items())
        if identity not in self._views:
            seen = grubview.view(self._asker(cut, changed), self.boot)
            # More sectors may be known to matter by now.
            identity = frozenset(self._of_interest(cut).items())
            self._views[identity] = seen
        return self._views[identity]

    def _asker(self, cut: Cut, changed: Changed) -> Ask:
        """Asks GRUB about the disk of one cut."""
        return lambda words: self.reader.answer(words, changed, lambda: self._show(cut))

    def check_loaded_files(self, examples: Mapping[View, Cut]) -> None:
        """Read kernel, initramfs and configuration to the end, once for each view: they are what they were at power-on."""
        sums: set[tuple[str, str]] = set()
        for view, cut in examples.items():
            sums.update(grubview.checksums(self._asker(cut, self._of_interest(cut)), view))
        assert len(sums) == len({path for path, _ in sums}), f"what GRUB loads is not the same everywhere: {sums}"

    def _show(self, cut: Cut) -> dict[int, bytes]:
        changed = self.changed(cut)
        self.canvas.show(changed)
        return changed

    def changed(self, cut: Cut) -> dict[int, bytes]:
        """All sectors of the partition that the cut leaves otherwise than they were at power-on."""
        return self._differing(self.pieces[number] for number in cut.writes)

    def _of_interest(self, cut: Cut) -> dict[int, bytes]:
        """The same, but only those sectors that GRUB is known to read."""
        if self._reduced_to != self.reader.read:
            self._reduced_to = self.reader.read
            self._reduced = [{sector: piece[sector] for sector in self._reduced_to & piece.keys()} for piece in self.pieces]
            self._views, self._flushed = {}, (0, {})
        if self._flushed[0] != cut.flushed:
            self._flushed = (cut.flushed, self._differing(self._reduced[number] for number in range(cut.flushed)))
        kept = (self._reduced[number] for number in cut.kept)
        return self._differing([self._flushed[1], *(piece for piece in kept if piece)])

    def _differing(self, pieces: Iterable[dict[int, bytes]]) -> dict[int, bytes]:
        """Pieces laid over each other, without what equals the bytes at power-on."""
        changed: dict[int, bytes] = {}
        for piece in pieces:
            changed.update(piece)
        return {sector: data for sector, data in changed.items() if data != self.canvas.base(sector)}


def take(recording: Recording, tool: Tool, work: Path, replay: bool = True) -> CutStates:
    """Look at every cut of a recording. `work` is a directory for the images."""
    partition, boot = recording.partition()
    image = recording.disk.extract_boot(work / "grub.img")
    pristine = work / "pristine.img"
    run(["cp", "--sparse=always", image, pristine])
    viewer = CutViewer(writelog.read(recording.log), partition, boot, Canvas(image), tool)
    cuts = writelog.cuts(viewer.entries, partition, recording.start, recording.stop)
    found = tuple((viewer.view(cut), cut) for cut in cuts)
    viewer.check_loaded_files({view: cut for view, cut in reversed(found)})
    linux = _replayed(recording, pristine, _to_replay(found)) if replay else {}
    for path in (image, pristine):
        path.unlink()
    return CutStates(found, _states(found, linux), viewer.reader.runs, len(linux))


def _to_replay(found: tuple[tuple[View, Cut], ...]) -> list[Cut]:
    """All cuts; where they are too many, of each epoch and each of GRUB's views in it the first and the last."""
    if len(found) <= MOST_REPLAYS:
        return [cut for _, cut in found]
    first = {(view, cut.flushed): cut for view, cut in reversed(found)}
    last = {(view, cut.flushed): cut for view, cut in found}
    return list({cut: None for cut in (*first.values(), *last.values())})


def _replayed(recording: Recording, image: Path, cuts: list[Cut]) -> dict[Cut, Files]:
    """What Linux finds after each of the cuts."""
    partition, boot = recording.partition()
    where: list[Word] = [image, recording.log, str(partition.start), str(partition.size), boot.strip("/")]
    jobs = json.dumps([cut.writes for cut in cuts]).encode()
    answers = json.loads(run_module("power_cut.journal_replay", where, jobs))
    return {cut: tuple(sorted(answer.items())) for cut, answer in zip(cuts, answers, strict=True)}


def _states(found: tuple[tuple[View, Cut], ...], linux: dict[Cut, Files]) -> tuple[State, ...]:
    """One state for each pair of views, in the order of the log."""
    states: dict[tuple[View, Files], Cut] = {}
    for view, cut in found:
        if cut in linux:
            states.setdefault((view, linux[cut]), cut)
    return tuple(State(view, files, cut) for (view, files), cut in states.items())


def rebuild(recording: Recording, cut: Cut, path: Path) -> Disk:
    """The whole disk as the cut leaves it, a new overlay over the image."""
    disk = Disk.overlay(recording.image, path)
    every = writelog.writes(writelog.read(recording.log))
    disk.write((every[number].offset, every[number].data) for number in cut.writes)
    return disk
