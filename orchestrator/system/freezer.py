# SPDX-License-Identifier: Apache-2.0
"""FIFREEZE and FITHAW: write a file system's journal to its final place, because GRUB reads it without replaying the journal.

syncfs(2) commits the journal but does not empty it; freezing does (ostree-sysroot-deploy.c fsfreeze_thaw_cycle()).
"""

from __future__ import annotations

import errno
import fcntl
import os
import select
import signal

from orchestrator.errors import Failure

FIFREEZE = 0xC0045877  # linux/fs.h: _IOWR('X', 119, int)
FITHAW = 0xC0045878
WATCHDOG_SECONDS = 30
CANNOT_FREEZE = (errno.EOPNOTSUPP, errno.ENOSYS, errno.ENOTTY, errno.EPERM, errno.EBUSY)


def settle(path: str) -> None:
    """Bring everything written so far to the file system that holds the directory `path` where a boot loader finds it.

    A child process thaws when this process dies between the two calls, and when thawing fails here. A file system that
    cannot be frozen (or that somebody else has frozen) is synced instead. Raises Failure where freezing or thawing fails.
    """
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    ours, watched = os.pipe()
    watchdog = os.fork()
    if watchdog == 0:
        os.close(watched)
        _watch(directory, ours)
    os.close(ours)
    try:
        _freeze_and_thaw(directory, path)
        _say_done(watched)
    finally:
        os.close(watched)  # where nothing was written before it, the child thaws
        os.waitpid(watchdog, 0)
        os.close(directory)


def _freeze_and_thaw(directory: int, path: str) -> None:
    """The cycle itself."""
    try:
        fcntl.ioctl(directory, FIFREEZE, 0)
    except OSError as error:
        if error.errno not in CANNOT_FREEZE:
            raise Failure(f"{path} cannot be frozen to flush its journal ({error.strerror}); check the file system") from error
        os.sync()
        return
    try:
        fcntl.ioctl(directory, FITHAW, 0)
    except OSError as error:
        if error.errno == errno.EINVAL:  # somebody else has thawed it; to freeze it was enough
            return
        message = f"{path} could not be thawed ({error.strerror}), a child process tries again; check the file system"
        raise Failure(message) from error


def _say_done(pipe: int) -> None:
    """Tell the child that there is nothing to thaw. Had somebody killed it, that is no matter now."""
    try:
        os.write(pipe, b"done")
    except BrokenPipeError:
        pass


def _watch(directory: int, pipe: int) -> None:
    """The child: wait for the parent's message, its death or the time-out; thaw unless all went well; never return."""
    status = 0
    try:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        if not _parent_is_done(pipe):
            fcntl.ioctl(directory, FITHAW, 0)
    except OSError:
        status = 1
    os._exit(status)


def _parent_is_done(pipe: int) -> bool:
    """False where the parent died or took too long."""
    ready, _, _ = select.select([pipe], [], [], WATCHDOG_SECONDS)
    return bool(ready) and os.read(pipe, 4) == b"done"
