# SPDX-License-Identifier: Apache-2.0
"""`apply` when there is a change to make, beside ostree's own edit of the same entry, by turns; and how that grows."""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from orchestrator.freeze import runs
from orchestrator.rules import bls
from tests.bench import sysroot
from tests.bench.process import Rooted, Sample
from tests.isolated import command, mounted
from tests.sample import IOMEM_8G

PAIRS = 25
PROGRAM = "/usr/bin/kdump-karg"
KARG = "crashkernel=512M"
OSTREE = "ostree admin kargs edit-in-place"
COUNTS = (1, 10, 100, 1000)
LENGTHS = (250, 500, 1000, 2000)  # bytes; the kernels take 2047 (s390x: 4095, but there the entry is not what is booted)
ENTRIES = "boot/loader/entries"


@dataclass(frozen=True)
class Row:
    """The medians of one program in one place in milliseconds, and as multiples of ostree's there."""

    name: str
    wall: float
    cpu: float
    wall_ratio: float
    cpu_ratio: float


class Machine:
    """A root directory that is an ostree sysroot, holds the frozen program, and wants kdump. Its entry lacks the argument."""

    def __init__(self, root: Path, frozen: str) -> None:
        """Make it; `root` must be empty or missing."""
        self.root = root
        made = root / "sysroot.made"
        sysroot.make(str(made))
        for path in made.iterdir():
            path.rename(root / path.name)
        made.rmdir()
        shutil.copytree(frozen, root, symlinks=True, dirs_exist_ok=True)
        (self.entry,) = (root / ENTRIES).iterdir()
        text = self.entry.read_text()
        self.text = text.replace(f" {sysroot.KARG}", " $ignition_firstboot")
        target = next(word for word in bls.options(text, "entry").text.split() if word.startswith("ostree="))
        self.line = f"root=LABEL=root {target}"
        for name, content in {"iomem": IOMEM_8G, "sys/kernel/arch": "x86_64\n"}.items():
            _write(root / "proc" / name, content)
        for process in ("self", "1"):  # two files: a mount namespace of its own, as a unit has
            _write(root / "proc" / process / "ns/mnt", "")
        _write(root / "etc/kdump-karg.conf", f"{KARG}\n")

    def reset(self, first_boot: bool) -> None:
        """As before the edit: with a first boot to end, or without."""
        self.entry.write_text(self.text)
        if first_boot:
            _write(self.root / "boot/ignition.firstboot", "")
        _write(self.root / "proc/cmdline", self.line + (" ignition.firstboot\n" if first_boot else "\n"))

    def check(self, name: str) -> None:
        """The run before must have done its work, and all of it."""
        options = bls.options(self.entry.read_text(), "entry").text.split()
        if KARG not in options or "$ignition_firstboot" not in options:
            raise RuntimeError(f"{name} left {options}; run it by hand")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def compare(frozen: str, root: Path, names: Sequence[str], pairs: int) -> tuple[Row, ...]:
    """Every program by turns on one machine below `root`; ostree's edit comes first in every round."""
    machine = Machine(root, frozen)
    edit = ("/usr/bin/ostree", "admin", f"--sysroot={root}", "kargs", "edit-in-place", f"--append-if-missing={KARG}")
    samples: dict[str, list[Sample]] = {name: [] for name in (OSTREE, *names)}
    with Rooted("/") as host, Rooted(str(root)) as inside:
        for _ in range(pairs):
            for name, taken in samples.items():
                machine.reset(first_boot="first boot" in name)
                where, argv = (host, edit) if name == OSTREE else (inside, _argv(name))
                taken.append(where.run(argv))
                machine.check(name)
    base = samples[OSTREE]
    return tuple(_row(name, taken, base) for name, taken in samples.items())


def _argv(name: str) -> tuple[str, ...]:
    """Without a freeze it is a captured tree that lies at the root."""
    return (PROGRAM, "apply") if "freeze" in name else (PROGRAM, "apply", "--root", "/")


def _row(name: str, taken: Sequence[Sample], base: Sequence[Sample]) -> Row:
    wall, cpu = _median(taken, lambda sample: sample.wall), _median(taken, lambda sample: sample.cpu)
    return Row(
        name, wall, cpu, wall / _median(base, lambda sample: sample.wall), cpu / _median(base, lambda sample: sample.cpu)
    )


def _median(taken: Sequence[Sample], of: Callable[[Sample], float]) -> float:
    return statistics.median(of(sample) for sample in taken)


@contextmanager
def on_ext4(directory: Path) -> Iterator[Path]:
    """An ext4 on a loop device over the file system that temporary files are on."""
    image = directory / "image"
    with open(image, "wb") as file:
        file.truncate(256 << 20)
    command("mkfs.ext4", "-q", str(image))
    with mounted(str(image), directory / "mounted", "-o", "loop") as root:
        (root / "lost+found").rmdir()
        yield root


