# SPDX-License-Identifier: Apache-2.0
"""What is to be done, decided from facts alone (docs/operator.md, Decisions). Nothing here reads or writes anything."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from orchestrator.errors import Refusal
from orchestrator.facts.backend import Backend
from orchestrator.facts.bootstate import BootState
from orchestrator.facts.conf import AUTO
from orchestrator.facts.intent import Intent
from orchestrator.facts.machine import Machine, Surroundings
from orchestrator.rules import bls, cmdline, crashkernel, crashkernel_value, defaults
from orchestrator.rules.arch import Arch
from orchestrator.rules.cmdline import KEY

SWITCH = "rd.kdump_karg"
VERBOSE = "rd.kdump_karg.debug"
REBOOT = "reboot once to use it"  # what is to be done where the entry has the argument and boots next
OFF = ("0", "no", "off", "false")
# What a file system wants to have free beside the new entry's text before it makes a file: ext4 a block or two, XFS some forty
# blocks for its trees, all of which it may need to split (measured: 128 KiB is not enough, 160 KiB is).
SPARE_BYTES = 256 << 10


class Kind(Enum):
    """The five decisions."""

    SKIP = "SKIP"
    ACTIVE = "ACTIVE"
    CHANGE = "CHANGE"
    PENDING = "PENDING"
    REFUSE = "REFUSE"


@dataclass(frozen=True)
class Wanted:
    """The value to be on the command line, where it comes from, and the bytes it will reserve, or why it will reserve none.

    `needed_bytes`: what the capture kernel is expected to need, 0 where that was not looked at. `warning`: why the value,
    though it will be written, may be too small or unused.
    """

    crashkernel: str
    rule: str
    reserved_bytes: int
    problem: str = ""
    needed_bytes: int = 0
    warning: str = ""


@dataclass(frozen=True)
class Decision:
    """A kind, the reason in one sentence, and what is wanted (None where nothing is or it is not known)."""

    kind: Kind
    reason: str
    wanted: Wanted | None = None


def is_first_boot(here: Surroundings) -> bool:
    """Does Ignition run in this boot? (ignition-generator: the word counts, with or without a value)"""
    return cmdline.value(here.cmdline, "ignition.firstboot") not in (None, "0", "no", "off")


def is_verbose(here: Surroundings) -> bool:
    """Does the command line ask for every message?"""
    return cmdline.value(here.cmdline, VERBOSE) not in (None, *OFF)


def switched_off(here: Surroundings) -> Decision | None:
    """The decision where this program must not act, else None."""
    if here.capture_kernel:
        return Decision(Kind.SKIP, "this is the capture kernel (/proc/vmcore exists)")
    if cmdline.value(here.cmdline, SWITCH) in OFF:
        return Decision(Kind.SKIP, f"switched off by {SWITCH}=0 on the kernel command line")
    if here.live_image:
        return Decision(Kind.SKIP, "this is a live image, which has no boot loader entry to change")
    return None


def nothing_asked(intent: Intent) -> Decision | None:
    """The decision where nobody wants kdump, else None."""
    return None if intent.wanted else Decision(Kind.SKIP, "nothing in the provisioned system asks for kdump")


def want(intent: Intent, machine: Machine) -> Wanted:
    """The one value that is wanted and what it will reserve. Refusal for a value that must not be written."""
    if len(intent.values) > 1:
        values = " ".join(repr(KEY + text) for text in intent.values)
        raise Refusal(f"{intent.source} asks for {values}, which Ignition's kargs stage has not set; check that stage's log")
    text, rule = intent.values[0], intent.source
    if text == AUTO and not intent.by_ignition:
        if machine.default is None:
            raise Refusal(
                f"{intent.source}: there is no default crashkernel= for {machine.arch.name}; "
                "give a size in /etc/kdump-karg.conf"
            )
        text, rule = machine.default.value, f"{intent.source}, {machine.default.rule}"
    crashkernel_value.check(text, rule)
    reservation = crashkernel.evaluate(KEY + text, machine.memory, machine.arch)
    return Wanted(text, rule, reservation.total, reservation.problem)


def reserves_nothing(wanted: Wanted, machine: Machine) -> Decision | None:
    """REFUSE where the kernel would reserve nothing, so that a reboot would be for nothing, else None."""
    if wanted.reserved_bytes:
        return None
    memory = f"{machine.memory.total >> 20} MiB of memory"
    return Decision(
        Kind.REFUSE,
        f"{wanted.rule}: crashkernel={wanted.crashkernel} would reserve nothing on this machine with {memory} "
        f'("{wanted.problem}"); give a size that fits, or add memory',
        wanted,
    )


def running(intent: Intent, here: Surroundings, machine: Machine) -> Decision | None:
    """ACTIVE (or REFUSE) where the running command line settles the matter, else None."""
    values = cmdline.crashkernel_values(here.cmdline)
    if not values or not asked_for(intent, values, machine):
        return None
    text = cmdline.in_force(values) or values[-1]
    reservation = crashkernel.evaluate(here.cmdline, machine.memory, machine.arch)
    if reservation.total:
        wanted = Wanted(text, "the running command line", reservation.total)
        return Decision(Kind.ACTIVE, f"the running command line already has crashkernel={text}", wanted)
    if intent.implied:
        return None  # what is there was never going to work: the default may
    return Decision(
        Kind.REFUSE,
        f'/proc/cmdline has crashkernel={text}, which reserves nothing on this machine ("{reservation.problem}"); '
        f"change the size in {intent.source}",
    )


def asked_for(intent: Intent, values: tuple[str, ...], machine: Machine) -> bool:
    """Do these values of a command line satisfy the intent? Where nobody named a size any will do."""
    if intent.implied:
        return True
    if intent.by_ignition:
        return all(text in values for text in intent.values)
    text, found = intent.values[0], cmdline.in_force(values)
    if text == AUTO and machine.default:
        return found is not None and defaults.is_raised(found, machine.default.value)
    return found == text


def in_entry(intent: Intent, machine: Machine, boot: BootState, bytes_needed: int = 0) -> Wanted | None:
    """What the entry reserves already, where that is what the intent asks for and not less than is needed, else None."""
    values = cmdline.crashkernel_values(boot.options.text)
    fits = _size(_spelled_out(boot.options.text)) < machine.arch.command_line_size
    if not (values and fits and asked_for(intent, values, machine)):
        return None
    present = crashkernel.evaluate(boot.options.text, machine.memory, machine.arch).total
    if not present or present < bytes_needed:
        return None
    return Wanted(cmdline.in_force(values) or values[-1], f"/boot/{boot.path}", present)


def least(wanted: Wanted) -> int:
    """What an entry must reserve for nothing to be left to do, in bytes. (What nobody could give is not asked for.)

    A day-two run that raises what runs is not done while the entry has less.
    """
    return min(wanted.needed_bytes, wanted.reserved_bytes)


def decide(
    intent: Intent,
    here: Surroundings,
    machine: Machine,
    wanted: Wanted,
    boot: BootState,
    backend: Backend,
    due: str = REBOOT,
) -> Decision:
    """CHANGE, PENDING or REFUSE, once the boot file system has been read. `due`: what is to be done about a PENDING one."""
    present = in_entry(intent, machine, boot, least(wanted))
    if present:
        reason = f"/boot/{boot.path} has crashkernel={present.crashkernel} but the running kernel does not: {due}"
        return Decision(Kind.PENDING, reason, present)
    problem = obstacle(here, machine, wanted, boot, backend)
    if problem:
        return Decision(Kind.REFUSE, problem, wanted)
    size = f"{wanted.reserved_bytes >> 20} MiB"
    but = f", which is {wanted.warning}" if wanted.warning else ""
    return Decision(Kind.CHANGE, f"{wanted.rule}: crashkernel={wanted.crashkernel} will reserve {size}{but}", wanted)


def obstacle(here: Surroundings, machine: Machine, wanted: Wanted, boot: BootState, backend: Backend) -> str:
    """Why the entry must not be changed, in one sentence; "" where it may."""
    problem = not_booted(machine.arch, boot, backend)
    if problem:
        return problem
    options = bls.set_crashkernel(boot.options.text, wanted.crashkernel)
    if cmdline.in_force(cmdline.crashkernel_values(options)) != wanted.crashkernel:
        return f"/boot/{boot.path} holds another crashkernel= that the kernel would prefer to {wanted.crashkernel}; remove it"
    return no_place(here, machine.arch, boot, options, f"crashkernel={wanted.crashkernel}", len(wanted.crashkernel))


def not_booted(arch: Arch, boot: BootState, backend: Backend) -> str:
    """Why what is added to the entry's options would not be booted, in one sentence; "" where it would."""
    entry = f"/boot/{boot.path}"
    if arch.name == "s390x":
        return f"s390x boots what zipl made of {entry} and zipl is not run here; add crashkernel= to the image's arguments"
    if backend is not Backend.NONE:
        cure = "use sysroot.bootloader=none, the only one supported"
        return f"the boot loader reads a file that ostree's backend {backend.value} derives from {entry}; {cure}"
    if boot.options.text.count('"') % 2:
        return f"{entry} has a quote in its options that is not closed, so what is added would become a part of it; close it"
    return ""


