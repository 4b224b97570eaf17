# SPDX-License-Identifier: Apache-2.0
"""Which warnings of too small a reservation were given, so that each is given once per change and not in every boot."""

from __future__ import annotations


from orchestrator import log
from orchestrator.decide.room import Room
from orchestrator.report.chain import Chain
from orchestrator.system import tree
from orchestrator.system import var as state
from orchestrator.system.target import provisioned_root
from orchestrator.write import outcome

WARNED = f"{outcome.STATE_DIR}/warned"  # a line for every warning: deployment, kernel, MiB reserved, MiB needed
STEP = 16 << 20  # bytes: a need that moves within one step, as it does with every build of an initramfs, is no change


def key(found: Room) -> str:
    """What the warning is about; another key is a change."""
    needed = -(-(found.needed or 0) // STEP) * STEP
    return f"{found.whose.value} {found.release or '-'} {(found.reserved or 0) >> 20} {needed >> 20}"


def unsaid(root: str, found: Chain) -> tuple[str, ...]:
    """The warnings that no report has given yet, a sentence each."""
    said = _said(root).splitlines()
    return tuple(each.warning for each in _short(found) if key(each) not in said)


def note(root: str, found: Chain) -> None:
    """Note what is too small now. What is no longer so is forgotten, and would be said again."""
    lines = "".join(f"{key(each)}\n" for each in _short(found))
    if lines == _said(root):
        return
    try:
        outcome.keep_note(state.inside(state.place(root), WARNED), lines)
    except OSError as error:
        log.say(log.WARNING, f"/{WARNED}: {error.strerror}; the next boot will give the same warning again")


def _said(root: str) -> str:
    """The note that was left; "" for none."""
    return (tree.read_bytes(provisioned_root(root), WARNED) or b"").decode("utf-8", "replace")


def _short(found: Chain) -> tuple[Room, ...]:
    """The deployments that reserve less than they need, where kdump is wanted."""
    return tuple(each for each in found.rooms if each.short) if found.wanted else ()
