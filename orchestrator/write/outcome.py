# SPDX-License-Identifier: Apache-2.0
"""What a run of `apply` leaves for the reboot unit, the report after the reboot and the operator."""

from __future__ import annotations

import os
from dataclasses import dataclass

from orchestrator import log
from orchestrator.decide.decision import Decision, Kind
from orchestrator.facts import bootstate
from orchestrator.system import labels, process, tree
from orchestrator.system import var as state

RUN_DIR = "run/kdump-karg"
REBOOT_REQUIRED = f"{RUN_DIR}/reboot-required"  # kdump-karg-reboot.service waits for it
OUTCOME = f"{RUN_DIR}/outcome"  # what this boot's run came to: the decision on one line, the reason on the next
REPORT_NOW = f"{RUN_DIR}/report-pending"  # a report is due in this boot's real root
STATE_DIR = "var/lib/kdump-karg"
REPORT_LATER = f"{STATE_DIR}/report-pending"  # a report is due after the reboot
JOURNAL_DIR = "var/log/kdump-karg/first-boot"
RUNTIME_JOURNAL = "run/log/journal"
LARGEST_JOURNAL = 1 << 30  # bytes; journald begins a new file at 128 MiB at the latest, by default (journald.conf(5))


@dataclass(frozen=True)
class Outcome:
    """`kind` is a decision, or FAILED where the run broke off."""

    kind: str
    reason: str


def read(root: str) -> Outcome | None:
    """What this boot's run came to; None where there was none."""
    kind, _, reason = (tree.read_text(root, OUTCOME) or "").partition("\n")
    return Outcome(kind, reason.rstrip("\n")) if kind else None


def request_reboot(root: str) -> None:
    """Ask the reboot unit for the one reboot. In a captured tree the request is the only trace outside boot/."""
    _write(root, REBOOT_REQUIRED, "")


def begin(var: str) -> None:
    """Note that a write of /boot is under way. A later boot finds the note if this write did not end.

    `var` is the directory of the provisioned /var. Where the note cannot be left, only such a boot misses it: that is no reason
    to stop.
    """
    try:
        _write_file(state.inside(var, bootstate.BEGUN), "")
    except OSError as error:
        loss = "if this write is interrupted, the next boot may not finish it"
        log.say(log.WARNING, f"/{bootstate.BEGUN}: {error.strerror}; {loss}")


def record(root: str, var: str, decision: Decision, *, reboot: bool = False) -> None:
    """Note a decision that was carried out; for a change, and before a `reboot`, the report is due afterwards, by a note in `var`."""
    keep(root, Outcome(decision.kind.value, decision.reason))
    if decision.kind is Kind.CHANGE or reboot:
        _write_file(state.inside(var, REPORT_LATER), "")
    else:
        _write(root, REPORT_NOW, "")


def note(root: str, outcome: Outcome) -> None:
    """Note an outcome for `status`, and that a report is due in this boot."""
    keep(root, outcome)
    _write(root, REPORT_NOW, "")


def keep(root: str, outcome: Outcome) -> None:
    """Note an outcome for `status`."""
    _write(root, OUTCOME, f"{outcome.kind}\n{' '.join(outcome.reason.split())}\n")


def keep_note(place: str, text: str) -> None:
    """Leave a note for later boots at `place`, a path in /var; no note is left for an empty text. Raises OSError."""
    if text:
        _write_file(place, text)
        return
    try:
        os.unlink(place)
    except FileNotFoundError:
        return


def save_journal(root: str, var: str) -> None:
    """Copy the initramfs journal into the provisioned /var, before a reboot loses it.

    The files keep the machine ID of the initramfs, so they get a directory of their own for `journalctl --directory`.
    """
    process.run("journalctl", "--sync")
    target = state.inside(var, JOURNAL_DIR)
    for machine_id in tree.names(root, RUNTIME_JOURNAL):
        for name in tree.names(root, f"{RUNTIME_JOURNAL}/{machine_id}"):
            content = tree.read_bytes(root, f"{RUNTIME_JOURNAL}/{machine_id}/{name}", LARGEST_JOURNAL)
            if content is not None:
                labels.make_directories(target)
                _write_bytes(os.path.join(target, name), content, 0o640)


def _write(root: str, path: str, text: str) -> None:
    """A small file below the root and the directories above it."""
    _write_file(tree.resolve(root, path, last=False), text)


def _write_file(place: str, text: str) -> None:
    """A small file and the directories above it."""
    labels.make_directories(os.path.dirname(place))
    _write_bytes(place, text.encode("utf-8", "backslashreplace"), 0o644)  # a reason can name a file in Latin-1


def _write_bytes(path: str, content: bytes, mode: int) -> None:
    """A file of this content, on disk when this returns."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, mode)
    with open(file, "wb") as stream:
        labels.pass_on(path, file)
        stream.write(content)
        stream.flush()
        os.fsync(file)
