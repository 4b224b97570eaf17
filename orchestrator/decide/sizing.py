# SPDX-License-Identifier: Apache-2.0
"""How much memory the capture kernel needs, and what that makes of a crashkernel= value. Pure; sizes in bytes.

The model is that of `kdumpctl estimate` (kdump-utils do_estimate()): kernel + modules + 3 x initramfs + 16 MiB + unlocking. Its
three times the initramfs are the file and twice what it unpacks to, of an initramfs that holds a squashfs and so hardly
grows. Here the unpacked size is the real one. It counts twice only where it lies in a tmpfs, which may fill half of the
memory: the other half then takes what runs.
"""

from __future__ import annotations

from dataclasses import replace

from orchestrator.decide.decision import Wanted
from orchestrator.facts.capture_kernel import CaptureKernel
from orchestrator.facts.conf import ADMIN_FILE, AUTO
from orchestrator.facts.intent import Intent
from orchestrator.facts.machine import Machine
from orchestrator.rules import crashkernel
from orchestrator.rules.cmdline import KEY
from orchestrator.rules.defaults import is_raised, raised

MIB = 1 << 20
# Everything else: the kernel's tables, slabs, modules, udev and systemd, makedumpfile. Measured on linux 7.2 with systemd 262:
# with 49 MiB for it a vmcore was captured, with 41 MiB the kernel panicked; a quarter is added.
RUNTIME = 64 * MIB
TABLES = 16 * MIB  # of that, what the kernel takes before it unpacks: measured 13 MiB; kdumpctl's allowance for all of it
PAGES = 16  # one part in so many: files fill whole pages and have inodes. Measured: one in 20 and one in 40
BITMAP = 1 << 14  # makedumpfile keeps two bits for every page of 4 KiB (makedumpfile(8), --cyclic-buffer)
UNLOCK = {"aarch64": 50 * MIB}  # kdumpctl's allowance for cryptsetup beside the key derivation
UNLOCK_ELSE = 20 * MIB
SMALLER = "make that initramfs smaller, or add memory"
LARGEST_PART = 2  # `auto` takes at most one part in so many of the machine's memory


def needed(capture: CaptureKernel, arch: str) -> int:
    """Bytes that the capture kernel needs to unpack its initramfs and write a dump."""
    unpacked = capture.initrd.unpacked + capture.initrd.unpacked // PAGES
    unlock = capture.unlock + UNLOCK.get(arch, UNLOCK_ELSE) if capture.unlock else 0
    running = unpacked + RUNTIME + capture.memory // BITMAP + unlock
    unpacking = 2 * unpacked + TABLES if capture.in_tmpfs else 0
    return capture.kernel + capture.initrd.stored + max(running, unpacking)


def weigh(intent: Intent, machine: Machine, wanted: Wanted, capture: CaptureKernel | None) -> Wanted:
    """What is wanted and what is needed: `auto` is raised to the need; a size that somebody named only gets a warning."""
    if capture is None:
        return wanted
    least = max(needed(capture, machine.arch.name), wanted.needed_bytes)
    judged = Wanted(wanted.crashkernel, wanted.rule, wanted.reserved_bytes, wanted.problem, least)
    if wanted.reserved_bytes >= least:
        return judged
    why = f"the capture kernel needs about {_mib(least)} MiB with the initramfs {capture.path}"
    better = enough(wanted.crashkernel, least, machine)
    if better and is_auto(intent):
        rule = f"{wanted.rule}, raised because {why}"
        return Wanted(better.crashkernel, rule, better.reserved_bytes, "", least)
    cure = f"write crashkernel={better.crashkernel}" if better else SMALLER
    warning = f"too small: {why}; {cure}"
    return Wanted(wanted.crashkernel, wanted.rule, wanted.reserved_bytes, wanted.problem, least, warning)


def enough(value: str, least: int, machine: Machine) -> Wanted | None:
    """The value raised to `least` bytes; None where that would take too much of this machine's memory."""
    better = raised(value, least)
    reservation = crashkernel.evaluate(KEY + better, machine.memory, machine.arch)
    fits = reservation.total >= least and reservation.total * LARGEST_PART <= machine.memory.total
    return Wanted(better, "", reservation.total, "", least) if fits else None


def outgrown(intent: Intent, machine: Machine, running: Wanted, least: int) -> Wanted:
    """What runs, beside the `least` bytes that are needed now: raised where `auto` chose it, else with a warning.

    `running` is the value of the running command line. A value is taken for one that `auto` chose where nobody named a size
    and it has the default's form; another one is somebody's own, and is left alone.
    """
    judged = replace(running, needed_bytes=least)
    if running.reserved_bytes >= least:
        return judged
    why = f"the capture kernel needs about {_mib(least)} MiB now"
    better = enough(running.crashkernel, least, machine)
    if better and chosen_by_auto(intent, machine, running.crashkernel):
        return replace(better, rule=f"{intent.source}, raised because {why}")
    return replace(judged, warning=f"too small: {why}; {mend(intent, machine, running.crashkernel, least)}")


def mend(intent: Intent, machine: Machine, running: str, least: int) -> str:
    """The exact words and commands that make the running value `running` reserve at least `least` bytes."""
    better = enough(running, least, machine)
    if better is None:
        return SMALLER
    if chosen_by_auto(intent, machine, running):
        return "run kdump-karg apply and reboot"
    path, colon, _ = intent.source.partition(":")
    path = path if colon and path.startswith("/etc/") else f"/{ADMIN_FILE}"
    return f"write crashkernel={better.crashkernel} into {path}, run kdump-karg apply, and reboot"


def chosen_by_auto(intent: Intent, machine: Machine, running: str) -> bool:
    """Did `auto` choose the running value, as far as its form tells?"""
    return is_auto(intent) and machine.default is not None and is_raised(running, machine.default.value)


def is_auto(intent: Intent) -> bool:
    """Did nobody name a size?"""
    return intent.values == (AUTO,)


def _mib(size: int) -> int:
    """Whole MiB, rounded up."""
    return -(-size // MIB)
