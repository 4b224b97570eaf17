# SPDX-License-Identifier: Apache-2.0
"""freezer.py on a real ext4: what was written is where a boot loader finds it, and the file system is thawed, always."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from pathlib import Path
from typing import Any

import pytest

from orchestrator.decide.plan import Replace
from orchestrator.errors import Failure
from orchestrator.system import freezer
from orchestrator.write import apply as writer
from tests.isolated import command, die, ext4, fail_at, in_child, in_namespace, mounted, root_only
from tests.sample import entry_text

pytestmark = root_only
NEW = entry_text("new")


def is_frozen(directory: Path) -> bool:
    """Is the file system frozen? Thaws it, so that a failed test does not leave one that nobody can unmount."""
    opened = os.open(directory, os.O_RDONLY)
    try:
        fcntl.ioctl(opened, freezer.FIFREEZE, 0)
    except OSError as error:
        assert error.errno == errno.EBUSY
        return True
    finally:
        fcntl.ioctl(opened, freezer.FITHAW, 0)
        os.close(opened)
    return False


def without_the_journal(image: Path, path: str) -> str:
    """A file as a reader finds it that, like GRUB, does not replay the journal."""
    return command("debugfs", "-R", f"cat {path}", str(image))


def test_a_reader_without_the_journal_sees_what_was_settled(tmp_path: Path) -> None:
    image = ext4(tmp_path / "image")

    def settled() -> None:
        with mounted(str(image), tmp_path / "boot", "-o", "loop") as boot:
            entry = boot / "a.conf"
            entry.write_text(entry_text())
            freezer.settle(str(boot))
            writer.replace(str(entry), Replace("a.conf", entry_text(), NEW), freezer.settle)
            assert without_the_journal(image, "/a.conf") == NEW
            assert not is_frozen(boot)

    in_namespace(settled)


def is_ioctl(request: int) -> Any:
    """Matches that ioctl."""
    return lambda event, arguments: event == "fcntl.ioctl" and arguments[1] == request


@pytest.mark.parametrize("request_", [freezer.FIFREEZE, freezer.FITHAW], ids=["before the freeze", "between freeze and thaw"])
def test_it_thaws_when_the_process_is_killed(tmp_path: Path, request_: int) -> None:
    image = ext4(tmp_path / "image")

    def settle_and_die(boot: Path) -> None:
        fail_at(0, is_ioctl(request_), die)
        freezer.settle(str(boot))

    def killed() -> None:
        with mounted(str(image), tmp_path / "boot", "-o", "loop") as boot:
            assert in_child(lambda: settle_and_die(boot)) == -9
            deadline = time.monotonic() + 5
            while not can_be_written(boot) and time.monotonic() < deadline:
                time.sleep(0.01)
            assert not is_frozen(boot)

    in_namespace(killed)


def can_be_written(boot: Path) -> bool:
    """Does a write go through within a moment? In a child, because on a frozen file system it waits for ever."""
    child = os.fork()
    if child == 0:
        (boot / "probe").write_text("x")
        os._exit(0)
    for _ in range(20):
        if os.waitpid(child, os.WNOHANG)[0]:
            return True
        time.sleep(0.01)
    return False


def test_settling_leaves_neither_child_nor_open_file(tmp_path: Path) -> None:
    def counted() -> None:
        with mounted("tmpfs", tmp_path / "boot", "-t", "tmpfs", "-o", "size=64k") as boot:
            before = os.listdir("/proc/self/fd")
            children = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
            freezer.settle(str(boot))
            assert os.listdir("/proc/self/fd") == before
            assert Path(f"/proc/self/task/{os.getpid()}/children").read_text() == children

    in_namespace(counted)


def test_one_that_somebody_else_has_frozen_is_left_to_him(tmp_path: Path) -> None:
    image = ext4(tmp_path / "image")

    def frozen() -> None:
        with mounted(str(image), tmp_path / "boot", "-o", "loop") as boot:
            opened = os.open(boot, os.O_RDONLY)
            fcntl.ioctl(opened, freezer.FIFREEZE, 0)
            freezer.settle(str(boot))
            os.close(opened)
            assert is_frozen(boot)

    in_namespace(frozen)


def test_an_error_of_the_thaw_is_told_and_the_child_thaws(tmp_path: Path) -> None:
    image = ext4(tmp_path / "image")

    def fail() -> None:
        raise OSError(errno.EIO, "Input/output error")

    def failing() -> None:
        with mounted(str(image), tmp_path / "boot", "-o", "loop") as boot:
            fail_at(0, is_ioctl(freezer.FITHAW), fail)
            with pytest.raises(Failure, match="could not be thawed .Input/output error., a child process tries again; check"):
                freezer.settle(str(boot))
            assert can_be_written(boot)

    in_namespace(failing)


def test_an_error_of_the_freeze_is_told(tmp_path: Path) -> None:
    image = ext4(tmp_path / "image")

    def fail() -> None:
        raise OSError(errno.EIO, "Input/output error")

    def failing() -> None:
        with mounted(str(image), tmp_path / "boot", "-o", "loop") as boot:
            fail_at(0, is_ioctl(freezer.FIFREEZE), fail)
            with pytest.raises(Failure, match="cannot be frozen to flush its journal .Input/output error.; check"):
                freezer.settle(str(boot))
            assert not is_frozen(boot)

    in_namespace(failing)
