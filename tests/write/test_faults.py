# SPDX-License-Identifier: Apache-2.0
"""Every system call that `apply` makes on /boot, failing or the last one: old or new text, one sentence, the next run converges.

A real file system on a loop device, the real freezer, errors injected by strace(1). SIGKILL comes before each call, which is
also after the one before it. A sample runs with the fast tests; `make check-faults` runs all (KDUMP_KARG_FAULTS=all).
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

import orchestrator
from orchestrator import cli, commands, run
from orchestrator.facts.bootstate import MARKER, STAMP, TEMPORARY
from orchestrator.system.target import Target
from tests import strace
from tests.conftest import Make
from tests.invocation import one_line
from tests.isolated import ext4, in_namespace, is_thawed, mounted, xfs
from tests.powercut import FINAL, check_cut, settle_down
from tests.sample import ENTRY, Sample, entry_text
from tests.strace import Call, Ended

pytestmark = list(strace.needs)
# Imported now: a child that had to open their files would make more calls than the next one.
LOADED = [
    importlib.import_module(found.name)
    for found in pkgutil.walk_packages(orchestrator.__path__, "orchestrator.")
    if not found.name.startswith(("orchestrator.freeze", "orchestrator.__main__"))
]
ALL = os.environ.get("KDUMP_KARG_FAULTS") == "all"
CHANGES = ("write", "fchown", "fchmod", "fsetxattr", "fsync", "rename", "unlink", "rmdir", "ioctl", "flock")
INTERRUPTIBLE = ("openat", "read", "write", "fsync", "flock", "ioctl", "close", "statfs")
KILL = "signal=SIGKILL"
ERRORS: dict[str, tuple[str, ...]] = {
    KILL: (),  # any call
    "error=EIO": (),
    "error=ENOSPC": ("openat", *CHANGES),
    "error=EROFS": ("openat", *CHANGES),
    "error=EINTR": INTERRUPTIBLE,
}
LABEL = b"system_u:object_r:boot_t:s0\x00"
LEFT = ["loader", "loader.1"]


@dataclass(frozen=True)
class Bench:
    """A sample whose /boot is a mounted file system, and what it is put back to before every run."""

    sample: Sample
    pristine: Path

    def reset(self) -> None:
        """The first boot, before the program ran."""
        for name in os.listdir(self.sample.boot):
            if name != "lost+found":
                _delete(Path(self.sample.boot, name))
        for path in ("run/kdump-karg", "sysroot/var"):
            shutil.rmtree(self.sample.root / path, ignore_errors=True)
        shutil.copytree(self.pristine, self.sample.root, symlinks=True, dirs_exist_ok=True)
        os.chown(self.sample.root / ENTRY, 12, 34)

    def apply(self) -> None:
        """The program's `apply` on a running system, in a child; ends it with the exit status."""
        target = Target(str(self.sample.root), live=True)
        cli._dispatch = lambda arguments: commands.apply(target)
        raise SystemExit(cli.main(["apply"]))

    def names(self) -> list[str]:
        """What lies in /boot and beside the entry, but for what belongs there."""
        found = [*os.listdir(self.sample.boot), *os.listdir((self.sample.root / ENTRY).parent)]
        return sorted(set(found) - {"lost+found", "ostree-1.conf", *LEFT})


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


@contextmanager
def bench(make: Make, make_image: Callable[[Path], Path]) -> Iterator[Bench]:
    """Made and mounted; the entry has a mode, an owner and a label of its own, so that all of them must be copied."""
    sample = make()
    pristine = sample.root.with_name("pristine")
    (sample.root / ENTRY).chmod(0o640)
    os.setxattr(sample.root / ENTRY, "security.selinux", LABEL)
    shutil.copytree(sample.root, pristine, symlinks=True)
    with mounted(str(make_image(pristine.with_name("image"))), Path(sample.boot), "-o", "loop"):
        yield Bench(sample, pristine)


def sampled(calls: list[Call]) -> Iterator[tuple[Call, str]]:
    """The calls to tamper with and how: all, or some of what matters most and few of the others."""
    for number, call in enumerate(calls):
        for place, (tampering, names) in enumerate(ERRORS.items()):
            matters = call.name in CHANGES and tampering in (KILL, "error=EIO")
            every = 1 if ALL else 8 if matters else 97
            if (not names or call.name in names) and (number + place) % every == 0:
                yield call, tampering


