# SPDX-License-Identifier: Apache-2.0
"""The dumps in a directory of this machine, opened: their headers, and the end of the log that was saved beside them.

Names: kdump-tools TIME/dump.TIME and dmesg.TIME; kdump-utils HOST-TIME/vmcore (vmcore.flat) and vmcore-dmesg.txt, below
kdump-test-ID/ for its own test; SUSE's kdump TIME/vmcore and dmesg. While one is being written it is dump-incomplete or
vmcore-incomplete. Read, not judged.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass

from orchestrator.errors import Failure, Refusal
from orchestrator.rules import vmcore
from orchestrator.rules.vmcore import Format, Header
from orchestrator.system import process, tree
from orchestrator.system.target import provisioned_root

NAMES = ("vmcore.", "dump.", "vmcore-incomplete", "dump-incomplete")  # of a name with a dot at its end
LOGS = ("vmcore-dmesg", "dmesg")
KDUMPCTL_TESTS = "kdump-test-"
LOG_END = 1 << 20  # bytes; the last minutes of a log, which is all that is asked for
PROGRAM = "makedumpfile"


@dataclass(frozen=True)
class Saved:
    """A dump by its path as seen from the provisioned system, and when it was last written to, in nanoseconds."""

    path: str
    written: int

    @property
    def stamp(self) -> str:
        """What tells it from another one of the same name."""
        return f"{self.written} {self.path}"


@dataclass(frozen=True)
class Opened:
    """`header`: None where it could not be read, which `unreadable` explains. `log`: its end; None where it was not looked at."""

    path: str
    header: Header | None
    unreadable: str = ""
    log: str | None = None

    @property
    def unfinished(self) -> bool:
        """Does its name say that the capture kernel did not come to the end?"""
        return "incomplete" in self.path.rpartition("/")[2]


def found(root: str, directory: str) -> tuple[Saved, ...]:
    """Every dump in the directory, the newest first; none where there is no directory. Raises Refusal."""
    provisioned = provisioned_root(root)
    below = [f"{directory}/{name}" for name in tree.names(provisioned, directory)]
    tests = [path for path in below if path.rpartition("/")[2].startswith(KDUMPCTL_TESTS)]
    below += [f"{path}/{name}" for path in tests for name in tree.names(provisioned, path)]
    paths = [f"{path}/{name}" for path in below for name in tree.names(provisioned, path) if _is_dump(name)]
    dumps = [Saved(path, _written(provisioned, path)) for path in paths]
    return tuple(sorted(dumps, key=lambda dump: dump.written, reverse=True))


def _is_dump(name: str) -> bool:
    """Is this the name of a dump, finished or not?"""
    return f"{name}.".startswith(NAMES)


def _written(provisioned: str, path: str) -> int:
    """When the file was last written to; 0 where that cannot be told."""
    try:
        return os.stat(tree.resolve(provisioned, path)).st_mtime_ns
    except OSError:
        return 0


def opened(root: str, dump: Saved, *, live: bool) -> Opened:
    """Its headers and its log. `live`: makedumpfile may be asked for a log that nobody has saved.

    Raises Refusal where the directory cannot be listed, and nothing for what is in a dump.
    """
    provisioned = provisioned_root(root)
    try:
        place = tree.resolve(provisioned, dump.path)
        file = os.open(place, tree.READ)
    except (OSError, Refusal) as error:
        return Opened(dump.path, None, f"cannot be read ({error})")
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            return Opened(dump.path, None, "is no regular file")
        header = vmcore.parse(lambda offset, length: os.pread(file, length, offset), status.st_size)
    except (OSError, OverflowError, vmcore.NotADump) as error:
        return Opened(dump.path, None, str(error))
    finally:
        os.close(file)
    log = _log_beside(provisioned, dump.path)
    if log is None and live and header.format is Format.COMPRESSED:
        log = _log_within(place)
    return Opened(dump.path, header, log=log)


def _log_beside(provisioned: str, path: str) -> str | None:
    """The end of the log in the dump's directory; None where there is none."""
    directory = path.rpartition("/")[0]
    for name in tree.names(provisioned, directory):
        if name.startswith(LOGS) and "incomplete" not in name:
            return _end(tree.resolve(provisioned, f"{directory}/{name}"))
    return None


def _end(place: str) -> str | None:
    """The end of a text file; None where it cannot be read."""
    try:
        with open(place, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - LOG_END))
            return file.read(LOG_END).decode("utf-8", "replace")
    except OSError:
        return None


def _log_within(place: str) -> str | None:
    """The log by makedumpfile(8), which with -F writes it to its output; None where the program is missing or fails."""
    try:
        return process.run(PROGRAM, "-F", "--message-level", "4", "--dump-dmesg", place)[-LOG_END:]
    except Failure:
        return None
