# SPDX-License-Identifier: Apache-2.0
"""crashkernel.py against the kernel's rules (linux kernel/crash_reserve.c, lib/cmdline.c)."""

from __future__ import annotations

import pytest

from orchestrator.rules import arch
from orchestrator.rules.crashkernel import ULLONG_MAX, Rejected, evaluate, memparse, parse
from orchestrator.rules.memory import Memory
from orchestrator.rules.placement import Request
from tests.sample import GIB, MIB

X86 = arch.named("x86_64")
X86_61 = arch.named("x86_64", "6.1.0")
X86_612 = arch.named("x86_64", "6.12.0")
ARM = arch.named("aarch64")
S390 = arch.named("s390x")


def memory(gib: int) -> Memory:
    """So much memory as a PC has it: up to 3 GiB at the bottom, the rest from 4 GiB on."""
    total = gib * GIB
    if total <= 3 * GIB:
        return Memory(((0, total),))
    return Memory(((0, 3 * GIB), (4 * GIB, 4 * GIB + total - 3 * GIB)))


@pytest.mark.parametrize(
    ("text", "number", "rest"),
    [
        ("256", 256, ""),
        ("256M", 256 * MIB, ""),
        ("1k", 1024, ""),
        ("1g", GIB, ""),
        ("2T", 2 << 40, ""),
        ("1P", 1 << 50, ""),
        ("1e", 1 << 60, ""),
        ("0x10M", 16 * MIB, ""),
        ("0XfG", 15 * GIB, ""),
        ("010M", 8 * MIB, ""),
        ("08M", 0, "8M"),
        ("0x", 0, "x"),
        ("0xg", 0, "xg"),
        ("0", 0, ""),
        ("256MB", 256 * MIB, "B"),
        ("256MiB", 256 * MIB, "iB"),
        ("1.5G", 1, ".5G"),
        ("", 0, ""),
        ("M", 0, "M"),
        ("-1", 0, "-1"),
        ("18446744073709551615", ULLONG_MAX, ""),
        ("18446744073709551616", ULLONG_MAX, ""),
        ("17179869184G", ULLONG_MAX, ""),
        ("16E", ULLONG_MAX, ""),
        ("9" * 5000, ULLONG_MAX, ""),
        ("0x" + "f" * 5000 + "K", ULLONG_MAX, ""),
    ],
    ids=lambda value: str(value)[:24] or "empty",
)
def test_memparse(text: str, number: int, rest: str) -> None:
    found, at = memparse(text, 0)
    assert (found, text[at:]) == (number, rest)


@pytest.mark.parametrize(
    ("text", "number", "rest"),
    [
        ("M", 0, ""),
        ("K-", 0, "-"),
        ("x", 0, "x"),
        ("", 0, ""),
        ("17179869184G", 0, ""),
        ("16E", 0, ""),
        ("17E", 1 << 60, ""),
        ("18446744073843769344", 128 * MIB, ""),
        ("0x10000000000000001", 1, ""),
        ("1" + "0" * 5000, 0, ""),
        ("256M", 256 * MIB, ""),
    ],
    ids=lambda value: str(value)[:24] or "empty",
)
def test_memparse_of_older_kernels(text: str, number: int, rest: str) -> None:
    found, at = memparse(text, 0, lax=True)
    assert (found, text[at:]) == (number, rest)


def test_memparse_starts_where_it_is_told() -> None:
    assert memparse("crashkernel=256M@", len("crashkernel=")) == (256 * MIB, len("crashkernel=256M"))


SIMPLE = [
    ("256M", Request(256 * MIB)),
    ("256M@16M", Request(256 * MIB, 16 * MIB)),
    ("256M@0", Request(256 * MIB)),
    ("256M@16Mjunk", Request(256 * MIB, 16 * MIB)),
    ("256M@", Request(256 * MIB)),
    ("0x10000000", Request(256 * MIB)),
    ("010M", Request(8 * MIB)),
]


@pytest.mark.parametrize(("text", "request_"), SIMPLE, ids=[text for text, _ in SIMPLE])
def test_simple(text: str, request_: Request) -> None:
    assert parse(f"quiet crashkernel={text} rw", 8 * GIB, X86) == request_


RANGES = [
    ("2G-64G:256M,64G-:512M", 8, Request(256 * MIB)),
    ("2G-64G:256M,64G-:512M", 64, Request(512 * MIB)),
    ("2G-64G:256M,64G-:512M", 2, Request(256 * MIB)),
    ("512M-:192M", 1, Request(192 * MIB)),
    ("1G-:128M@16M", 8, Request(128 * MIB, 16 * MIB)),
    ("1G-:128M,1G-:256M", 8, Request(128 * MIB)),
    ("1G-2G:64M,2G-:128M@32M", 8, Request(128 * MIB, 32 * MIB)),
    ("1G-:128Mgarbage,nonsense", 8, Request(128 * MIB)),
    ("1G-:128Mgarbage@16M", 8, Request(128 * MIB, 16 * MIB)),
    ("0-:128M", 1, Request(128 * MIB)),
]


@pytest.mark.parametrize(("text", "gib", "request_"), RANGES, ids=[f"{text} on {gib}G" for text, gib, _ in RANGES])
def test_ranges(text: str, gib: int, request_: Request) -> None:
    assert parse(f"crashkernel={text}", gib * GIB, X86) == request_


