# SPDX-License-Identifier: Apache-2.0
"""Carry out a plan on the boot file system; nothing else in this program writes there. Decides nothing."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable

from orchestrator import log, tree
from orchestrator.errors import Failure, Refusal
from orchestrator.plan import Plan, Remove, Rename, Replace, Step

# Neither GRUB (needs .conf), systemd-boot (needs .conf) nor ostree (needs ostree- and .conf) reads such a name.
TEMPORARY = ".kdump-karg.tmp"

Settle = Callable[[str], None]


def apply(plan: Plan, boot: str, settle: Settle) -> None:
    """Take the plan's steps below the directory `boot`, each one on disk before the next begins.

    `settle` is called with a directory of the file system after each step (see freezer.settle). Raises Refusal where a
    file is no longer what was planned for, Failure where the system does not let us write. Both leave old or new text.
    """
    for step in plan.steps:
        log.debug(f"step: {step}")
        try:
            _take(step, boot, settle)
        except OSError as error:
            raise Failure(f"/boot/{step.path}: {error.strerror}; nothing is half written, mend /boot and run apply again") from error


def _take(step: Step, boot: str, settle: Settle) -> None:
    """One step, settled."""
    where = tree.resolve(boot, step.path, last=False)
    match step:
        case Replace():
            replace(where, step, settle)
            return
        case Rename():
            os.rename(where, tree.resolve(boot, step.to, last=False))
        case Remove():
            remove(where)
    _settle_names(where, settle)


def _settle_names(where: str, settle: Settle) -> None:
    """Bring what happened to the name `where` to its place on disk."""
    directory = os.path.dirname(where)
    sync_directory(directory)
    settle(directory)


def replace(where: str, step: Replace, settle: Settle) -> None:
    """Replace a file by one with the new text and the same mode, owner and extended attributes, in one rename.

    A boot loader does not replay the journal: it sees blocks as they come home, in any order. So the new inode is home
    before a name leads to it, and the old one is held open, not freed, until no name on disk leads to it any more.
    """
    temporary = os.path.join(os.path.dirname(where), TEMPORARY)
    status = os.lstat(where)
    if not stat.S_ISREG(status.st_mode):
        raise Refusal(f"/boot/{step.path} is not a regular file; put the entry itself there")
    with open(where, "rb") as old:
        if old.read() != _encode(step.old):
            raise Refusal(f"/boot/{step.path} changed while this run was planned; run apply again")
        remove(temporary)
        try:
            _write_like(temporary, _encode(step.new), where, status)
            _settle_names(temporary, settle)
            os.rename(temporary, where)
        except BaseException:
            remove(temporary)
            raise
        _settle_names(where, settle)


def _write_like(path: str, content: bytes, model: str, status: os.stat_result) -> None:
    """A new file with this content and the attributes of `model`, on disk."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(file, view) :]
        os.fchown(file, status.st_uid, status.st_gid)
        os.fchmod(file, stat.S_IMODE(status.st_mode))
        for name in os.listxattr(model, follow_symlinks=False):
            os.setxattr(file, name, os.getxattr(model, name, follow_symlinks=False))
        os.fsync(file)
    finally:
        os.close(file)


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
