# SPDX-License-Identifier: Apache-2.0
"""The two notes of a test by crash: what is being proven, until the dump was opened; and what came of the last one.

JSON, one object a file. Read, not judged; write/proof_notes.py writes them.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass

from orchestrator.errors import Refusal
from orchestrator.facts.proof_subject import Subject
from orchestrator.rules import kdumpctl_record
from orchestrator.rules.kdumpctl_record import Record
from orchestrator.system import digest, tree
from orchestrator.system.target import provisioned_root

TEST = "var/lib/kdump-karg/test"  # is there while a test is pending; kdump-karg-report.service looks for it
PROOF = "var/lib/kdump-karg/proof"
KDUMPCTL = "usr/bin/kdumpctl"
KDUMPCTL_RECORD = "var/lib/kdump/vmcore-creation.status"
BOOT_ID = "proc/sys/kernel/random/boot_id"
MACHINE_ID = "etc/machine-id"
LARGEST_NUMBER = 1 << 53  # what JSON holds exactly
OURS, THEIRS = "kdump-karg", "kdumpctl"  # who crashes the machine


@dataclass(frozen=True)
class Trial:
    """A test that was begun.

    `time`: in seconds since 1970; `machine`: a digest of the machine's ID, which is not for others to read (machine-id(5));
    `boot`: the kernel's ID of the boot that was to crash; `by`: OURS or THEIRS; `known`: stamps of the dumps that were there.
    """

    id: str
    time: int
    machine: str
    boot: str
    by: str
    subject: Subject
    known: tuple[str, ...] = ()


@dataclass(frozen=True)
class Proof:
    """What came of the last test; `why`: a sentence; `dump`: its path, `id`: the test's; "" for none."""

    proven: bool
    why: str
    time: int
    machine: str
    subject: Subject
    dump: str = ""
    id: str = ""


def pending(root: str) -> Trial | None:
    """The test that nobody has judged yet; None where there is none. Raises Refusal for a note that cannot be understood."""
    content = tree.read_bytes(provisioned_root(root), TEST)
    return None if content is None else decode_trial(content)


def last(root: str) -> Proof | None:
    """What came of the last test; None where there was none. Raises Refusal for a note that cannot be understood."""
    content = tree.read_bytes(provisioned_root(root), PROOF)
    return None if content is None else decode_proof(content)


def decode_trial(content: bytes) -> Trial:
    """The note in a file. Raises Refusal."""
    found = _document(content, TEST)
    try:
        name, machine, boot, by = (_text(found, key) for key in ("id", "machine", "boot", "by"))
        return Trial(name, _number(found, "time"), machine, boot, by, _subject(found), _texts(found, "known"))
    except (KeyError, TypeError) as error:
        raise _damaged(TEST) from error


def decode_proof(content: bytes) -> Proof:
    """The note in a file. Raises Refusal."""
    found = _document(content, PROOF)
    try:
        why, machine, dump, name = (_text(found, key) for key in ("why", "machine", "dump", "id"))
        return Proof(_is(found, "proven"), why, _number(found, "time"), machine, _subject(found), dump, name)
    except (KeyError, TypeError) as error:
        raise _damaged(PROOF) from error


def encode(note: Trial | Proof) -> str:
    """The note as its file has it."""
    return json.dumps({**vars(note), "subject": vars(note.subject)}, indent=2) + "\n"


def _document(content: bytes, path: str) -> dict[str, object]:
    """The JSON object in a file's content. Raises Refusal."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise _damaged(path) from error
    if not isinstance(found, dict):
        raise _damaged(path)
    return found


def _subject(found: dict[str, object]) -> Subject:
    """The subject in a note. Raises KeyError, TypeError."""
    inner = found["subject"]
    if not isinstance(inner, dict):
        raise TypeError("subject")
    texts = {key: _text(inner, key) for key in ("release", "kernel", "initramfs", "line", "crashkernel", "directory")}
    return Subject(reserved=_number(inner, "reserved"), **texts)


def _text(found: dict[str, object], key: str) -> str:
    """A string that must be there. Raises KeyError, TypeError."""
    value = found[key]
    if not isinstance(value, str):
        raise TypeError(key)
    return value


def _texts(found: dict[str, object], key: str) -> tuple[str, ...]:
    """A list of strings. Raises KeyError, TypeError."""
    values = found[key]
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise TypeError(key)
    return tuple(values)


def _number(found: dict[str, object], key: str) -> int:
    """A whole number, of seconds or bytes. Raises KeyError, TypeError."""
    value = found[key]
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < LARGEST_NUMBER:
        raise TypeError(key)
    return value


def _is(found: dict[str, object], key: str) -> bool:
    """True or false. Raises KeyError, TypeError."""
    value = found[key]
    if not isinstance(value, bool):
        raise TypeError(key)
    return value


def _damaged(path: str) -> Refusal:
    """The sentence for a note that is none."""
    return Refusal(f"/{path} is damaged and no note that kdump-karg test wrote")


def boot_id(root: str) -> str:
    """The kernel's ID of this boot; "" where it does not tell."""
    return (tree.read_text(root, BOOT_ID) or "").strip()


def machine_digest(root: str) -> str:
    """A digest of the machine's ID; "" where it has none."""
    found = (tree.read_text(provisioned_root(root), MACHINE_ID) or "").strip()
    return digest.of_text(f"kdump-karg {found}") if found else ""


def has_kdumpctl_test(root: str) -> bool:
    """Is there a kdumpctl that has a test of its own? (Since kdump-utils 1.0.51.)"""
    try:
        text = tree.read_bytes(provisioned_root(root), KDUMPCTL) or b""
    except Refusal:
        return False
    return os.path.basename(KDUMPCTL_RECORD).encode() in text


def of_kdumpctl(root: str) -> Record | None:
    """kdumpctl's record of its last test; None where there is none that is understood."""
    try:
        content = tree.read_bytes(provisioned_root(root), KDUMPCTL_RECORD) or b""
    except Refusal:
        return None
    return kdumpctl_record.parse(content.decode("utf-8", "replace"))
