# SPDX-License-Identifier: Apache-2.0
"""crashkernel.py against the kernel's rules (linux kernel/crash_reserve.c, lib/cmdline.c)."""

from __future__ import annotations

import pytest

from orchestrator import arch
from orchestrator.crashkernel import ULLONG_MAX, Rejected, default_low, evaluate, memparse, parse, swiotlb
from orchestrator.memory import Memory
from orchestrator.placement import Request, Reservation
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


PLACED = [
    ("below 4G", "256M", memory(8), X86, Reservation(256 * MIB)),
    ("too large for below", "4G", memory(8), X86, Reservation(4 * GIB, 256 * MIB)),
    ("too large for below, aarch64", "4G", memory(8), ARM, Reservation(4 * GIB, 128 * MIB)),
    ("high goes above", "256M,high", memory(8), X86, Reservation(256 * MIB, 256 * MIB)),
    ("high goes above, aarch64", "256M,high", memory(8), ARM, Reservation(256 * MIB, 128 * MIB)),
    ("high falls back to below", "256M,high", memory(2), X86, Reservation(256 * MIB)),
    ("high with its own low", "256M,high crashkernel=72M,low", memory(8), X86, Reservation(256 * MIB, 72 * MIB)),
    ("high without low", "256M,high crashkernel=0,low", memory(8), X86, Reservation(256 * MIB)),
    ("offset in memory", "256M@1G", memory(8), X86, Reservation(256 * MIB)),
    ("all above 4G, aarch64", "256M", Memory(((4 * GIB, 8 * GIB),)), ARM, None),
    ("offset in the hole", "256M@3G", memory(8), X86, None),
    ("offset over the edge", "256M@2900M", memory(8), X86, None),
    ("no piece is large enough", "6G", memory(8), X86, None),
    ("as large as memory", "8G", memory(8), X86, None),
    ("larger than memory", "9G", memory(8), X86, None),
    ("nothing", "0", memory(8), X86, None),
    ("no range holds", "16G-:256M", memory(8), X86, None),
    ("no piece on s390x", "6G", memory(8), S390, None),
    ("s390x: not larger than the first piece", "4G", memory(8), S390, None),
    ("s390x: above its own size", "4G", Memory(((0, 8 * GIB),)), S390, Reservation(4 * GIB)),
    ("s390x: no room above its own size", "5G", Memory(((0, 8 * GIB),)), S390, None),
]


@pytest.mark.parametrize(("text", "where", "on", "expected"), [row[1:] for row in PLACED], ids=[row[0] for row in PLACED])
def test_placement(text: str, where: Memory, on: arch.Arch, expected: Reservation | None) -> None:
    found = evaluate(f"crashkernel={text}", where, on)
    assert (found if not found.problem else None) == expected
    assert bool(found.total) != bool(found.problem)


@pytest.mark.parametrize(
    ("on", "start", "spare", "fits"),
    [
        (X86, 16 * MIB, 0, True),
        (X86, 17 * MIB, 15 * MIB, True),
        (X86, 17 * MIB, 15 * MIB - 1, False),
        (ARM, 30 * MIB, 0, True),
        (ARM, 31 * MIB, MIB, True),
        (ARM, 31 * MIB, MIB - 1, False),
    ],
    ids=["x86_64", "x86_64 moved up", "x86_64 no room", "aarch64", "aarch64 moved up", "aarch64 no room"],
)
def test_the_base_is_aligned(on: arch.Arch, start: int, spare: int, fits: bool) -> None:
    # One piece that takes 256 MiB from the aligned base on, and memory elsewhere that makes the total large.
    pieces = Memory(((start, start + spare + 256 * MIB), (5 * GIB, 5 * GIB + 255 * MIB)))
    assert bool(evaluate("crashkernel=256M", pieces, on).total) is fits


def test_low_memory_that_does_not_fit_takes_the_whole_down() -> None:
    found = evaluate("crashkernel=1G,high", Memory(((0, 100 * MIB), (4 * GIB, 8 * GIB))), X86)
    assert found == Reservation(problem="cannot allocate crashkernel low memory (size:0x10000000).")


def test_what_is_left_over_is_named() -> None:
    assert evaluate("crashkernel=6G", memory(8), X86).problem == "cannot allocate crashkernel (size:0x180000000)"
    assert "8192 MiB" in evaluate("crashkernel=8G", memory(8), X86).problem
    assert Reservation(3, 4).total == 7


