# SPDX-License-Identifier: Apache-2.0
"""Carry out a plan on the boot file system; nothing else in this program writes there. Decides nothing."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from io import FileIO

from orchestrator import log
from orchestrator.decide.decision import SPARE_BYTES
from orchestrator.decide.plan import Plan, Remove, Rename, Replace, Step
from orchestrator.errors import Failure, Refusal
from orchestrator.facts.bootstate import TEMPORARY
from orchestrator.system import free_space, lock, tree

Settle = Callable[[str], None]  # makes what was done in a directory of the boot file system safe from a power cut


class Changed(Refusal):
    """A file is no longer what was planned for. `taken` counts the steps that were taken before that was found."""

    def __init__(self, message: str, taken: int = 0) -> None:
        """The sentence, and the number of steps."""
        super().__init__(message)
        self.taken = taken


def apply(plan: Plan, boot: str, settle: Settle) -> None:
    """Take the plan's steps below the directory `boot`, each one on disk before the next begins.

    `settle` is called with a directory of the file system after each step (see freezer.settle). Raises Changed where a
    file is no longer what was planned for, Refusal where there is no room for the first step or another run holds
    the lock too long, Failure where the system does not let us write. All leave old or new text.
    """
    step: Step = Remove("")
    taken = 0
    try:
        with lock.alone(boot):
            for taken, step in enumerate(plan.steps):
                log.debug("step", step)
                try:
                    _take(step, boot, settle)
                except Changed as changed:
                    raise Changed(str(changed), taken) from None
    except OSError as error:
        if error.errno == errno.ENOSPC and isinstance(step, Replace) and not taken:
            raise Refusal(_no_room(step, boot)) from error
        cure = "no file is left half written, repair /boot and run kdump-karg again"
        raise Failure(f"/boot/{step.path}: {error.strerror}; {cure}") from error


def _no_room(step: Replace, boot: str) -> str:
    """The sentence for a full /boot. The decision found enough space, so it was taken since."""
    needed = len(_encode(step.new)) + SPARE_BYTES
    return (
        f"/boot is full: {free_space.free_bytes(boot)} bytes and {free_space.free_inodes(boot)} inodes are free, "
        f"{needed} bytes and 1 inode are needed; remove what is not needed there and run kdump-karg again"
    )


def _take(step: Step, boot: str, settle: Settle) -> None:
    """Take one step and bring it to disk."""
    where = tree.resolve(boot, step.path, last=False)
    match step:
        case Replace():
            replace(where, step, settle)
            return
        case Rename():
            try:
                os.rename(where, tree.resolve(boot, step.to, last=False))
            except FileNotFoundError:
                raise Changed(f"/boot/{step.path} was removed since this run read it; run kdump-karg again") from None
        case Remove():
            remove(where)
    _settle_names(where, settle)


def _settle_names(where: str, settle: Settle) -> None:
    """Bring the change of the name `where` to disk, where GRUB finds it."""
    directory = os.path.dirname(where)
    sync_directory(directory)
    settle(directory)


def replace(where: str, step: Replace, settle: Settle) -> None:
    """Replace a file by one with the new text and the same mode, owner and extended attributes, in one rename.

    A boot loader does not replay the journal: it sees blocks as they are written, in any order. So the new inode is on disk
    before a name leads to it, and the old one is kept open, not freed, until no name on disk leads to it any more.
    """
    temporary = os.path.join(os.path.dirname(where), TEMPORARY)
    try:
        status = os.lstat(where)
    except FileNotFoundError:  # a deploy has named it anew, or removed it
        raise Changed(f"/boot/{step.path} was removed since this run read it; run kdump-karg again") from None
    if not stat.S_ISREG(status.st_mode):
        raise Refusal(f"/boot/{step.path} is not a regular file; put the entry itself there")
    with _open(where) as old:
        _check_unchanged(old, step, status)
        remove(temporary)
        try:
            _write_like(temporary, _encode(step.new), where, status)
            _settle_names(temporary, settle)
            with _open(where) as still:  # to settle took a while
                _check_unchanged(still, step, status)
            os.rename(temporary, where)
        except BaseException:
            remove(temporary)
            raise
        _settle_names(where, settle)


def _open(path: str) -> FileIO:
    """Open to be read, without waiting for whatever took the file's place meanwhile; _check_unchanged() refuses that."""
    return open(os.open(path, tree.READ), "rb", buffering=0)


def _check_unchanged(file: FileIO, step: Replace, status: os.stat_result) -> None:
    """Changed where the open file is not the one of `status` (a change of its attributes counts) or has another text."""
    now = os.fstat(file.fileno())
    old = _encode(step.old)
    # One byte more than there should be: what has grown is seen, and not read whole.
    if (now.st_ino, now.st_ctime_ns) != (status.st_ino, status.st_ctime_ns) or file.read(len(old) + 1) != old:
        raise Changed(f"/boot/{step.path} changed since this run read it; run kdump-karg again")


def _write_like(path: str, content: bytes, model: str, status: os.stat_result) -> None:
    """A new file with this content and the attributes of `model`, on disk. What is right already is not set again.

    A file system without owners and modes refuses to set even those it shows.
    """
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(file, view) :]
        fresh = os.fstat(file)
        if (fresh.st_uid, fresh.st_gid) != (status.st_uid, status.st_gid):
            os.fchown(file, status.st_uid, status.st_gid)
        if stat.S_IMODE(fresh.st_mode) != stat.S_IMODE(status.st_mode):
            os.fchmod(file, stat.S_IMODE(status.st_mode))
        _copy_attributes(file, model)
        os.fsync(file)
    finally:
        os.close(file)


def _copy_attributes(file: int, model: str) -> None:
    """The extended attributes of `model`. A file system that has none can still show a label that its mount gave it."""
    try:
        for name in os.listxattr(model, follow_symlinks=False):
            os.setxattr(file, name, os.getxattr(model, name, follow_symlinks=False))
    except OSError as error:
        if error.errno != errno.ENOTSUP:
            raise


def remove(path: str) -> None:
    """Remove a file, a link, or a directory with what it holds; a name that is not there is fine. Links are not followed."""
    try:
        if not stat.S_ISDIR(os.lstat(path).st_mode):
            os.unlink(path)
            return
    except FileNotFoundError:
        return
    for name in os.listdir(path):
        remove(os.path.join(path, name))
    os.rmdir(path)


def settled(directory: str) -> None:
    """What makes a step safe from a power cut in a captured tree: nothing, since no boot loader reads it."""


def sync_directory(path: str) -> None:
    """Bring a directory's names to disk."""
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _encode(text: str) -> bytes:
    """The bytes that bootstate decoded."""
    return text.encode("utf-8", "surrogateescape")
