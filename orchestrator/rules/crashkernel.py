# SPDX-License-Identifier: Apache-2.0
"""`crashkernel=`: what the kernel would make of it on a given machine.

A transcription of the rules of linux kernel/crash_reserve.c; what differs between versions and architectures is data in
arch.py. Every refusal carries the kernel's own message. The kernel accepts more than anybody means (octal sizes, trailing
text): crashkernel_value.py says what may be written. vm-tests/test_kernel.py asks real kernels whether this module is right.
"""

from __future__ import annotations

from dataclasses import replace

from orchestrator.rules import placement
from orchestrator.rules.arch import GRAMMAR, Arch, Grammar, Low
from orchestrator.rules.cmdline import crashkernel_values, words
from orchestrator.rules.memory import Memory
from orchestrator.rules.placement import Request, Reservation

UNITS = {"K": 10, "M": 20, "G": 30, "T": 40, "P": 50, "E": 60}
ULLONG_MAX = (1 << 64) - 1
ROUNDING = 128 << 20  # parse_crashkernel_mem(): firmware keeps some memory back, so ranges see the total rounded up
SLAB = 2 << 10  # IO_TLB_SIZE
SLABS = 128  # IO_TLB_SEGSIZE: swiotlb= is rounded up to so many


class Rejected(Exception):
    """The kernel's message for a value that it cannot parse."""


def memparse(text: str, at: int, lax: bool = False) -> tuple[int, int]:
    """The number at `at` and the place after it; the same place where there is none (linux lib/cmdline.c memparse).

    A number beyond 64 bits is the largest one, or with `lax` (older kernels) what is left in 64 bits; there a unit alone is 0.
    """
    digits, base = "0123456789", 10
    start = at
    if text[at : at + 1] == "0":
        digits, base = "01234567", 8
        if text[at + 1 : at + 2] in ("x", "X") and text[at + 2 : at + 3].lower() in tuple("0123456789abcdef"):
            digits, base, start = "0123456789abcdef", 16, at + 2
    end = start
    while end < len(text) and text[end].lower() in digits:
        end += 1
    shift = UNITS.get(text[end : end + 1].upper())
    if end == start and not (lax and shift):
        return 0, at
    number = _digits(text[start:end], base, lax) << (shift or 0)
    return (number & ULLONG_MAX if lax else min(number, ULLONG_MAX)), end + (1 if shift else 0)


def _digits(text: str, base: int, lax: bool) -> int:
    """The value of digits; int() refuses thousands of decimal digits; the kernel reads them all."""
    if base != 10 or len(text) <= 20:
        return int(text or "0", base)
    if not lax:
        return ULLONG_MAX
    number = 0
    for digit in text:
        number = (number * 10 + int(digit)) & ULLONG_MAX
    return number


def _number(text: str, at: int, message: str, grammar: Grammar) -> tuple[int, int]:
    """As memparse, but no number is Rejected with the message."""
    number, end = memparse(text, at, grammar.lax_numbers)
    if end == at:
        raise Rejected(message)
    return number, end


def parse_simple(text: str, grammar: Grammar = GRAMMAR) -> Request:
    """SIZE[@OFFSET]: parse_crashkernel_simple(). What follows the offset is ignored, as the kernel does."""
    size, at = _number(text, 0, "crashkernel: memory value expected", grammar)
    if text[at : at + 1] == "@":
        return Request(size, memparse(text, at + 1, grammar.lax_numbers)[0])
    if at < len(text):
        raise Rejected(f"crashkernel: unrecognized char: {text[at]}")
    return Request(size)


def parse_range(text: str, at: int, grammar: Grammar = GRAMMAR) -> tuple[int, int, int, int]:
    """START-[END]:SIZE at `at`: start, end (exclusive), size, and the place after it."""
    start, at = _number(text, at, "crashkernel: Memory value expected", grammar)
    if text[at : at + 1] != "-":
        raise Rejected("crashkernel: '-' expected")
    at += 1
    end = ULLONG_MAX
    if text[at : at + 1] != ":":
        end, at = _number(text, at, "crashkernel: Memory value expected", grammar)
        if end <= start:
            raise Rejected("crashkernel: end <= start")
    if text[at : at + 1] != ":":
        raise Rejected("crashkernel: ':' expected")
    size, at = _number(text, at + 1, grammar.size_expected, grammar)
    return start, end, size, at


