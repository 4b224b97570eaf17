# SPDX-License-Identifier: Apache-2.0
"""One writer at a time: of our own runs, and of ostree, which locks the sysroot while it writes deployments.

Every wait is bounded and ends in a Refusal: a boot must not hang on a lock, least of all in the initramfs. There only our own
lock is taken. No ostree deploys there (ostree-prepare-root takes no lock, and no lock outlives the kernel it was taken
under), and the sysroot can still be read-only.
"""

from __future__ import annotations

import errno
import fcntl
import os
import sys
import time
from collections.abc import Callable, Iterator

from orchestrator.errors import Failure, Refusal
from orchestrator.system import tree
from orchestrator.system.context import contextmanager

WAIT_SECONDS = 30.0
POLL_SECONDS = 0.02
SYSROOT = "ostree"  # in a real root a link to sysroot/ostree
OSTREE_LOCK = "lock"
# struct flock of 64-bit Linux (asm-generic/fcntl.h): F_WRLCK, from SEEK_SET 0, as long as the file, l_pid 0.
WHOLE_FILE = (1).to_bytes(2, sys.byteorder) + bytes(30)


@contextmanager
def alone(directory: str) -> Iterator[None]:
    """Be the only one of our runs that works on this directory. Leaves nothing there; goes with the process.

    Raises Refusal where another run keeps it for longer than WAIT_SECONDS.
    """
    opened = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)  # its OSErrors are for the caller to tell
    try:
        _wait(lambda: _flock(opened), f"another run of kdump-karg works on {directory}; run kdump-karg again when it is done")
        yield
    finally:
        os.close(opened)


@contextmanager
def against_ostree(root: str) -> Iterator[None]:
    """Keep ostree from deploying below this root, by its own lock; nothing to keep from where there is no repository.

    libglnx's glnx_make_lock_file(): ostree/lock is created, locked whole for writing by an open-file-description lock, and
    removed when it is released, so the file that was locked may have no name any more. Raises Refusal where ostree keeps the
    lock for longer than WAIT_SECONDS.
    """
    if not tree.is_directory(root, f"{SYSROOT}/repo"):
        yield
        return
    path = os.path.join(tree.resolve(root, SYSROOT), OSTREE_LOCK)
    found: list[int] = []
    _wait(lambda: _lock_file(path, found), f"ostree holds /{SYSROOT}/{OSTREE_LOCK}; run kdump-karg again when ostree is done")
    try:
        yield
    finally:
        os.unlink(path)
        os.close(found[0])


def _wait(attempt: Callable[[], bool], refusal: str) -> None:
    """Try until it succeeds; Refusal with this text after WAIT_SECONDS."""
    end = time.monotonic() + WAIT_SECONDS
    while not attempt():
        if time.monotonic() > end:
            raise Refusal(refusal)
        time.sleep(POLL_SECONDS)


def _flock(opened: int) -> bool:
    """Did this open directory get the lock?"""
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _lock_file(path: str, found: list[int]) -> bool:
    """Was ostree's lock taken? Its open file goes to `found`."""
    try:
        opened = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Failure(f"{path}: {error.strerror}, so ostree cannot be kept from deploying; check the file system") from error
    try:
        fcntl.fcntl(opened, fcntl.F_OFD_SETLK, WHOLE_FILE)
        if os.fstat(opened).st_nlink:
            found.append(opened)
            return True
    except OSError as error:
        if error.errno not in (errno.EAGAIN, errno.EACCES):
            os.close(opened)
            raise Failure(f"{path}: {error.strerror}; check that the file system can be locked") from error
    os.close(opened)
    return False
