# SPDX-License-Identifier: Apache-2.0
"""lock.py: two runs at once, and a run while ostree works; by real processes. One waits, and none corrupts."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from orchestrator.errors import Failure, Refusal
from orchestrator.rules import bls
from orchestrator.system import lock
from tests.bench import sysroot
from tests.conftest import Make
from tests.invocation import Output, call, one_line, program
from tests.isolated import in_child, in_namespace, mounted, root_only
from tests.powercut import FINAL
from tests.sample import CONF, IOMEM_8G, Sample, entry_text

HOLD_OSTREE = """
import fcntl, os, sys
opened = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT, 0o600)
fcntl.fcntl(opened, fcntl.F_OFD_SETLK, (1).to_bytes(2, sys.byteorder) + bytes(30))
print("held", flush=True)
sys.stdin.read()
os.unlink(sys.argv[1])
"""
ostree_only = pytest.mark.skipif(shutil.which("ostree") is None, reason="ostree is not installed")
SIZE = "crashkernel=512M"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for long."""
    monkeypatch.setattr(lock, "WAIT_SECONDS", 0.1)


def test_the_lock_leaves_nothing_and_can_be_taken_again(tmp_path: Path) -> None:
    for _ in range(2):
        with lock.alone(str(tmp_path)):
            assert os.listdir(tmp_path) == []


def test_it_goes_with_the_process(tmp_path: Path) -> None:
    def hold_and_die() -> None:
        with lock.alone(str(tmp_path)):
            os._exit(7)

    assert in_child(hold_and_die) == 7
    with lock.alone(str(tmp_path)):
        pass