def parse_ranges(text: str, system_ram: int, grammar: Grammar = GRAMMAR) -> Request:
    """START-[END]:SIZE,...[@OFFSET]: parse_crashkernel_mem(). The first range that holds decides, the rest is unread."""
    total = -(-system_ram // ROUNDING) * ROUNDING
    at = 0
    while True:
        start, end, size, at = parse_range(text, at, grammar)
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
    return Request(size, _number(text, offset + 1, grammar.offset_expected, grammar)[0])


def parse_suffixed(text: str, suffix: str, grammar: Grammar = GRAMMAR) -> int:
    """SIZE,high or SIZE,low: parse_crashkernel_suffix(). Bytes."""
    size, at = _number(text, 0, "crashkernel: memory value expected", grammar)
    if text[at:] != suffix:
        raise Rejected(f"crashkernel: unrecognized char: {text[at : at + 1]}")
    return size


def parse(line: str, system_ram: int, arch: Arch) -> Request | None:
    """What a whole command line asks for, None where it asks for nothing: parse_crashkernel(). Raises Rejected."""
    values = crashkernel_values(line)
    grammar = arch.grammar
    plain = [text for text in values if not text.endswith(grammar.suffixes)]
    high = [text for text in values if text.endswith(",high")] if arch.high_low else []
    if plain:
        try:
            found = _plain(plain[-1], system_ram, grammar)
        except Rejected:
            if not (high and grammar.high_after_failure):
                raise
        else:
            if found.size or not (high and grammar.high_after_failure):
                return replace(found, low=_low(values, arch)) if arch.plain_low is Low.GIVEN else found
    if not high:
        return None
    size = parse_suffixed(high[-1], ",high", grammar)
    return Request(size, above=True, low=_low(values, arch) if size else None)


def _plain(text: str, system_ram: int, grammar: Grammar) -> Request:
    """A value without a suffix: a colon makes it a list of ranges."""
    return parse_ranges(text, system_ram, grammar) if ":" in text else parse_simple(text, grammar)


def _low(values: tuple[str, ...], arch: Arch) -> int | None:
    """The last ,low, in bytes; None where there is none."""
    low = [text for text in values if text.endswith(",low")]
    if not low or not arch.high_low:
        return None
    try:
        return parse_suffixed(low[-1], ",low", arch.grammar)
    except Rejected:
        if arch.grammar.low_may_fail:
            return None
        raise


def swiotlb(line: str) -> int:
    """Bytes of bounce buffer that swiotlb=SLABS[,...] asks for, by its last number; 0 without (linux kernel/dma/swiotlb.c)."""
    slabs = 0
    for word in words(line):
        key, _, text = word.text.partition("=")
        if key == "swiotlb" and text[:1].isdecimal():
            number, _, _ = text.partition(",")
            slabs = memparse(number, 0)[0]
    return -(-slabs // SLABS) * SLABS * SLAB


def default_low(line: str, arch: Arch) -> int:
    """Bytes of the low part where ,low does not say. Memory encryption, which enlarges swiotlb, is not looked at."""
    return max(arch.default_low, swiotlb(line) + (8 << 20)) if arch.counts_swiotlb else arch.default_low


def evaluate(line: str, memory: Memory, arch: Arch) -> Reservation:
    """What a kernel booted with this command line would reserve on this machine."""
    try:
        request = parse(line, memory.total, arch)
    except Rejected as rejected:
        return Reservation(problem=str(rejected))
    if request is None:
        return Reservation(problem="no crashkernel= that this architecture's kernel acts on", silent=True)
    if request.size == 0:
        return Reservation(problem="the size is 0", silent=True)
    if arch.grammar.below_memory and request.size >= memory.total:
        return Reservation(problem=f"the size is not below the system's memory ({memory.total >> 20} MiB)", silent=True)
    return placement.place(request, memory, arch, default_low(line, arch))
