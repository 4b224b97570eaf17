# SPDX-License-Identifier: Apache-2.0
"""Take back exactly what kdump-karg wrote, and nothing else: the decision and the options text. Touches nothing.

What was written is known by the record of it, which must be of the booted deployment and true of its entry: the value that was
written goes, and what it had replaced comes back. Whatever others have changed since stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from orchestrator.decide import decision, upcoming
from orchestrator.decide.decision import Decision, Kind
from orchestrator.decide.plan import Plan, Replace
from orchestrator.facts.bootstate import BootState
from orchestrator.facts.deployments import Deployment
from orchestrator.facts.machine import Surroundings
from orchestrator.facts.record import WRITTEN, Record
from orchestrator.rules import bls, cmdline, grub
from orchestrator.rules.cmdline import KEY


@dataclass(frozen=True)
class Facts:
    """`booted`: the directory of the booted deployment. `written`: the record, None for none; `undone`: that of the last undo.

    `rpm_ostree`: rpm-ostree changes kernel arguments here. `deployments`: as upcoming.notice() takes them.
    """

    here: Surroundings
    boot: BootState
    booted: str
    written: Record | None
    undone: Record | None
    rpm_ostree: bool = False
    deployments: tuple[Deployment, ...] = ()


def out_of_place(here: Surroundings) -> str:
    """Why nothing may be taken back in this boot, in one sentence; "" where it may. Needs no look at /boot."""
    off = decision.switched_off(here)
    if off is not None:
        return f"{off.reason}, so nothing is taken back; run kdump-karg undo in an ordinary boot"
    if here.initramfs:
        return "this is an initramfs, in which nothing is taken back; run kdump-karg undo in the real root"
    return ""


def plan(found: Facts) -> Plan:
    """CHANGE with the one step, SKIP where nothing of ours is left, or REFUSE with the reason."""
    written, boot = found.written, found.boot
    problem = obstacle(found)
    if problem:
        return Plan(Decision(Kind.REFUSE, problem))
    if written is None or not is_in(boot.options.text, written):
        return Plan(Decision(Kind.SKIP, _nothing_left(found)))
    final = grub.off_bad_lengths(taken_back(boot.options.text, written), bls.first_value(boot.text, "linux"))
    step = Replace(boot.path, boot.text, bls.with_options(boot.text, boot.options, final))
    left = _in_force(final)
    what = f"crashkernel={written.crashkernel}, which kdump-karg wrote on {written.time}, is taken out of /boot/{boot.path}"
    then = f", and crashkernel={left}, which is not kdump-karg's, stays there" if left else ""
    due = upcoming.notice(found.deployments, left, by_hand(found, written.crashkernel))
    return Plan(
        Decision(Kind.CHANGE, what + then),
        (step,),
        _in_force(found.here.cmdline) != left,
        Kind.SKIP,
        written,
        undoes=True,
        notices=(due,) if due else (),
    )


def obstacle(found: Facts) -> str:
    """Why nothing may be taken back, in one sentence; "" where it may."""
    boot, written, entry = found.boot, found.written, f"/boot/{found.boot.path}"
    if boot.unfinished or (boot.stamp and decision.is_first_boot(found.here)):
        return f"the first boot is not finished, by what is in {entry} and beside it; run kdump-karg undo when it is"
    if written is None:
        if found.undone is not None and found.undone.deployment == found.booted:
            return ""
        cure = by_hand(found, _in_force(boot.options.text))
        return f"there is no record of a write, /{WRITTEN}, so what is kdump-karg's in {entry} is not known; {cure}"
    if written.deployment != found.booted:
        other = f"/{WRITTEN} is of the deployment {written.deployment} and {found.booted or 'an unknown one'} is booted"
        return f"{other}, which got its arguments from ostree; {by_hand(found, written.crashkernel)}"
    if boot.options.text.count('"') % 2:
        return f"{entry} has a quote in its options that is not closed, so what belongs to what is not clear; close it"
    ours = KEY + written.crashkernel
    if _texts(boot.options.text).count(ours) > max(_texts(written.after).count(ours), _texts(written.before).count(ours)):
        return f"{entry} has {ours} more often than kdump-karg wrote it; remove the one that is not wanted by hand"
    return ""


def by_hand(found: Facts, value: str | None) -> str:
    """The command or the edit that takes this value out of the booted deployment's entry."""
    if value is None:
        return "there is no crashkernel= to take out of it"
    if found.rpm_ostree:
        return f"to take it out by hand, run rpm-ostree kargs --delete-if-present=crashkernel={value}"
    return f"to take it out by hand, remove crashkernel={value} from the options of /boot/{found.boot.path}"


