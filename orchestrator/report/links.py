# SPDX-License-Identifier: Apache-2.0
"""The links of the chain, each looked at by a function of its own that says what it found and how to mend it."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.decide.decision import Kind
from orchestrator.errors import KdumpKargError, Refusal
from orchestrator.facts import bootstate, capture_files, deployments, kdumpconf, machine, record, unit
from orchestrator.facts.capture_files import CaptureFiles
from orchestrator.facts.intent import Intent
from orchestrator.facts.machine import Surroundings
from orchestrator.facts.record import Record
from orchestrator.report.pending import Pending
from orchestrator.rules import capture_cmdline, cmdline, crashkernel, dump_blockers
from orchestrator.rules.capture_cmdline import Facts, Prediction
from orchestrator.system import bootfs, tree
from orchestrator.system.target import Target
from orchestrator.write import outcome

# linux 6.19 gives the first names and means to drop the second ones (Documentation/ABI, sysfs-kernel-kexec-kdump).
CRASH_SIZE = ("sys/kernel/kexec/crash_size", "sys/kernel/kexec_crash_size")
CRASH_LOADED = ("sys/kernel/kexec/crash_loaded", "sys/kernel/kexec_crash_loaded")
CAPTURE = "capture command line"
TARGET = "target"
PROOF = "proof"
NAMES = ("intent", "provisioning", "entry", "command line", "reserved", "loaded", CAPTURE, TARGET, PROOF)
BY_HAND = "add crashkernel= to the kernel arguments by hand and reboot"


@dataclass(frozen=True)
class Link:
    """One link of the chain; `detail` says what was found, `mend` how to mend a broken one."""

    name: str
    ok: bool
    detail: str
    mend: str = ""


@dataclass(frozen=True)
class Capture:
    """What is known of the capture kernel's command line: the facts, what the rules make of them, and what may cost a dump."""

    facts: Facts
    prediction: Prediction
    warnings: tuple[str, ...] = ()


def kexec(root: str, names: tuple[str, ...]) -> int | None:
    """A number that the kernel shows under the first of these names that is there; None where it shows none."""
    for name in names:
        text = (tree.read_text(root, name) or "").strip()
        if text.isdecimal():
            return int(text)
    return None


def intent_link(wish: Intent) -> Link:
    """Who asks."""
    if not wish.wanted:
        return Link("intent", True, "the command line itself, which has crashkernel=")
    return Link("intent", True, f"{wish.source}: crashkernel={' '.join(wish.values)}")


def provisioning_link(found: outcome.Outcome | None) -> Link:
    """What this boot's run of `apply` came to, where there was one."""
    if found is None:
        return Link("provisioning", True, "no decision is recorded for this boot")
    ok = found.kind in (Kind.SKIP.value, Kind.ACTIVE.value, Kind.CHANGE.value)
    return Link("provisioning", ok, found.reason, f"correct that and provision again, or {BY_HAND}")


def entry_link(target: Target, here: Surroundings) -> Link:
    """Does the entry of the booted deployment have crashkernel=? A machine that runs with it needs no readable /boot."""
    try:
        with bootfs.reach(target.root, live=target.live, initramfs=here.initramfs, write=False) as boot:
            state = bootstate.read(boot, deployments.entry_line(target.root, boot, here.cmdline))
    except KdumpKargError as error:
        active = bool(cmdline.crashkernel_values(here.cmdline))
        return Link("entry", active, f"not looked at ({error})" if active else str(error))
    values = cmdline.crashkernel_values(state.options.text)
    if not values:
        return _no_value(state.path, record.undone(target.root), deployments.booted(target.root, here.cmdline))
    return Link("entry", True, f"/boot/{state.path} has crashkernel={cmdline.in_force(values)}")


def _no_value(path: str, undone: Record | None, booted: str) -> Link:
    """The broken link of an entry without the argument, which `undo` may have taken out."""
    detail = f"/boot/{path} has no crashkernel="
    if undone is None or undone.deployment != booted:
        return Link("entry", False, detail, f"run kdump-karg plan to see what is missing and why, or {BY_HAND}")
    detail += f": crashkernel={undone.crashkernel} was taken back by kdump-karg undo on {undone.time}"
    return Link("entry", False, detail, "run kdump-karg apply to have it again, or let nothing ask for kdump any more")


def cmdline_link(values: tuple[str, ...], due: Pending | None = None) -> Link:
    """Did the running kernel get crashkernel=? `due`: what a reboot will change."""
    if not values and due is not None:
        mend = f"{due.cure}; if the argument is missing after that, check which entry the boot loader boots"
        return Link("command line", False, "PENDING: /proc/cmdline has no crashkernel= yet", mend)
    if not values:
        mend = "reboot once; if that does not help, check which entry the boot loader boots"
        return Link("command line", False, "/proc/cmdline has no crashkernel=", mend)
    return Link("command line", True, f"/proc/cmdline has crashkernel={cmdline.in_force(values)}")