def show(frozen: str, pairs: int) -> None:
    """Measure and print. To be called with mounts that nobody else sees."""
    plain, first = "kdump-karg apply", "kdump-karg apply, ending a first boot"
    with tempfile.TemporaryDirectory(dir=_memory()) as scratch:
        memory = compare(frozen, Path(scratch, "root"), (plain, first), pairs)
        _print(f"A change to the entry in memory, where syncs cost nothing, median of {pairs} rounds by turns:", memory)
    freezing, frozen_first = f"{plain}, fsync and freeze", f"{first}, fsync and freeze"
    with tempfile.TemporaryDirectory() as scratch, on_ext4(Path(scratch)) as root:
        disk = compare(frozen, root, (plain + ", fsync", freezing, frozen_first), pairs)
        _print("The same on ext4 (ostree's edit neither syncs nor freezes):", disk)
    wall = {row.name: row.wall for row in (*memory, *disk)}
    print(f"  cost of the syncs: {wall[freezing] - wall[plain]:.2f} ms wall, for a first boot {wall[frozen_first] - wall[first]:.2f}")
    with tempfile.TemporaryDirectory(dir=_memory()) as scratch:
        grow(frozen, scratch, pairs)


def _print(title: str, rows: Sequence[Row]) -> None:
    print(title)
    for row in rows:
        ratio = f"{row.wall_ratio:5.2f} x wall  {row.cpu_ratio:5.2f} x CPU of ostree"
        print(f"  {row.wall:7.2f} ms wall  {row.cpu:7.2f} ms CPU  {ratio}  {row.name}")


def _memory() -> str | None:
    found = runs.scratch()
    return None if found is None or os.statvfs(found).f_flag & os.ST_NOEXEC else found


def grow(frozen: str, scratch: str, rounds: int) -> None:
    """Print how the time grows with the number of entries and with the length of the options."""
    root = os.path.join(scratch, "root")
    shutil.copytree(frozen, root, symlinks=True)
    with Rooted(root) as inside:
        print("Entries in loader/entries (apply ending a first boot, in memory):")
        _series(inside, root, [(str(count), _many(count)) for count in COUNTS], [float(count) for count in COUNTS], rounds)
        print("Bytes of the options line:")
        _series(inside, root, [(str(length), _long(length)) for length in LENGTHS], [float(length) for length in LENGTHS], rounds)


def _many(count: int) -> dict[str, str]:
    """A tree with that many entries, of which the booted one is the last by name."""
    extra = dict(runs.SIZE)
    for number in range(count - 1):
        text = runs.SAMPLE[runs.ENTRY].replace("/abc/", f"/x{number}/")
        extra[f"boot/loader.1/entries/a-{number:04}.conf"] = text
    return extra


def _long(length: int) -> dict[str, str]:
    """A tree whose options, with the argument that is to come, have that many bytes."""
    entry = runs.SAMPLE[runs.ENTRY]
    missing = length - len(bls.options(entry, "entry").text) - len(" crashkernel=256M")
    pad = (" x=1234" * (missing // 7 + 1))[:missing].rstrip()
    return {
        **runs.SIZE,
        "proc/cmdline": runs.SAMPLE["proc/cmdline"].rstrip("\n") + pad[: max(0, missing - 60)] + "\n",
        runs.ENTRY: entry.replace(" $ignition_firstboot", f" $ignition_firstboot{pad}"),
    }


def _series(inside: Rooted, root: str, cases: Sequence[tuple[str, dict[str, str]]], sizes: Sequence[float], rounds: int) -> None:
    """One line a case; beside it the time as a multiple of the first case's, and the size as well."""
    samples: dict[str, list[Sample]] = {name: [] for name, _ in cases}
    for _ in range(rounds):
        for name, files in cases:
            tree = os.path.join(root, "tree")
            runs.build(tree, files)
            found = inside.run((PROGRAM, "apply", "--root", "/tree"))
            if found.status or " crashkernel=256M" not in Path(tree, runs.ENTRY).read_text():
                raise RuntimeError(f"{name}: apply ended with {found.status}; run it by hand")
            samples[name].append(found)
            shutil.rmtree(tree)
    first = _median(samples[cases[0][0]], lambda sample: sample.cpu)
    for (name, taken), size in zip(samples.items(), sizes, strict=True):
        wall, cpu = _median(taken, lambda sample: sample.wall), _median(taken, lambda sample: sample.cpu)
        times = f"{cpu / first:6.2f} x the first's CPU for {size / sizes[0]:7.1f} x the size"
        print(f"  {name:>5}  {wall:7.2f} ms wall  {cpu:7.2f} ms CPU  {times}")