def is_in(options: str, written: Record) -> bool:
    """Is what was written there, and not taken back already?"""
    now = _texts(options)
    return KEY + written.crashkernel in now and now != _texts(written.before)


def _nothing_left(found: Facts) -> str:
    """The reason of a SKIP. Names the value of another writer, which stays."""
    left = _in_force(found.boot.options.text)
    stays = f" (crashkernel={left} there is not kdump-karg's)" if left else ""
    if found.undone is not None and found.undone.deployment == found.booted:
        what = f"crashkernel={found.undone.crashkernel} out of /boot/{found.boot.path} on {found.undone.time}"
        return f"kdump-karg undo took {what}, nothing is left of it{stays}"
    return f"/boot/{found.boot.path} has nothing that kdump-karg wrote{stays}"


def taken_back(options: str, written: Record) -> str:
    """The options text without what was written: byte for byte the one before, where nobody else has changed it since."""
    if options == written.after:
        return written.before
    options = _without_blanks(options, _blanks(written))
    ours = next((word for word in cmdline.words(options) if word.text == KEY + written.crashkernel), None)
    if ours is None:
        return options
    replaced = _replaced(written)
    if replaced:
        return options[: ours.start] + " ".join(replaced) + options[ours.end :]
    start = ours.start - 1 if ours.start else 0
    end = ours.end if ours.start else min(ours.end + 1, len(options))
    return options[:start] + options[end:]


def standing(options: str, records: tuple[Record, ...]) -> Record | None:
    """The record that is true of the options: the newest, but for a write that was cut short. None where there is no record."""
    return next((each for each in records if is_in(options, each)), records[0] if records else None)


def carried_on(records: tuple[Record, ...], now: Record) -> tuple[Record, ...]:
    """The records with one of a write that is about to be made: what was there before the first of ours counts in it.

    That of an earlier write on the same entry stays behind it, for the case that the new one is cut short.
    """
    earlier = standing(now.before, records)
    if earlier is None or earlier.deployment != now.deployment or not is_in(now.before, earlier):
        return (now,)
    return replace(now, before=taken_back(now.before, earlier)), earlier


def _replaced(written: Record) -> list[str]:
    """The words that had to give way to the value, in order."""
    stay = _texts(written.after)
    gone = []
    for text in _texts(written.before):
        if text in stay:
            stay.remove(text)
        else:
            gone.append(text)
    return gone


def _blanks(written: Record) -> int:
    """How many blanks grub.off_bad_lengths() has added to what was written."""
    return max(0, len(written.after) - len(bls.set_crashkernel(written.before, written.crashkernel)))


def _without_blanks(options: str, count: int) -> str:
    """The text without that many blanks where grub.off_bad_lengths() puts them, as far as they are still there.

    Two words stay apart.
    """
    spot = next((word.start for word in cmdline.words(options) if "$" in word.text), 0) or len(options)
    run = spot - len(options[:spot].rstrip(" "))
    least = 0 if spot == len(options) else 1
    return options[: spot - max(0, min(count, run - least))] + options[spot:]


def _texts(options: str) -> list[str]:
    """The words of a line that are crashkernel= arguments."""
    return [word.text for word in cmdline.words(options) if word.text.startswith(KEY)]


def _in_force(line: str) -> str | None:
    """The value that decides; None where there is none."""
    return cmdline.in_force(cmdline.crashkernel_values(line))
