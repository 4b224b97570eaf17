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


class Fate(Enum):
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


def fate(view: View, texts: Texts) -> Fate:
    """What the next boot does."""
    entries = [text for path, text in view.texts if path.endswith(".conf")]
    if len(entries) != 1 or entries[0] not in (texts.old, *texts.new):
        return Fate.UNBOOTABLE
    if any("ERROR" in end for _, end in view.loaded):
        return Fate.UNBOOTABLE
    ignition = STAMP in view.top and FIRST_BOOT in entries[0].split()
    if entries[0] == texts.old:
        return Fate.OLD if ignition else Fate.LOST
    return Fate.REPEATED if ignition else Fate.NEW


def fates(found: Iterable[tuple[View, Cut]], texts: Texts, done: int | None = None) -> Counter[Fate]:
    """How many cuts have which fate. With all writes before the number `done` on the disk the writer had finished: the old
    arguments are no good end any more."""
    counted: Counter[Fate] = Counter()
    for view, cut in found:
        found_fate = fate(view, texts)
        finished = done is not None and cut.has_all_before(done)
        counted[Fate.LOST if finished and found_fate is Fate.OLD else found_fate] += 1
    return counted