def reserved_link(root: str, here: Surroundings, reserved: int | None, needed: int | None = None) -> Link:
    """Did the running kernel set memory aside, and how does it compare with what the capture kernel needs?"""
    if reserved:
        beside = "" if needed is None else f", about {-(-needed >> 20)} MiB are needed"
        return Link("reserved", True, f"{reserved} bytes ({reserved >> 20} MiB) are reserved{beside}")
    reason = "the kernel reserved nothing" if reserved == 0 else f"/{CRASH_SIZE[-1]} cannot be read"
    return Link("reserved", False, reason, _prediction(root, here))


def _prediction(root: str, here: Surroundings) -> str:
    """Why the kernel reserved nothing, as far as its rules tell."""
    try:
        found = machine.read(root)
    except Refusal as refusal:
        return str(refusal)
    problem = crashkernel.evaluate(here.cmdline, found.memory, found.arch).problem
    if not problem:
        return "look for crashkernel in the kernel's log"
    return f'the kernel\'s rules say "{problem}": give a size that fits'


def read_files(root: str, loaded: bool) -> CaptureFiles | None:
    """The files that the capture kernel is loaded from; None where they are not known."""
    try:
        return capture_files.read(root, tree.resolve(root, "boot"), loaded=loaded)
    except Refusal:
        return None


def loaded_link(loaded: bool, reserved: int | None, files: CaptureFiles | None = None, locked: str = "") -> Link:
    """Is the capture kernel in place, and does its initramfs have the modules of that very kernel?

    The capture kernel may be another one than the kernel that will crash, so only these two are held against each other.
    `locked`: how far the running kernel is locked down.
    """
    if not loaded:
        return _not_loaded(files, locked)
    detail = f"the capture kernel is loaded into {(reserved or 0) >> 20} MiB of reserved memory"
    if files is None or not files.kernel_release:
        return Link("loaded", True, detail)
    if files.apart:
        reason = (
            f"the capture kernel is {files.kernel_release} and its initramfs {files.initrd} was made for "
            f"{files.initrd_release}, whose modules it cannot load"
        )
        mend = f"have the initramfs made for {files.kernel_release} and load again, or name the one that the image has for it"
        return Link("loaded", False, reason, mend)
    return Link("loaded", True, f"{detail}, made for kernel {files.kernel_release}")


def _not_loaded(files: CaptureFiles | None, locked: str) -> Link:
    """What is known of why there is no capture kernel. Of a missing signature kexec says "No data available", no more."""
    names = " or ".join(unit.KDUMP_UNITS)
    reason, mend = "no capture kernel is loaded", f"look at the log of {names}, and enable it if it did not run"
    if not locked:
        return Link("loaded", False, reason, mend)
    if files is not None and files.signed is False:
        reason += f": {files.kernel} has no signature, and this kernel, locked down ({locked}), takes none without"
        mend = "name the distribution's signed kernel, or sign it with a key that this machine trusts"
        return Link("loaded", False, reason, mend)
    reason += f", and this kernel, locked down ({locked}), takes one by kexec -s alone, with a signature that it can verify"
    return Link("loaded", False, reason, mend)


def read_capture(root: str, loaded: bool) -> Capture | Link:
    """What is known of the capture kernel's command line; a link that says so where nothing is."""
    try:
        facts = kdumpconf.read(root, loaded=loaded)
    except Refusal as refusal:
        return Link(CAPTURE, False, str(refusal))
    if facts is None:
        return Link(CAPTURE, True, "not known: no kdump package whose rules are known is installed")
    expected = capture_cmdline.predict(facts)
    return Capture(facts, expected, dump_blockers.warnings(facts, expected))


def capture_link(found: Capture) -> Link:
    """Is the capture kernel's line free of what costs the dump? A recorded line counts more than a predicted one."""
    line = found.prediction.line if found.facts.recorded is None else found.facts.recorded
    if line is None:
        return Link(CAPTURE, True, f"not known: {found.prediction.unknown}")
    problem = dump_blockers.blocker(found.facts, line)
    if problem is not None:
        return Link(CAPTURE, False, problem.reason, problem.mend)
    source = "as noted when it was loaded" if found.facts.recorded is not None else f"by {found.facts.package.value}'s rules"
    return Link(CAPTURE, True, f"nothing harmful in it, {source}")
