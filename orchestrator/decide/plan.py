# SPDX-License-Identifier: Apache-2.0
"""The steps that carry out a decision, as data. Power may be lost after any of them, in this order.

The end of a first boot changes two names, the stamp and the entry, and no file system changes two names at once. So: one write
of the entry adds the karg and takes `$ignition_firstboot` out (from here on Ignition does not run again); a config with
secrets goes; the stamp is renamed, which GRUB sees as gone; a second write puts the variable back; the renamed stamp goes.
Whatever is cut short is finished from where it stopped: the steps are worked out from what is there. (docs/developer.md, How
the write survives a power cut.)
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from orchestrator.decide.decision import Decision, Kind
from orchestrator.errors import Refusal
from orchestrator.facts import record as records
from orchestrator.facts.bootstate import CONFIG_DIR, ENTRIES, LARGEST_ENTRY, MARKER, STAMP, TEMPORARY, BootState
from orchestrator.rules import bls, grub


@dataclass(frozen=True)
class Replace:
    """Replace a file's text, only if it still is `old`. Paths of all steps are relative to the boot directory."""

    path: str
    old: str
    new: str


@dataclass(frozen=True)
class Rename:
    """Give a file another name."""

    path: str
    to: str


@dataclass(frozen=True)
class Remove:
    """Remove a file, or a directory with all that is in it."""

    path: str


Step = Replace | Rename | Remove


@dataclass(frozen=True)
class FileChange:
    """What a run makes of one file, first text to last."""

    path: str
    old: str
    new: str


@dataclass(frozen=True)
class Plan:
    """A decision, the steps that carry it out, and whether a reboot follows.

    `then`: what all facts read again must be decided as when the steps are taken, None for the same decision. `record`: what is
    to be known of the write afterwards, or what is taken back where `undoes` is true. `notices`: what else there is to know.
    `enables`: the kdump unit to be enabled, `disables`: the one that an undo disables again; "" for none. `kdump`: what was
    decided about kdump where the plan is for other arguments (decide/arguments.py) and changes nothing for it.
    """

    decision: Decision
    steps: tuple[Step, ...] = ()
    reboot: bool = False
    then: Kind | None = None
    record: records.Record | None = None
    undoes: bool = False
    notices: tuple[str, ...] = ()
    enables: str = ""
    disables: str = ""
    kdump: Decision | None = None

    @property
    def files(self) -> tuple[FileChange, ...]:
        """Every file whose text changes, steps on the same file taken together."""
        last: dict[str, FileChange] = {}
        for step in self.steps:
            if isinstance(step, Replace):
                first = last.get(step.path)
                last[step.path] = FileChange(step.path, first.old if first else step.old, step.new)
        return tuple(change for change in last.values() if change.old != change.new)

    @property
    def removes(self) -> tuple[str, ...]:
        """Every path that is there now and gone afterwards."""
        renamed = {step.to: step.path for step in self.steps if isinstance(step, Rename)}
        return tuple(renamed.get(step.path, step.path) for step in self.steps if isinstance(step, Remove))


def make(decision: Decision, boot: BootState | None, booted: str = "", *, runs: bool = False) -> Plan:
    """The plan for a decision. Without a change to make, only an earlier run that was cut short is finished.

    `booted`: the directory of the booted deployment, "" where it is not known, so that there will be no record. `runs`: the
    running kernel has been given the value already, so that no reboot is due. Refusal where the entry would become too large to
    be read again.
    """
    if boot is None:
        return Plan(decision)
    if decision.kind is Kind.CHANGE and decision.wanted is not None:
        options = bls.set_crashkernel(boot.options.text, decision.wanted.crashkernel)
        options = grub.off_bad_lengths(options, bls.first_value(boot.text, "linux"))
        final = bls.restore_first_boot(options)
        then = Kind.ACTIVE if runs else Kind.PENDING
        return Plan(decision, steps(boot, final), not runs, then, _record(boot, booted, decision.wanted.crashkernel, final))
    if boot.unfinished and decision.kind is not Kind.REFUSE:
        # GRUB replays no journal: it can have booted the old entry, as a first boot, while Linux finds the new one. The new
        # entry was never booted then. Once only: the steps take the stamp away.
        unseen = decision.kind is Kind.PENDING and boot.stamp
        return Plan(decision, steps(boot, bls.restore_first_boot(boot.options.text)), reboot=unseen)
    return Plan(decision)


def finish(refused: Decision, boot: BootState) -> Plan:
    """The plan where kdump is refused and an earlier run was cut short: that is finished all the same, if anything is left of it."""
    todo = steps(boot, bls.restore_first_boot(boot.options.text))
    if not (boot.unfinished or boot.stamp) or not todo:
        return Plan(refused)
    reason = f"what an interrupted first boot has left is finished; kdump is refused: {refused.reason}"
    return Plan(Decision(Kind.CHANGE, reason), todo, then=Kind.REFUSE, kdump=refused)


def _record(boot: BootState, booted: str, value: str, final: str) -> records.Record | None:
    """The record of such a write; None where the deployment that it would be of is not known."""
    before = bls.restore_first_boot(boot.options.text)
    return records.Record(booted, boot.path, value, before, final) if booted else None


def steps(boot: BootState, final: str) -> tuple[Step, ...]:
    """From the options text that is there to `final`, ending the first boot on the way where that is due."""
    ending = boot.unfinished or (boot.stamp and bls.carries(final, bls.FIRST_BOOT))
    interim = bls.end_first_boot(final) if ending else final
    now, ended, done = (bls.with_options(boot.text, boot.options, text) for text in (boot.options.text, interim, final))
    if max(len(text.encode("utf-8", "surrogateescape")) for text in (ended, done)) > LARGEST_ENTRY:
        raise Refusal(f"/boot/{boot.path} would become larger than {LARGEST_ENTRY >> 10} KiB; remove comments from it")
    found: list[Step] = []
    if now != ended:
        found.append(Replace(boot.path, now, ended))
    if ending and boot.config_dir:
        found.append(Remove(CONFIG_DIR))
    if ending and boot.stamp:
        found.append(Rename(STAMP, MARKER))
    if ended != done:
        found.append(Replace(boot.path, ended, done))
    if boot.marker or (ending and boot.stamp):
        found.append(Remove(MARKER))
    return tuple(found)


def swept(made: Plan, boot: BootState) -> Plan:
    """The plan, with what an earlier run left beside the entries removed; to replace an entry does that anyway."""
    done = not boot.litter or made.decision.kind is Kind.REFUSE or any(isinstance(step, Replace) for step in made.steps)
    return made if done else replace(made, steps=(*made.steps, Remove(f"{ENTRIES}/{TEMPORARY}")))
