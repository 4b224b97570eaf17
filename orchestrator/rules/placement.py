# SPDX-License-Identifier: Apache-2.0
"""Where a reservation ends up: reserve_crashkernel_generic() and what architectures had, or have, instead of it.

What else lies in memory at that moment (kernel, initramfs, firmware) is not known here, so a request for almost all of a piece
of memory, or at an offset where something lies, can still fail in the kernel.
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.rules.arch import Arch, Low, Window
from orchestrator.rules.memory import Memory


@dataclass(frozen=True)
class Request:
    """A size and offset (bytes; offset 0: anywhere) that parsed."""

    size: int
    offset: int = 0
    above: bool = False  # ,high
    low: int | None = None  # ,low: None where it was not given or does not count


@dataclass(frozen=True)
class Reservation:
    """Bytes that will be set aside (`high` the main part, `low` the extra part below 4 GiB), or why none will be.

    `problem` is the kernel's own message, or where it says nothing (`silent`) a sentence of ours.
    """

    high: int = 0
    low: int = 0
    problem: str = ""
    silent: bool = False

    @property
    def total(self) -> int:
        """Bytes set aside."""
        return self.high + self.low


def crash_size(reservation: Reservation, arch: Arch) -> int:
    """What /sys/kernel/kexec_crash_size will show, in bytes."""
    return reservation.total if arch.shows_low else reservation.high


def place(request: Request, memory: Memory, arch: Arch, default_low: int) -> Reservation:
    """The reservation of a request of at least one byte; `default_low` in bytes."""
    size = _up(request.size, arch.size_rounding)
    offset = _up(request.offset, arch.offset_rounding) or _fixed_base(memory, arch)
    floor = size if arch.above_its_size else 0
    if arch.above_its_size and memory.ranges[0][1] - memory.ranges[0][0] < size:
        return Reservation(problem=arch.no_room_to_start)
    if offset and offset < floor:
        return Reservation(problem=arch.too_low)
    if offset:
        return _at(offset, size, request, memory, arch, default_low)
    for window in arch.high_windows if request.above else arch.plain_windows:
        base = highest(memory, size, arch, window, floor)
        if base is not None:
            rule = Low.GIVEN if request.above else _rule_after(window, arch)
            return _with_low(base, size, _low_size(rule, request, default_low), memory, arch)
    return Reservation(problem=_message(arch.no_place, size))


def _at(offset: int, size: int, request: Request, memory: Memory, arch: Arch, default_low: int) -> Reservation:
    """Exactly there or not at all."""
    inside = any(start <= offset and offset + size <= end for start, end in memory.ranges)
    if not inside or offset % (arch.offset_align or arch.align):
        return Reservation(problem=_message(arch.no_place_at_offset, size))
    return _with_low(offset, size, _low_size(arch.offset_low, request, default_low), memory, arch)


def _rule_after(window: Window, arch: Arch) -> Low:
    """Which rule the low part of a plain request follows that was placed in this window."""
    return Low.NONE if window is Window.LOW else arch.plain_low


def _low_size(rule: Low, request: Request, default_low: int) -> int:
    """Bytes of the low part, should the main one lie above the limit."""
    if rule is Low.NONE:
        return 0
    return default_low if rule is Low.DEFAULT or request.low is None else request.low


def _with_low(base: int, size: int, low: int, memory: Memory, arch: Arch) -> Reservation:
    """The reservation with its low part, if the base calls for one; nothing where that part cannot be placed."""
    if arch.low_limit is None or base < arch.low_limit or not low:
        return Reservation(size)
    if highest(memory, low, arch, Window.LOW) is None:
        return Reservation(problem=_message(arch.no_low, low))
    return Reservation(size, low)


def highest(memory: Memory, size: int, arch: Arch, window: Window, floor: int = 0) -> int | None:
    """The highest aligned base in the window that one piece of memory has `size` bytes from, not below `floor`."""
    ceiling = arch.low_limit if window is Window.LOW else None
    if window is Window.HIGH:
        floor = max(floor, arch.low_limit or 0)
    for start, end in reversed(memory.ranges):
        base = ((end if ceiling is None else min(end, ceiling)) - size) // arch.align * arch.align
        if base >= max(start, floor):
            return base
    return None


def _fixed_base(memory: Memory, arch: Arch) -> int:
    """The base that takes the place of an offset, 0 where there is none (linux arch/powerpc/kexec/core.c)."""
    start, end = memory.ranges[0]
    return _up(min(arch.fixed_base, (end - start) // 2), arch.align)


def _up(number: int, multiple: int) -> int:
    """The next multiple."""
    return -(-number // multiple) * multiple


def _message(text: str, size: int) -> str:
    """The kernel's message with the size in the unit it prints."""
    return text.format(size=size, mib=size >> 20, kib=size >> 10)
