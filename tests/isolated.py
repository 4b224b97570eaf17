# SPDX-License-Identifier: Apache-2.0
"""Run a piece of a test in a child process: with a mount namespace of its own, or with a failure at a chosen operation."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import pytest

Action = Callable[[], None]
CAN_MOUNT = os.geteuid() == 0 and os.path.exists("/dev/loop-control")
root_only = pytest.mark.skipif(not CAN_MOUNT, reason="needs root and loop devices: a private mount namespace")
CLONE_NEWNS = 0x20000  # linux/sched.h
MS_REC, MS_PRIVATE = 0x4000, 0x40000  # linux/mount.h
FIFREEZE, FITHAW = 0xC0045877, 0xC0045878  # linux/fs.h
PATIENCE = 10  # seconds
SOON = 2  # seconds
NEVER = 100  # exit status of a child in which the chosen operation was never reached


def run_and_exit(action: Action) -> NoReturn:
    """The child's life: the action, then its exit status; 99 and a traceback on stderr for what it raises."""
    status = 99
    try:
        action()
        status = 0
    except SystemExit as wish:
        status = int(wish.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def in_child(action: Action) -> int:
    """Run the action in a forked child; its exit status, negative for a signal. A traceback goes to stderr, status 99."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        run_and_exit(action)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def in_namespace(action: Action) -> None:
    """Run the action with mounts that nobody else sees and that go with it; fail where it fails."""

    def isolated() -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(CLONE_NEWNS) or libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None):
            raise OSError(ctypes.get_errno(), "unshare")
        with _nothing_stays_frozen():
            action()

    assert in_child(isolated) == 0


@contextmanager
def _nothing_stays_frozen() -> Iterator[None]:
    """Thaw what a broken program left frozen: whoever writes there waits for ever, and no signal reaches him."""
    guard = os.fork()
    if guard == 0:
        while True:
            time.sleep(PATIENCE)
            with open("/proc/self/mounts") as mounts:
                for line in mounts:
                    if line.startswith("/dev/loop"):
                        thaw(line.split(" ")[1])
    try:
        yield
    finally:
        os.kill(guard, signal.SIGKILL)
        os.waitpid(guard, 0)


def thaw(directory: str | Path) -> None:
    """Thaw a file system that may be frozen."""
    opened = os.open(directory, os.O_RDONLY)
    try:
        fcntl.ioctl(opened, FITHAW, 0)
    except OSError:
        pass  # it was not
    finally:
        os.close(opened)


def counted(monkeypatch: pytest.MonkeyPatch, name: str) -> list[tuple[Any, ...]]:
    """The arguments of every call of a function of the os module, from here on."""
    calls: list[tuple[Any, ...]] = []
    real = getattr(os, name)

    def noted(*given: Any) -> Any:
        calls.append(given)
        return real(*given)

    monkeypatch.setattr(os, name, noted)
    return calls


@contextmanager
def no_hang(seconds: int = 20) -> Iterator[None]:
    """The block fails, in whatever call it waits, where it takes longer."""

    def late(*_: object) -> NoReturn:
        raise AssertionError(f"not done in {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def is_thawed(directory: str | Path) -> bool:
    """Is the file system not frozen, or thawed by somebody soon? Never leaves it frozen.

    Soon is sooner than the guard of in_namespace() comes round, so that it is seldom he who does it.
    """
    opened = os.open(directory, os.O_RDONLY)
    try:
        for _ in range(SOON * 100):
            try:
                fcntl.ioctl(opened, FIFREEZE, 0)
                return True
            except OSError as error:
                assert error.errno == errno.EBUSY
            time.sleep(0.01)
        return False
    finally:
        os.close(opened)
        thaw(directory)


def command(*argv: str) -> str:
    """A program's output; it must succeed."""
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


def ext4(image: Path, label: str = "boot") -> Path:
    """An empty ext4 file system in a file."""
    with open(image, "wb") as file:
        file.truncate(8 << 20)
    command("mkfs.ext4", "-q", "-L", label, str(image))
    return image


def xfs(image: Path, label: str = "boot") -> Path:
    """An empty XFS in a file, of the least size that it takes; most of it is a hole."""
    with open(image, "wb") as file:
        file.truncate(300 << 20)
    command("mkfs.xfs", "-q", "-L", label, str(image))
    return image


@contextmanager
def mounted(what: str, where: Path, *options: str) -> Iterator[Path]:
    """A mount for the length of the block."""
    where.mkdir(parents=True, exist_ok=True)
    command("mount", *options, what, str(where))
    try:
        yield where
    finally:
        thaw(where)
        command("umount", str(where))


def fail_at(number: int, matches: Callable[[str, tuple[Any, ...]], bool], fail: Action) -> Callable[[], bool]:
    """Call `fail` just before the operation of that number (of those that match) of this very process.

    Operations are the audit events of Python (sys.addaudithook), so the code runs as it is. The hook stays for the life
    of the process: call this in a child. Returns a function that tells whether it came to it.
    """
    owner = os.getpid()
    seen = 0

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal seen
        if os.getpid() == owner and matches(event, arguments):
            seen += 1
            if seen == number + 1:
                fail()

    sys.addaudithook(hook)
    return lambda: seen > number


def die() -> None:
    """Lose power, as far as a process can."""
    os.kill(os.getpid(), signal.SIGKILL)
