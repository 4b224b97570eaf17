# SPDX-License-Identifier: Apache-2.0
"""`crashkernel=`: what the kernel would make of it on a given machine.

A transcription of the rules of linux 7.2 kernel/crash_reserve.c: every refusal carries the kernel's own message. The
kernel accepts more than anybody means (octal sizes, trailing text): what may be written is for value.py to say.
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.arch import Arch
from orchestrator.cmdline import crashkernel_values, is_plain
from orchestrator.memory import Memory

UNITS = {"K": 10, "M": 20, "G": 30, "T": 40, "P": 50, "E": 60}
ULLONG_MAX = (1 << 64) - 1
ROUNDING = 128 << 20  # parse_crashkernel_mem(): firmware keeps some memory back, so ranges see the total rounded up


@dataclass(frozen=True)
class Reservation:
    """Bytes that will be set aside (`high` the main part, `low` the extra part below 4 GiB), or why none will be."""

    high: int = 0
    low: int = 0
    problem: str = ""

    @property
    def total(self) -> int:
        """What /sys/kernel/kexec_crash_size will show, in bytes."""
        return self.high + self.low


@dataclass(frozen=True)
class Request:
    """A size and offset (bytes; offset 0: anywhere) that parsed."""

    size: int
    offset: int = 0
    above: bool = False  # ,high: look above the low limit first
    low: int | None = None  # ,low: None where it was not given


class Rejected(Exception):
    """The kernel's message for a value that it cannot parse."""


def memparse(text: str, at: int) -> tuple[int, int]:
    """The number at `at` and the place after it; the same place where there is none (linux lib/cmdline.c memparse)."""
    digits, base = "0123456789", 10
    start = at
    if text[at : at + 1] == "0":
        digits, base = "01234567", 8
        if text[at + 1 : at + 2] in ("x", "X") and text[at + 2 : at + 3].lower() in tuple("0123456789abcdef"):
            digits, base, start = "0123456789abcdef", 16, at + 2
    end = start
    while end < len(text) and text[end].lower() in digits:
        end += 1
    if end == start:
        return 0, at
    # Longer decimals exceed 64 bits anyway, and int() refuses those of thousands of digits.
    number = ULLONG_MAX if base == 10 and end - start > 20 else int(text[start:end], base)
    shift = UNITS.get(text[end : end + 1].upper())
    if shift is None:
        return min(number, ULLONG_MAX), end
    return min(number << shift, ULLONG_MAX), end + 1


def _number(text: str, at: int, message: str) -> tuple[int, int]:
    """As memparse, but no number is Rejected with the message."""
    number, end = memparse(text, at)
    if end == at:
        raise Rejected(message)
    return number, end


def parse_simple(text: str) -> Request:
    """SIZE[@OFFSET]: parse_crashkernel_simple(). What follows the offset is ignored, as the kernel does."""
    size, at = _number(text, 0, "crashkernel: memory value expected")
    if text[at : at + 1] == "@":
        return Request(size, memparse(text, at + 1)[0])
    if at < len(text):
        raise Rejected(f"crashkernel: unrecognized char: {text[at]}")
    return Request(size)


def parse_range(text: str, at: int) -> tuple[int, int, int, int]:
    """START-[END]:SIZE at `at`: start, end (exclusive), size, and the place after it."""
    start, at = _number(text, at, "crashkernel: Memory value expected")
    if text[at : at + 1] != "-":
        raise Rejected("crashkernel: '-' expected")
    at += 1
    end = ULLONG_MAX
    if text[at : at + 1] != ":":
        end, at = _number(text, at, "crashkernel: Memory value expected")
        if end <= start:
            raise Rejected("crashkernel: end <= start")
    if text[at : at + 1] != ":":
        raise Rejected("crashkernel: ':' expected")
    size, at = _number(text, at + 1, "crashkernel: Memory value expected")
    return start, end, size, at


