# SPDX-License-Identifier: Apache-2.0
"""The record of what was written, which `undo` goes by, and the note of what was taken back. Read, not judged.

Both are files of one format in the state directory, outside /boot: a head line, a line `key=value` for each field, and an end
line with the number of bytes before it, so that a file that was cut short or changed is told from a whole one.
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.errors import Refusal
from orchestrator.system import tree
from orchestrator.system.target import provisioned_root

WRITTEN = "var/lib/kdump-karg/written"
UNDONE = "var/lib/kdump-karg/undone"
HEAD = "kdump-karg written 1"  # the number is that of the format
END = "end"
FIELDS = ("deployment", "entry", "crashkernel", "before", "after", "time")
LINES = len(FIELDS) + 2  # of one record


@dataclass(frozen=True)
class Record:
    """One write of an entry, or all writes to the entry of one deployment together.

    `deployment`: as deployments.directory() has it. `entry`: its path below the boot directory at the time. `crashkernel`: the
    value that was written. `before` and `after`: the options text without it and with it; what others had changed is in
    both. `time`: of the last write, or of the undo, in UTC as ISO 8601 has it.
    """

    deployment: str
    entry: str
    crashkernel: str
    before: str
    after: str
    time: str = ""


def encode(record: Record) -> str:
    """The text of the file."""
    values = (record.deployment, record.entry, record.crashkernel, record.before, record.after, record.time)
    lines = [HEAD, *(f"{key}={value}" for key, value in zip(FIELDS, values, strict=True))]
    body = "".join(f"{line}\n" for line in lines)
    return f"{body}{END} {_size(body)}\n"


def decode(text: str, path: str = WRITTEN) -> tuple[Record, ...]:
    """The records in `text`, the newest first. Refusal, naming the file, for a text that `encode` did not make."""
    lines = text.split("\n")
    blocks = [lines[at : at + LINES] for at in range(0, len(lines) - 1, LINES)]
    found = tuple(_record(block) for block in blocks)
    if not found or "".join(map(encode, found)) != text:
        raise Refusal(f"/{path} is cut short or was changed, so what kdump-karg wrote is not known; remove that file")
    return found


def _record(block: list[str]) -> Record:
    """The record of these lines; another one where they are not what `encode` makes."""
    values = [line.removeprefix(f"{key}=") for key, line in zip(FIELDS, block[1:], strict=False)]
    return Record(*(values if len(values) == len(FIELDS) else [""] * len(FIELDS)))


def read(root: str, path: str = WRITTEN) -> tuple[Record, ...]:
    """What the file of the provisioned system below `root` says; nothing where there is none. Refusal as decode().

    While the entry is written once more there are two records: of what is about to be written, and of what was there so far.
    """
    content = tree.read_bytes(provisioned_root(root), path)
    return () if content is None else decode(content.decode("utf-8", "surrogateescape"), path)


def undone(root: str) -> Record | None:
    """What the last undo took back; None where there was none, or its note cannot be read, which is no reason to refuse."""
    try:
        return next(iter(read(root, UNDONE)), None)
    except Refusal:
        return None


def _size(text: str) -> int:
    """Bytes on disk."""
    return len(text.encode("utf-8", "surrogateescape"))