def check(made: Bench, call: Call, tampering: str, ended: Ended) -> None:
    """What must hold after a run that was tampered with, and after the runs that follow."""
    sample = made.sample
    assert is_thawed(sample.boot)
    check_cut(sample)
    check_attributes(sample)
    if tampering == KILL:
        assert (ended.status, ended.said) == (-9, "")
    else:
        check_told(made, ended)
    left = made.names()
    assert set(left) <= {"ignition", STAMP, MARKER, TEMPORARY}
    # The temporary file stays where the run was killed, or could not remove it either.
    assert TEMPORARY not in left or tampering == KILL or call.name in ("unlink", "newfstatat", "openat", "close")
    if tampering != KILL:
        run.apply(Target(str(sample.root), live=False))  # in the same boot
        assert sample.text() == entry_text(FINAL)
    assert settle_down(sample) <= 1
    assert sample.text() == entry_text(FINAL)
    check_attributes(sample)
    assert made.names() == []


def check_attributes(sample: Sample) -> None:
    """Mode, owner and label of the entry, old or new."""
    status = os.stat(sample.root / ENTRY)
    assert (status.st_mode & 0o7777, status.st_uid, status.st_gid) == (0o640, 12, 34)
    assert os.getxattr(sample.root / ENTRY, "security.selinux") == LABEL


def check_told(made: Bench, ended: Ended) -> None:
    """Done, or one sentence why not."""
    assert ended.status in (0, 1, 3), ended.said
    line = one_line(ended.said.splitlines(keepends=True)[-1])
    assert "Traceback" not in ended.said and "internal error" not in ended.said
    if ended.status:
        assert "/" in line and ";" in line, line
    else:
        assert made.sample.text() == entry_text(FINAL)
        assert made.names() == []


def sweep(made: Bench, wanted: Callable[[Call], bool] = lambda call: True) -> str:
    """Every call, every way; the tally. Fails with all that went wrong."""
    made.reset()
    calls, ended = strace.record(made.apply, made.sample.boot)
    assert ended.status == 0, ended.said
    tally: Counter[str] = Counter()
    wrong = []
    for call, tampering in sampled([call for call in calls if wanted(call)]):
        made.reset()
        tally[tampering] += 1
        ended = strace.injected(made.apply, call, tampering)
        try:
            check(made, call, tampering, ended)
        except AssertionError as error:
            wrong.append(f"{tampering} at {call.shown}: {ended} {made.names()}: {error}")
    assert not wrong, "\n\n".join([*wrong, f"{len(wrong)} of {tally.total()} runs"])
    return f"{len(calls)} calls on /boot, {tally.total()} runs: {dict(tally)}"


def test_every_call_on_ext4(make: Make, capfd: pytest.CaptureFixture[str]) -> None:
    def swept() -> None:
        with bench(make, ext4) as made:
            tell(capfd, f"ext4: {sweep(made)}")

    in_namespace(swept)


def test_freezing_and_renaming_on_xfs(make: Make, capfd: pytest.CaptureFixture[str]) -> None:
    def swept() -> None:
        with bench(make, xfs) as made:
            tell(capfd, f"XFS: {sweep(made, lambda call: call.name in ('ioctl', 'rename', 'fsync'))}")

    in_namespace(swept)


def tell(capfd: pytest.CaptureFixture[str], tally: str) -> None:
    """For whoever asked for all."""
    if ALL:
        with capfd.disabled():
            print(f"\n{tally}")


@pytest.mark.parametrize("name", ["fsetxattr", "llistxattr"])
def test_a_file_system_without_attributes_of_its_own(make: Make, name: str) -> None:
    """It can still show a label, which its mount gave it and which cannot be set."""

    def look() -> None:
        with bench(make, ext4) as made:
            made.reset()
            calls, _ = strace.record(made.apply, made.sample.boot)
            call = next(call for call in calls if call.name == name)
            made.reset()
            ended = strace.injected(made.apply, call, "error=EOPNOTSUPP")
            assert ended.status == 0, ended.said
            assert made.sample.text() == entry_text(FINAL)

    in_namespace(look)
