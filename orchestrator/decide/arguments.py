# SPDX-License-Identifier: Apache-2.0
"""What Ignition's kernelArguments come to: in its kargs stage, and at the end of the same boot, beside what is decided about kdump.

In the kargs stage Ignition has not finished, so the stamp and the variable stay: one replacement of the entry, after which the machine boots as a
first boot once more, with the new arguments. At the end of the boot the first boot is ended as for crashkernel= and the machine reboots.
"""

from __future__ import annotations

from dataclasses import replace

from orchestrator.decide import decision, impact
from orchestrator.decide.decision import Decision, Kind
from orchestrator.decide.plan import Plan, Replace, steps
from orchestrator.errors import Refusal
from orchestrator.facts.backend import Backend
from orchestrator.facts.bootstate import LARGEST_ENTRY, BootState
from orchestrator.facts.machine import Surroundings
from orchestrator.facts.record import Record
from orchestrator.facts.sealing import Touched
from orchestrator.rules import bls, cmdline, grub, kargs
from orchestrator.rules.arch import Arch
from orchestrator.rules.cmdline import KEY
from orchestrator.rules.kargs import ENDS, Asked

SOURCE = "kernelArguments"
STAY = "the kernel command line has them already"


def on_the_line(here: Surroundings, asked: Asked) -> bool:
    """Is the running command line as asked for?"""
    return kargs.is_done(here.cmdline, asked)


def in_stage(here: Surroundings, arch: Arch, asked: Asked, boot: BootState, backend: Backend, touched: tuple[Touched, ...]) -> Plan:
    """What is to be done in Ignition's kargs stage where the entry is not as asked for. Refusal where that cannot be done."""
    missing = kargs.open_in(boot.options.text, asked)
    running = on_the_line(here, asked)
    kargs.check(missing)
    problem = decision.not_booted(arch, boot, backend) or next((said for each in touched if (said := impact.danger(each))), "")
    options = edited(boot, asked)
    growth = max(len(options) - len(boot.options.text), 0)
    added = f"what {SOURCE} ask for ({missing})"
    problem = problem or decision.no_place(here, arch, boot, options, added, growth) or _behind(boot)
    if problem:
        raise Refusal(problem)
    text = bls.with_options(boot.text, boot.options, options)
    if len(text.encode("utf-8", "surrogateescape")) > LARGEST_ENTRY:
        raise Refusal(f"/boot/{boot.path} would become larger than {LARGEST_ENTRY >> 10} KiB; ask for fewer arguments")
    after = STAY if running else "one reboot at the end of this boot brings them about"
    reason = f"{SOURCE}: {missing} in /boot/{boot.path}; {after}"
    return Plan(Decision(Kind.CHANGE, reason), (Replace(boot.path, boot.text, text),), not running)


def as_it_is(running: bool, asked: Asked, boot: BootState) -> Plan:
    """What is to be done where the entry is as asked for. GRUB replays no journal: after a power cut it can have booted the entry's old text.

    That machine reboots. Only where the stamp is there, since the end of this first boot takes it away: a boot loader that takes
    its arguments from elsewhere would reboot for ever.
    """
    if running:
        return Plan(Decision(Kind.ACTIVE, f"{SOURCE}: {asked}; {STAY}"))
    reason = f"/boot/{boot.path} is as {SOURCE} ask ({asked}) but the running command line is not"
    if not boot.stamp:
        raise Refusal(f"{reason}, so the boot loader does not take it from there; add the arguments where it does")
    return Plan(Decision(Kind.PENDING, f"{reason}; one reboot at the end of this boot brings them about"), reboot=True)


def _behind(boot: BootState) -> str:
    """Why an argument at the end of the line would be none of the kernel's; "" where it is one."""
    if all(word.text != ENDS for word in cmdline.words(boot.options.text)):
        return ""
    return f"/boot/{boot.path} has a word {ENDS} in its options, behind which all is init's; take it out"


def edited(boot: BootState, asked: Asked) -> str:
    """The entry's options as asked for, of a length that GRUB can read; unchanged where they are as asked."""
    options = kargs.edit(boot.options.text, asked)
    return options if options == boot.options.text else grub.off_bad_lengths(options, bls.first_value(boot.text, "linux"))


def as_asked(boot: BootState, asked: Asked) -> BootState:
    """The boot file system as it is once the entry is as asked for, to decide about kdump."""
    return replace(boot, options=replace(boot.options, text=kargs.edit(boot.options.text, asked)))


def kdump_beside(decided: Decision, asked: Asked) -> Decision:
    """The decision about kdump, which was made as if the arguments were on the command line, in words that are true before."""
    wanted = decided.wanted
    if decided.kind is Kind.CHANGE and wanted is not None and KEY + wanted.crashkernel in asked.absent:
        reason = f"{SOURCE} say shouldNotExist {KEY}{wanted.crashkernel}, which {wanted.rule} asks for; take one of them back"
        return Decision(Kind.REFUSE, reason, wanted)
    if decided.kind is Kind.ACTIVE and wanted is not None:
        return Decision(Kind.PENDING, f"crashkernel={wanted.crashkernel} will reserve {wanted.reserved_bytes >> 20} MiB", wanted)
    return decided


def at_the_end(decided: Decision, asked: Asked, boot: BootState, booted: str, touched: Touched) -> Plan:
    """The plan for the end of a boot in whose kargs stage the entry was changed; `decided` is about kdump, as kdump_beside() has it.

    The first boot is ended and one reboot follows, whatever was decided about kdump. Not where a volume would not unlock
    after it, which Ignition has made meanwhile. Raises as plan.steps().
    """
    danger = impact.danger(touched)
    if danger:
        return Plan(Decision(Kind.REFUSE, f"{danger}; or take {asked} back in /boot/{boot.path} before the next reboot"))
    before = kargs.edit(boot.options.text, asked)
    value = decided.wanted.crashkernel if decided.kind is Kind.CHANGE and decided.wanted is not None else ""
    options = bls.set_crashkernel(before, value) if value else before
    if options != boot.options.text:
        options = grub.off_bad_lengths(options, bls.first_value(boot.text, "linux"))
    final = bls.restore_first_boot(options)
    todo = steps(boot, final)
    record = Record(booted, boot.path, value, bls.restore_first_boot(before), final) if value and booted else None
    made = Plan(_told(decided, asked, boot, bool(todo)), todo, True, Kind.PENDING, record)
    return made if value else replace(made, kdump=decided)


def _told(decided: Decision, asked: Asked, boot: BootState, changes: bool) -> Decision:
    """Both decisions in one."""
    kind = Kind.CHANGE if changes else Kind.PENDING
    if decided.kind is Kind.CHANGE:
        return Decision(kind, f"{decided.reason}; {SOURCE} ask for {asked} as well", decided.wanted)
    reason = f"/boot/{boot.path} is as {SOURCE} ask ({asked}) but the running command line is not: reboot once to use it"
    if decided.kind is Kind.REFUSE:
        reason = f"{reason}; kdump is refused: {decided.reason}"
    elif decided.kind is not Kind.SKIP:
        reason = f"{reason}; {decided.reason}"
    return Decision(kind, reason, decided.wanted)