@contextmanager
def kept(directory: str) -> Iterator[None]:
    """The directory's lock in other hands."""
    opened = os.open(directory, os.O_RDONLY)
    fcntl.flock(opened, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(opened)


@pytest.mark.usefixtures("impatient")
def test_who_keeps_it_too_long_is_told_of_and_nothing_is_written(make: Make, capsys: Output) -> None:
    sample = make()
    before = sample.snapshot()
    with kept(sample.boot):
        assert call(sample, "apply") == 3
    assert one_line(capsys.readouterr().err).startswith(f"another run of kdump-karg works on {sample.boot}; run kdump-karg again")
    assert sample.snapshot() == before


def test_a_run_waits_for_another(make: Make) -> None:
    sample = make()
    with ThreadPoolExecutor(1) as pool, kept(sample.boot):
        waiting = pool.submit(program, "apply", "--root", str(sample.root))
        time.sleep(0.5)
        assert not waiting.done() and sample.text() == entry_text()
    assert waiting.result().returncode == 0
    assert sample.text() == entry_text(FINAL)


def test_many_runs_at_once(make: Make) -> None:
    """All end well, one of them asks for the reboot, and the tree is what one run alone makes of it."""
    alone, together = make(), make()
    assert program("apply", "--root", str(alone.root)).returncode == 0
    with ThreadPoolExecutor(6) as pool:
        ends = list(pool.map(lambda _: program("apply", "--root", str(together.root)), range(6)))
    assert [end.returncode for end in ends] == [0] * 6, [end.stderr for end in ends]
    changed = [end for end in ends if "CHANGE: " in end.stderr]
    assert len(changed) == 1
    assert together.snapshot() == alone.snapshot()


@root_only
@pytest.mark.usefixtures("impatient")
def test_in_the_initramfs_nobody_mounts_beside_another_run(make: Make) -> None:
    from orchestrator.system import bootfs

    sample = make(extra={"etc/initrd-release": ""})
    (sample.root / "run/kdump-karg").mkdir(parents=True)
    with (
        kept(f"{sample.root}/run/kdump-karg"),
        pytest.raises(Refusal, match="another run of kdump-karg works on .*/run/kdump-karg;"),
        bootfs.reach(str(sample.root), live=True, initramfs=True, write=False),
    ):
        pass


def test_in_the_initramfs_ostrees_lock_is_no_matter(make: Make) -> None:
    """Nobody deploys there, and a boot must not wait for a lock that cannot be meant for it."""
    from orchestrator.system import bootfs

    sample = make(extra={"sysroot/sysroot/ostree/repo/config": "", "ostree/repo/config": ""})
    sample.link("sysroot/sysroot/boot/loader", "loader.1")
    with bootfs.reach(str(sample.root), live=True, initramfs=True, write=True):
        assert not sample.has("ostree/lock") and not sample.has("sysroot/sysroot/ostree/lock")


def ostree_sysroot(directory: Path) -> Sample:
    """A sysroot made by ostree, without the argument, and beside it what makes it a machine that wants kdump."""
    sysroot.make(str(directory))
    sample = Sample(directory)
    (entry,) = (directory / "boot/loader/entries").iterdir()
    entry.write_text(entry.read_text().replace(f" {sysroot.KARG}", ""))
    options = bls.options(entry.read_text(), "entry").text
    target = next(word for word in options.split() if word.startswith("ostree="))
    sample.write("proc/cmdline", f"root=LABEL=root {target}\n")
    sample.write("proc/iomem", IOMEM_8G)
    sample.write("proc/sys/kernel/arch", "x86_64\n")
    sample.write(CONF, SIZE + "\n")
    return sample


def options_of(sample: Sample) -> list[str]:
    """The words of the only entry's options."""
    (entry,) = (sample.root / "boot/loader/entries").iterdir()
    return bls.options(entry.read_text(), "entry").text.split()


@contextmanager
def ostree_holds(sample: Sample) -> Iterator[None]:
    """ostree's lock, taken in another process as libglnx takes it."""
    argv = [sys.executable, "-c", HOLD_OSTREE, str(sample.root / "ostree/lock")]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
        yield
        holder.communicate()


@ostree_only
@root_only
def test_a_run_waits_for_ostree(scratch: Path) -> None:
    sample = ostree_sysroot(scratch / "sysroot")
    with ThreadPoolExecutor(1) as pool, ostree_holds(sample):
        waiting = pool.submit(program, "apply", "--root", str(sample.root))
        time.sleep(0.5)
        assert not waiting.done() and SIZE not in options_of(sample)
    assert waiting.result().returncode == 0
    assert SIZE in options_of(sample)
    assert not sample.has("ostree/lock")


@ostree_only
@root_only
@pytest.mark.usefixtures("impatient")
def test_ostree_that_does_not_end_is_told_of(scratch: Path, capsys: Output) -> None:
    sample = ostree_sysroot(scratch / "sysroot")
    with ostree_holds(sample):
        before = sample.snapshot("boot")
        assert call(sample, "apply") == 3
        assert "ostree holds /ostree/lock; run kdump-karg again" in one_line(capsys.readouterr().err)
        assert sample.snapshot("boot") == before


@ostree_only
@root_only
def test_ostree_waits_for_a_run(scratch: Path) -> None:
    """The real ostree respects the lock as it is taken here, and reads the entry only when it has it."""
    sample = ostree_sysroot(scratch / "sysroot")
    argv = ["ostree", "admin", f"--sysroot={sample.root}", "kargs", "edit-in-place", "--append-if-missing=quiet"]
    (entry,) = (sample.root / "boot/loader/entries").iterdir()
    with ExitStack() as stack:
        with lock.against_ostree(str(sample.root)):
            waiting = stack.enter_context(subprocess.Popen(argv, stdout=subprocess.DEVNULL))
            time.sleep(0.5)
            assert waiting.poll() is None and "quiet" not in options_of(sample)
            entry.write_text(entry.read_text().replace("options ", "options first "))
        assert waiting.wait() == 0
    assert {"first", "quiet"} <= set(options_of(sample))


@ostree_only
@root_only
def test_ostree_and_a_run_at_once_lose_nothing(scratch: Path) -> None:
    """Many edits of ostree's, and runs among them: every argument of both is there in the end."""
    sample = ostree_sysroot(scratch / "sysroot")

    def edit(number: int) -> int:
        argv = ["ostree", "admin", f"--sysroot={sample.root}", "kargs", "edit-in-place", f"--append-if-missing=a{number}=1"]
        return subprocess.run(argv, check=False, capture_output=True).returncode

    with ThreadPoolExecutor(3) as pool:
        edits = [pool.submit(edit, number) for number in range(12)]
        runs = [pool.submit(program, "apply", "--root", str(sample.root)) for _ in range(3)]
    assert [done.result() for done in edits] == [0] * 12
    assert [done.result().returncode for done in runs] == [0] * 3, [done.result().stderr for done in runs]
    assert sorted(word for word in options_of(sample) if word.endswith("=1")) == sorted(f"a{number}=1" for number in range(12))
    assert SIZE in options_of(sample)
    assert len(list((sample.root / "boot/loader/entries").iterdir())) == 1


@root_only
def test_a_read_only_sysroot_is_writable_while_the_lock_is_taken(make: Make) -> None:
    """In the real root /sysroot is read-only on many systems; ostree's lock lies there."""
    from orchestrator.system import bootfs

    sample = make(extra={"ostree/repo/config": "", "etc/x": ""})

    def look() -> None:
        place = sample.root / "ostree"
        with mounted(str(place), place, "--bind"):
            subprocess.run(["mount", "-o", "remount,bind,ro", str(place)], check=True)
            with bootfs.reach(str(sample.root), live=True, initramfs=False, write=True):
                assert (place / "lock").exists()
            assert os.listdir(place) == ["repo"]
            assert os.statvfs(place).f_flag & os.ST_RDONLY

    in_namespace(look)


def test_a_lock_on_a_file_that_has_lost_its_name_does_not_count(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever held it removes it before letting go, so that a third could lock a new file of that name."""
    sample = make(extra={"ostree/repo/config": ""})
    place, real, tries = sample.root / "ostree/lock", fcntl.fcntl, []

    def lock_what_was_just_removed(opened: int, command: int, argument: bytes) -> object:
        tries.append(opened)
        if len(tries) == 1:
            place.unlink()
        return real(opened, command, argument)

    monkeypatch.setattr(fcntl, "fcntl", lock_what_was_just_removed)
    with lock.against_ostree(str(sample.root)):
        assert len(tries) == 2 and place.exists()


@root_only
def test_a_lock_that_cannot_be_made_is_a_failure(make: Make) -> None:
    sample = make(extra={"ostree/repo/config": ""})

    def look() -> None:
        place = sample.root / "ostree"
        with mounted(str(place), place, "--bind", "-o", "ro"), pytest.raises(Failure, match="Read-only file system, so ostree"):
            with lock.against_ostree(str(sample.root)):
                pass

    in_namespace(look)


