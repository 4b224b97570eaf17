# SPDX-License-Identifier: Apache-2.0
"""What becomes of a machine that is switched on again, by what GRUB sees in its /boot. Touches nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from power_cut.grubview import STAMP, View
from power_cut.writelog import Cut

FIRST_BOOT = "$ignition_firstboot"


class BootOutcome(Enum):
    """Of these, only the first two are good."""

    OLD = "old arguments, Ignition runs as on a first boot"
    NEW = "new arguments, Ignition does not run"
    UNBOOTABLE = "no entry that GRUB can boot, or another text than the old or a new one"
    LOST = "old arguments, and no Ignition that could do it again, or the edit was said to be done"
    REPEATED = "new arguments, and Ignition runs again"


@dataclass(frozen=True)
class Texts:
    """The texts an entry may have: before the edit, and from its first write on."""

    old: str
    new: tuple[str, ...]


def boot_outcome(view: View, texts: Texts) -> BootOutcome:
    """What the next boot does."""
    entries = [text for path, text in view.texts if path.endswith(".conf")]
    if len(entries) != 1 or entries[0] not in (texts.old, *texts.new):
        return BootOutcome.UNBOOTABLE
    if any("ERROR" in end for _, end in view.loaded):
        return BootOutcome.UNBOOTABLE
    ignition = STAMP in view.top and FIRST_BOOT in entries[0].split()
    if entries[0] == texts.old:
        return BootOutcome.OLD if ignition else BootOutcome.LOST
    return BootOutcome.REPEATED if ignition else BootOutcome.NEW


def boot_outcomes(found: Iterable[tuple[View, Cut]], texts: Texts, done: int | None = None) -> Counter[BootOutcome]:
    """How many cuts have which outcome. With all writes before the number `done` on the disk the writer had finished: the old
    arguments are no good end any more."""
    counted: Counter[BootOutcome] = Counter()
    for view, cut in found:
        outcome = boot_outcome(view, texts)
        finished = done is not None and cut.has_all_before(done)
        counted[BootOutcome.LOST if finished and outcome is BootOutcome.OLD else outcome] += 1
    return counted