@pytest.mark.parametrize(
    ("total", "size"),
    [
        (1920 * MIB, None),
        (1920 * MIB + 1, 256 * MIB),
        (2 * GIB - 4096, 256 * MIB),
        (2 * GIB, 256 * MIB),
        (64 * GIB - 128 * MIB, 256 * MIB),
        (64 * GIB - 128 * MIB + 1, 512 * MIB),
    ],
    ids=["1920M", "1920M+1", "2G-4K", "2G", "64G-128M", "64G-128M+1"],
)
def test_ranges_see_memory_rounded_up_to_128_mib(total: int, size: int | None) -> None:
    line = "crashkernel=2G-64G:256M,64G-:512M"
    if size is None:
        with pytest.raises(Rejected, match="size resulted in zero bytes"):
            parse(line, total, X86)
        return
    assert parse(line, total, X86) == Request(size)


MESSAGES = [
    ("auto", "crashkernel: memory value expected"),
    ("", "crashkernel: memory value expected"),
    ('"256M"', "crashkernel: memory value expected"),
    ("08M", "crashkernel: unrecognized char: 8"),
    ("256MB", "crashkernel: unrecognized char: B"),
    ("256M\t", "crashkernel: unrecognized char: \t"),
    ("256M,", "crashkernel: unrecognized char: ,"),
    ("256M,High", "crashkernel: unrecognized char: ,"),
    (":256M", "crashkernel: Memory value expected"),
    ("x-:256M", "crashkernel: Memory value expected"),
    ("1G:256M", "crashkernel: '-' expected"),
    ("1G-x:256M", "crashkernel: Memory value expected"),
    ("2G-1G:256M", "crashkernel: end <= start"),
    ("1G-1G:256M", "crashkernel: end <= start"),
    ("1G-2G,4G-:256M", "crashkernel: ':' expected"),
    ("1G-:", "crashkernel: Memory value expected"),
    ("1G-:8G", "crashkernel: invalid size"),
    ("16G-:256M", "crashkernel size resulted in zero bytes"),
    ("1G-:0", "crashkernel size resulted in zero bytes"),
    ("16G-:256M,", "crashkernel: Memory value expected"),
    ("1G-:256M@", "crashkernel: Memory value expected after '@'"),
    ("1G-:256M,high", None),
]


@pytest.mark.parametrize(("text", "message"), MESSAGES, ids=[repr(text) for text, _ in MESSAGES])
def test_messages_are_the_kernels(text: str, message: str | None) -> None:
    with pytest.raises(Rejected) as caught:
        parse(f"crashkernel={text}", 8 * GIB, X86)
    assert str(caught.value) == (message or "crashkernel: unrecognized char: -")


def test_a_size_of_a_range_that_does_not_apply_must_fit_as_well() -> None:
    assert evaluate("crashkernel=64G-:1G,1G-2G:128M", memory(1), X86).problem == "crashkernel: invalid size"
    assert evaluate("crashkernel=1G-2G:128M,64G-:1G", memory(1), X86).total == 128 * MIB


LINES = [
    ("crashkernel=128M crashkernel=256M", Request(256 * MIB)),
    ("crashkernel=256M crashkernel=bad,high", Request(256 * MIB)),
    ("crashkernel=256M,high", Request(256 * MIB, above=True)),
    ("crashkernel=256M,high crashkernel=72M,low", Request(256 * MIB, above=True, low=72 * MIB)),
    ("crashkernel=256M,high crashkernel=0,low", Request(256 * MIB, above=True, low=0)),
    ("crashkernel=1M,high crashkernel=2M,high", Request(2 * MIB, above=True)),
    ("crashkernel=512M,high crashkernel=256M", Request(256 * MIB)),
    ("crashkernel=72M,low", None),
    ("crashkernel=64M,cma", None),
    ("crashkernel=256M crashkernel=64M,cma", Request(256 * MIB)),
    ("nocrashkernel=1M", Request(MIB)),
    ("rd.x.crashkernel=2M", Request(2 * MIB)),
    ("crashkernel=256M nocrashkernel=1M", Request(MIB)),
    ('dyndbg="file x crashkernel=3M +p"', Request(3 * MIB)),
    ("quiet -- crashkernel=4M", Request(4 * MIB)),
    ("crash_kernel=1M crash-kernel=1M", None),
    ("crashkernel", None),
    ("", None),
]


@pytest.mark.parametrize(("line", "request_"), LINES, ids=[line or "empty" for line, _ in LINES])
def test_which_value_of_a_line_counts(line: str, request_: Request | None) -> None:
    assert parse(line, 8 * GIB, X86) == request_


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("crashkernel=bad crashkernel=256M,high", "crashkernel: memory value expected"),
        ("crashkernel=256M,high crashkernel=bad,low", "crashkernel: memory value expected"),
        ("crashkernel=256MB,high", "crashkernel: unrecognized char: B"),
        ('"crashkernel=256M"', 'crashkernel: unrecognized char: "'),
    ],
    ids=["bad plain disables high", "bad low disables high", "bad high", "quoted word"],
)
def test_what_one_bad_value_takes_down(line: str, message: str) -> None:
    assert evaluate(line, memory(8), X86).problem == message


def test_high_and_low_do_not_exist_everywhere() -> None:
    assert parse("crashkernel=256M,high", 8 * GIB, S390) is None
    assert not evaluate("crashkernel=256M,high", memory(8), S390).total