def no_place(here: Surroundings, arch: Arch, boot: BootState, options: str, added: str, growth: int) -> str:
    """Why these options cannot be written in the place of the entry's, in one sentence; "" where they can.

    `added`: what they have more, for the sentence, and `growth`, its bytes.
    """
    entry = f"/boot/{boot.path}"
    grown = _size(here.cmdline) + _size(options) - _size(boot.options.text)
    length = max(grown, _size(_spelled_out(options)))
    limit = arch.command_line_size - 1
    if length > limit:
        return f"{entry}: with {added} the command line has {length} bytes, the kernel takes {limit}"
    if "ignition.firstboot" in boot.options.text.split():
        return f"{entry} has ignition.firstboot itself, so every boot is a first boot; use {bls.FIRST_BOOT} in its place"
    if is_first_boot(here) and boot.stamp and not boot.unfinished and not bls.carries(boot.options.text, bls.FIRST_BOOT):
        return f"{entry} lacks {bls.FIRST_BOOT}, so the first boot cannot be ended with the same write; add it to its options"
    needed = _size(boot.text) + growth + SPARE_BYTES
    if boot.free_inodes == 0:
        return "/boot is full: no inode is free and 1 is needed; remove what is not needed there"
    if boot.free_bytes is not None and boot.free_bytes < needed:
        return f"/boot is full: {boot.free_bytes} bytes are free and {needed} are needed; remove what is not needed there"
    return ""


def _spelled_out(options: str) -> str:
    """The words of an entry that are on every command line made from it; what a variable of GRUB stands for is not known.

    The running command line tells more, but it may be cut short, or another entry's, where something else started the kernel.
    """
    return " ".join(word.text for word in cmdline.words(options) if "$" not in word.text)


def _size(text: str) -> int:
    """Bytes of a text that was decoded with surrogateescape."""
    return len(text.encode("utf-8", "surrogateescape"))