def parse_ranges(text: str, system_ram: int) -> Request:
    """START-[END]:SIZE,...[@OFFSET]: parse_crashkernel_mem(). The first range that holds decides, the rest is unread."""
    total = -(-system_ram // ROUNDING) * ROUNDING
    at = 0
    while True:
        start, end, size, at = parse_range(text, at)
        if size >= total:
            raise Rejected("crashkernel: invalid size")
        if start <= total < end:
            break
        if text[at : at + 1] != ",":
            raise Rejected("crashkernel size resulted in zero bytes")
        at += 1
    if size == 0:
        raise Rejected("crashkernel size resulted in zero bytes")
    offset = text.find("@", at)
    if offset < 0:
        return Request(size)
    return Request(size, _number(text, offset + 1, "crashkernel: Memory value expected after '@'")[0])


def parse_suffixed(text: str, suffix: str) -> int:
    """SIZE,high or SIZE,low: parse_crashkernel_suffix(). Bytes."""
    size, at = _number(text, 0, "crashkernel: memory value expected")
    if text[at:] != suffix:
        raise Rejected(f"crashkernel: unrecognized char: {text[at : at + 1]}")
    return size


def parse(line: str, system_ram: int, arch: Arch) -> Request | None:
    """What a whole command line asks for, None where it asks for nothing: parse_crashkernel(). Raises Rejected."""
    values = crashkernel_values(line)
    plain = [text for text in values if is_plain(text)]
    if plain:
        return parse_ranges(plain[-1], system_ram) if ":" in plain[-1] else parse_simple(plain[-1])
    high = [text for text in values if text.endswith(",high")]
    if not high or not arch.high_low:
        return None
    low = [text for text in values if text.endswith(",low")]
    return Request(
        parse_suffixed(high[-1], ",high"),
        above=True,
        low=parse_suffixed(low[-1], ",low") if low else None,
    )


def _fits(memory: Memory, size: int, arch: Arch, floor: int, ceiling: int | None) -> bool:
    """Is there one piece of memory in [floor, ceiling) that takes `size` bytes at an aligned base?"""
    for start, end in memory.ranges:
        base = -(-max(start, floor) // arch.align) * arch.align
        if base + size <= (end if ceiling is None else min(end, ceiling)):
            return True
    return False


def place(request: Request, memory: Memory, arch: Arch) -> Reservation:
    """Where a request ends up: reserve_crashkernel_generic().

    What else lies in memory at that moment (kernel, initramfs, firmware) is not known here, so a request close to all
    of a range can still fail in the kernel.
    """
    size, limit = request.size, arch.low_limit
    low = arch.default_low if request.low is None else request.low
    failed = Reservation(problem=f"cannot allocate crashkernel (size:{size:#x})")
    if request.offset:
        inside = any(start <= request.offset and request.offset + size <= end for start, end in memory.ranges)
        return Reservation(size) if inside else Reservation(problem="crashkernel reservation failed - memory is in use.")
    below = _fits(memory, size, arch, 0, limit)
    above = limit is not None and _fits(memory, size, arch, limit, None)
    if below and not (request.above and above):
        return Reservation(size)
    if not above:
        return failed
    if low and not _fits(memory, low, arch, 0, limit):
        return Reservation(problem=f"cannot allocate crashkernel low memory (size:{low:#x}).")
    return Reservation(size, low)


def evaluate(line: str, memory: Memory, arch: Arch) -> Reservation:
    """What a kernel booted with this command line would reserve on this machine."""
    try:
        request = parse(line, memory.total, arch)
    except Rejected as rejected:
        return Reservation(problem=str(rejected))
    if request is None:
        return Reservation(problem="no crashkernel= that this architecture's kernel acts on")
    if request.size == 0:
        return Reservation(problem="the size is 0")
    if request.size >= memory.total:
        return Reservation(problem=f"the size is not below the system's memory ({memory.total >> 20} MiB)")
    return place(request, memory, arch)
