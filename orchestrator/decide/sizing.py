# SPDX-License-Identifier: Apache-2.0
"""How much memory the capture kernel needs, and what that makes of a crashkernel= value. Pure; sizes in bytes.

The model is that of `kdumpctl estimate` (kdump-utils do_estimate()): kernel + modules + 3 x initramfs + 16 MiB + unlocking. Its
three times the initramfs are the file and twice what it unpacks to, of an initramfs that holds a squashfs and so hardly
grows. Here the unpacked size is the real one. It counts twice only where it lies in a tmpfs, which may fill half of the
memory: the other half then takes what runs.
"""

from __future__ import annotations

from orchestrator.decide.decision import Wanted
from orchestrator.facts.capture_kernel import CaptureKernel
from orchestrator.facts.conf import AUTO
from orchestrator.facts.intent import Intent
from orchestrator.facts.machine import Machine
from orchestrator.rules import crashkernel
from orchestrator.rules.cmdline import KEY
from orchestrator.rules.defaults import raised

MIB = 1 << 20
# Everything else: the kernel's tables, slabs, modules, udev and systemd, makedumpfile. Measured on linux 7.2 with systemd 262:
# with 49 MiB for it a vmcore was captured, with 41 MiB the kernel panicked; a quarter is added.
RUNTIME = 64 * MIB
TABLES = 16 * MIB  # of that, what the kernel takes before it unpacks: measured 13 MiB; kdumpctl's allowance for all of it
PAGES = 16  # one part in so many: files fill whole pages and have inodes. Measured: one in 20 and one in 40
BITMAP = 1 << 14  # makedumpfile keeps two bits for every page of 4 KiB (makedumpfile(8), --cyclic-buffer)
UNLOCK = {"aarch64": 50 * MIB}  # kdumpctl's allowance for cryptsetup beside the key derivation
UNLOCK_ELSE = 20 * MIB
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
    least = needed(capture, machine.arch.name)
    judged = Wanted(wanted.crashkernel, wanted.rule, wanted.reserved_bytes, wanted.problem, least)
    if wanted.reserved_bytes >= least:
        return judged
    why = f"the capture kernel needs about {_mib(least)} MiB with the initramfs {capture.path}"
    better = raised(wanted.crashkernel, least)
    reservation = crashkernel.evaluate(KEY + better, machine.memory, machine.arch)
    fits = reservation.total >= least and reservation.total * LARGEST_PART <= machine.memory.total
    if fits and is_auto(intent):
        rule = f"{wanted.rule}, raised because {why}"
        return Wanted(better, rule, reservation.total, "", least)
    cure = f"write crashkernel={better}" if fits else "make that initramfs smaller, or add memory"
    warning = f"too small: {why}; {cure}"
    return Wanted(wanted.crashkernel, wanted.rule, wanted.reserved_bytes, wanted.problem, least, warning)


def is_auto(intent: Intent) -> bool:
    """Did nobody name a size?"""
    return intent.values == (AUTO,)


def _mib(size: int) -> int:
    """Whole MiB, rounded up."""
    return -(-size // MIB)