VERSIONS = [
    # line, then what 6.1, 6.12 and 7.2 make of it on x86_64 with 8 GiB
    ("crashkernel=64M,cma", "unrecognized char: ,", "unrecognized char: ,", "no crashkernel= that"),
    ("crashkernel=128M crashkernel=64M,cma", "unrecognized char: ,", "unrecognized char: ,", 128),
    ("crashkernel=K-:128M", 128, 128, "crashkernel: Memory value expected"),
    ("crashkernel=M", "the size is 0", "the size is 0", "memory value expected"),
    ("crashkernel=17179869184G", "the size is 0", "the size is 0", "not below the system's memory"),
    ("crashkernel=1G-:", "Memory value expected", "crashkernel: Memory value", "crashkernel: Memory value"),
    ("crashkernel=1G-:64M@", "Memory value expected after", "crahskernel: Memory", "crashkernel: Memory"),
    ("crashkernel=bad crashkernel=128M,high", 384, "memory value expected", "memory value expected"),
    ("crashkernel=0 crashkernel=128M,high", 384, "the size is 0", "the size is 0"),
    ("crashkernel=16G-:1M crashkernel=128M,high", 384, "resulted in zero", "resulted in zero"),
    ("crashkernel=128M,high crashkernel=bad,low", 384, "memory value expected", "memory value expected"),
    ("crashkernel=4G crashkernel=72M,low", 4168, 4352, 4352),
    ("crashkernel=128M@5G", 384, 128, 128),
    ("crashkernel=128M@5G crashkernel=72M,low", 200, 128, 128),
    ("crashkernel=128M@1281M", 128, "memory is in use", "memory is in use"),
    ("crashkernel=9G", "No suitable area found", "not below the system's", "not below the system's"),
    ("crashkernel=1G,high crashkernel=3584M,low", "Cannot reserve 3584MB", "low memory (size:0xe0000000)", "low memory (size"),
]


@pytest.mark.parametrize(("line", "v61", "v612", "v72"), VERSIONS, ids=[row[0] for row in VERSIONS])
def test_versions(line: str, v61: str | int, v612: str | int, v72: str | int) -> None:
    for rules, expected in ((X86_61, v61), (X86_612, v612), (X86, v72)):
        found = evaluate(line, memory(8), rules)
        if isinstance(expected, int):
            assert found.total == expected * MIB, rules.since
        else:
            assert expected in found.problem


ARCHES = [
    ("aarch64 6.1 keeps below", "aarch64", "6.1", "4G", None),
    ("aarch64 6.1 has no default low part", "aarch64", "6.1", "256M,high", Reservation(256 * MIB)),
    ("aarch64 6.1 takes whole pages", "aarch64", "6.1", "134217729", Reservation(128 * MIB + 4096)),
    ("aarch64 6.12 takes the very bytes", "aarch64", "6.12", "134217729", Reservation(128 * MIB + 1)),
    ("riscv64 6.1 knows no ,high", "riscv64", "6.1", "256M,high", None),
    ("riscv64 6.1 takes no low part", "riscv64", "6.1", "4G", Reservation(4 * GIB)),
    ("riscv64", "riscv64", "6.12", "256M,high", Reservation(256 * MIB, 128 * MIB)),
    ("s390x rounds up", "s390x", "6.12", "1025K", Reservation(2 * MIB)),
    ("s390x: offset below the size", "s390x", "6.12", "256M@128M", None),
    ("s390x: offset", "s390x", "6.12", "256M@256M", Reservation(256 * MIB)),
    ("ppc64le: from 512M on", "ppc64le", "6.12", "2560M", Reservation(2560 * MIB)),
    ("ppc64le: more than from 512M on", "ppc64le", "6.12", "2561M", None),
    ("ppc64le knows no ,high", "ppc64le", "7.2", "256M,high", None),
    ("ppc64le 6.12 takes whole pages", "ppc64le", "6.12", "1025K", Reservation(1088 << 10)),
    ("ppc64le takes the very bytes", "ppc64le", "7.2", "1025K", Reservation(1025 << 10)),
]


@pytest.mark.parametrize(("name", "release", "text", "expected"), [row[1:] for row in ARCHES], ids=[row[0] for row in ARCHES])
def test_architectures(name: str, release: str, text: str, expected: Reservation | None) -> None:
    found = evaluate(f"crashkernel={text}", memory(8), arch.named(name, release))
    assert (found if not found.problem else None) == expected


def test_half_of_a_small_first_piece_is_ppc64les_base() -> None:
    ppc = arch.named("ppc64le")
    assert evaluate("crashkernel=256M", Memory(((0, 512 * MIB),)), ppc).total
    assert not evaluate("crashkernel=257M", Memory(((0, 512 * MIB),)), ppc).total


@pytest.mark.parametrize(
    ("line", "size", "low"),
    [
        ("", 0, 256),
        ("swiotlb=force", 0, 256),
        ("swiotlb=65536", 128, 256),
        ("swiotlb=262144", 512, 520),
        ("swiotlb=262144,force swiotlb=noforce", 512, 520),
        ("swiotlb=262144 swiotlb=524288,2", 1024, 1032),
        ("swiotlb=0x40000", 512, 520),
        ("xswiotlb=262144", 0, 256),
    ],
)
def test_bounce_buffers_enlarge_the_low_part(line: str, size: int, low: int) -> None:
    assert swiotlb(line) == size * MIB
    assert default_low(line, X86) == low * MIB
    assert default_low(line, ARM) == 128 * MIB
    assert evaluate(f"crashkernel=256M,high {line}", memory(8), X86) == Reservation(256 * MIB, low * MIB)


def test_who_is_silent() -> None:
    for line in ("", "crashkernel=64M,low", "crashkernel=0", "crashkernel=9G"):
        assert evaluate(line, memory(8), X86).silent
    for line in ("crashkernel=auto", "crashkernel=6G", "crashkernel=16G-:1M"):
        assert not evaluate(line, memory(8), X86).silent
