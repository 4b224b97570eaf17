# SPDX-License-Identifier: Apache-2.0
"""placement.py and the tables of arch.py: where a request ends up, by architecture and kernel version."""

from __future__ import annotations

import pytest

from orchestrator.rules import arch
from orchestrator.rules.crashkernel import default_low, evaluate, swiotlb
from orchestrator.rules.memory import Memory
from orchestrator.rules.placement import Reservation
from tests.rules.test_crashkernel import memory
from tests.sample import GIB, MIB

X86 = arch.named("x86_64")
X86_61 = arch.named("x86_64", "6.1.0")
X86_612 = arch.named("x86_64", "6.12.0")
ARM = arch.named("aarch64")
S390 = arch.named("s390x")

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
