# SPDX-License-Identifier: Apache-2.0
"""A first boot on which there is nothing to do, beside ostree's own tool when there is nothing to do."""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.decide.decision import Kind
from orchestrator.freeze import runs
from orchestrator.write import outcome
from tests.bench import sysroot
from tests.bench.process import Rooted, Sample

ROUNDS = 41
PROGRAM = "/usr/bin/kdump-karg"
BARE = "/usr/bin/bare"
BARE_TEXT = "#!/usr/lib/kdump-karg/python -IBXutf8\nimport os\nos._exit(0)\n"
Case = tuple[str, Rooted, Sequence[str]]
OSTREE = "ostree admin kargs edit-in-place, karg present"


@dataclass(frozen=True)
class Row:
    """The medians of one program in milliseconds, and the CPU time as a multiple of ostree's."""

    name: str
    wall: float
    cpu: float
    ratio: float


def measure(frozen: str, rounds: int = ROUNDS) -> tuple[Row, ...]:
    """Every program once a round, so that what else the machine does meets all alike."""
    with tempfile.TemporaryDirectory(dir=_memory()) as scratch:
        root = os.path.join(scratch, "frozen")
        _prepare(frozen, root)
        live = os.path.join(scratch, "live")
        shutil.copytree(frozen, live, symlinks=True)
        runs.build(live, runs.RUNNING)
        directory = os.path.join(scratch, "sysroot")
        sysroot.make(directory)
        with Rooted("/") as host, Rooted(root) as inside, Rooted(live) as booted:
            cases: tuple[Case, ...] = (
                (OSTREE, host, sysroot.edit_argv(directory)),
                ("kdump-karg apply --root, nothing asks", inside, (PROGRAM, "apply", "--root", "/nothing")),
                ("kdump-karg apply --root, karg already running", inside, (PROGRAM, "apply", "--root", "/running")),
                ("kdump-karg apply in an initramfs, karg already running", booted, (PROGRAM, "apply")),
                ("the interpreter alone", inside, (BARE,)),
            )
            samples = _interleaved(cases, rounds)
        _check_recorded(live)
    return _rows(samples)


def _interleaved(cases: Sequence[Case], rounds: int) -> dict[str, list[Sample]]:
    samples: dict[str, list[Sample]] = {name: [] for name, _, _ in cases}
    for _ in range(rounds):
        for name, where, argv in cases:
            samples[name].append(_checked(name, where.run(argv)))
    return samples


def _memory() -> str | None:
    """A file system in memory, as an initramfs is; containers often forbid to execute from theirs."""
    found = runs.scratch()
    return None if found is None or os.statvfs(found).f_flag & os.ST_NOEXEC else found


def _prepare(frozen: str, root: str) -> None:
    """The frozen root with two sample trees and a script that does nothing."""
    shutil.copytree(frozen, root, symlinks=True)
    runs.build(os.path.join(root, "nothing"), {})
    runs.build(os.path.join(root, "running"), runs.RUNNING)
    script = root + BARE
    with open(script, "w", encoding="utf-8") as file:
        file.write(BARE_TEXT)
    os.chmod(script, 0o755)


def _checked(name: str, sample: Sample) -> Sample:
    if sample.status:
        raise RuntimeError(f"{name} failed with status {sample.status}; run it by hand")
    return sample


def _check_recorded(live: str) -> None:
    """The run in an initramfs must have done all that it does on a machine, up to the note for the report."""
    found = outcome.read(live)
    if found is None or found.kind != Kind.ACTIVE.value:
        raise RuntimeError(f"the live run left {found} and not {Kind.ACTIVE.value}; run it by hand")


def _rows(samples: dict[str, list[Sample]]) -> tuple[Row, ...]:
    base = statistics.median(sample.cpu for sample in samples[OSTREE])
    return tuple(_row(name, taken, base) for name, taken in samples.items())


def _row(name: str, taken: Sequence[Sample], base: float) -> Row:
    cpu = statistics.median(sample.cpu for sample in taken)
    return Row(name, statistics.median(sample.wall for sample in taken), cpu, cpu / base)
