# SPDX-License-Identifier: Apache-2.0
"""Files below a root directory that need not be `/`.

A captured tree can hold symbolic links that mean something only inside it (`etc/foo -> /usr/lib/foo`), so links are
followed as if the root were `/`. Nothing here decides anything and nothing outside the root is looked at.
"""

from __future__ import annotations

import errno
import os
import stat

from orchestrator.errors import Refusal

# No such name; or one that this user may not see, which for `status` and `plan` comes to the same.
ABSENT = (errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.ENAMETOOLONG)
MAX_LINKS = 40  # what the kernel follows in one look-up: path_resolution(7)
# What is opened to be read: a FIFO without a writer is not waited for, and a terminal does not become ours.
READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
# Bounds in bytes on what is read: a file that people write, and one that the kernel writes (/proc/iomem, /proc/cpuinfo).
LARGEST, LARGEST_OF_KERNEL = 1 << 20, 64 << 20
PIECE = 16 << 10  # read at once where a file does not tell its size: those of /proc and /sys do not
NULL = os.makedev(1, 3)  # /dev/null (linux Documentation/admin-guide/devices.txt)
KINDS = {stat.S_IFIFO: "FIFO", stat.S_IFDIR: "directory", stat.S_IFCHR: "character device", stat.S_IFBLK: "block device"}


def resolve(root: str, path: str, *, last: bool = True) -> str:
    """The real location of `path` (relative to `root`), with every link followed inside `root`.

    With `last=False` a link in the last place is not followed. Raises Refusal on endless links.
    """
    todo = _steps(path)
    found = root
    links = 0
    missing = False  # is `found` a name that is not there? Then nothing below it is, and need not be looked up
    while todo:
        part = todo.pop()
        if part == "..":
            found, missing = found[: max(found.rfind("/"), len(root))], False
            continue
        here = f"{found}/{part}"
        mode = None
        if not missing and (todo or last):
            mode = _mode(here)
            missing = mode is None
        if mode is None or not stat.S_ISLNK(mode):
            found = here
            continue
        links += 1
        if links > MAX_LINKS:
            raise Refusal(f"/{path}: too many levels of symbolic links; remove the loop")
        target = os.readlink(here)
        if target.startswith("/"):
            found = root
        todo += _steps(target)
    return found


def _mode(place: str) -> int | None:
    """What kind of file stands there, as lstat(2) has it; None where there is none that can be looked at."""
    try:
        return os.lstat(place).st_mode
    except OSError:
        return None


def _steps(path: str) -> list[str]:
    """The names that a path leads through, the first one last."""
    return [part for part in path.split("/") if part and part != "."][::-1]


def read_bytes(root: str, path: str, limit: int = LARGEST, *, above: str = "/") -> bytes | None:
    """The content of a regular file of at most `limit` bytes, or None where it is missing.

    Anything else is a Refusal that names the file; `above` is what stands before `path` there. /dev/null reads as empty: a link
    to it is how systemd's files of all kinds are masked.
    """
    try:
        file = os.open(resolve(root, path), READ)
        try:
            return _content(file, limit, above + path)
        finally:
            os.close(file)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if error.errno == errno.ENXIO:  # open(2)
            raise _not_regular(above + path, "socket or a device without a driver") from None
        raise Refusal(f"{above}{path} cannot be read ({error.strerror}); check the file and its permissions") from error


def _content(file: int, limit: int, name: str) -> bytes:
    """All of an open file. What was read counts against the limit, since not every file tells its size."""
    status = os.fstat(file)
    if not stat.S_ISREG(status.st_mode):
        if stat.S_ISCHR(status.st_mode) and status.st_rdev == NULL:
            return b""
        raise _not_regular(name, KINDS.get(stat.S_IFMT(status.st_mode), "special file"))
    pieces: list[bytes] = []
    taken = status.st_size if status.st_size > limit else 0
    while taken <= limit and (piece := os.read(file, max(status.st_size + 1 - taken, PIECE))):
        pieces.append(piece)
        taken += len(piece)
    if taken > limit:
        raise Refusal(f"{name} is larger than {_size(limit)} ({limit} bytes), the most that is read of it; shorten it")
    return b"".join(pieces)


def _not_regular(name: str, kind: str) -> Refusal:
    """The sentence for what is no file to read."""
    return Refusal(f"{name} is a {kind}, not a regular file; put a regular file there")


def _size(limit: int) -> str:
    """A bound as people write it."""
    return f"{limit >> 20} MiB" if limit >= 1 << 20 else f"{limit >> 10} KiB"


def read_text(root: str, path: str, limit: int = LARGEST) -> str | None:
    """As `read_bytes`, decoded; text that is not UTF-8 is a Refusal that names the file and the offset."""
    content = read_bytes(root, path, limit)
    if content is None:
        return None
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise Refusal(f"/{path} is not UTF-8 (byte {error.start} is 0x{content[error.start]:02x}); save it as UTF-8") from None


def names(root: str, path: str) -> list[str]:
    """The sorted names in a directory; none where there is no such directory."""
    try:
        return sorted(os.listdir(resolve(root, path)))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise Refusal(f"/{path} cannot be listed ({error.strerror}); check the directory and its permissions") from error


def exists(root: str, path: str) -> bool:
    """Is there anything under this name? A dangling link counts. An I/O error is no answer but a Refusal."""
    try:
        os.lstat(resolve(root, path, last=False))
    except OSError as error:
        if error.errno in ABSENT:
            return False
        raise Refusal(f"/{path} cannot be looked up ({error.strerror}); check the file system") from error
    return True


def is_directory(root: str, path: str) -> bool:
    """Is this a directory, links followed inside the root?"""
    try:
        return stat.S_ISDIR(os.stat(resolve(root, path)).st_mode)
    except OSError:
        return False


def link_target(root: str, path: str) -> str | None:
    """What a symbolic link says, or None where there is no link of that name. An I/O error is a Refusal."""
    try:
        return os.readlink(resolve(root, path, last=False))
    except OSError as error:
        if error.errno in (*ABSENT, errno.EINVAL):
            return None
        raise Refusal(f"/{path} cannot be looked up ({error.strerror}); check the file system") from error
