# SPDX-License-Identifier: Apache-2.0
"""What differs between architectures and kernel versions where crashkernel= is concerned, as data.

Sources: linux arch/*/include/asm/{setup.h,crash_reserve.h}, kernel/crash_reserve.c (6.12, 7.2), kernel/crash_core.c and each
architecture's own reserve_crashkernel() (6.1), lib/cmdline.c. Read and booted: x86_64 and aarch64 6.1, 6.12, 7.2, and with 14
requests each riscv64 7.2 and ppc64le 6.1, 7.2. Read only: s390x, and riscv64 6.1.
A version in between follows the last change known before it. These changes are placed by their upstream version and were not
read there: 6.2 (aarch64 tries above 4 GiB too), 6.6 (kexec_crash_size counts the low part), 6.7 (one code for all), 6.15
(ppc64le joins it), 6.17 (,cma), 7.0 (memparse; it may be later).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from orchestrator.errors import Refusal

KIB = 1 << 10
MIB = 1 << 20
GIB = 1 << 30


class Window(Enum):
    """Where a kernel looks for memory: below the low limit, from it on, or anywhere; always from the top down."""

    LOW = "low"
    HIGH = "high"
    ANY = "any"


class Low(Enum):
    """The extra part below the low limit, of a reservation that came to lie above it."""

    NONE = "none"
    DEFAULT = "default"
    GIVEN = "given"  # what ,low says, the default where it says nothing


@dataclass(frozen=True)
class Grammar:
    """How the text is read; the defaults are 7.2's. Where a kernel misspells a message it is quoted so."""

    suffixes: tuple[str, ...] = (",high", ",low", ",cma")
    lax_numbers: bool = False  # memparse(): numbers wrap at 64 bits, and a unit without a number is 0
    below_memory: bool = True  # a size that is not below the memory is refused without a word
    high_after_failure: bool = False  # ,high is tried where a plain value is there but malformed or 0, too
    low_may_fail: bool = False  # a malformed ,low counts as absent
    size_expected: str = "crashkernel: Memory value expected"
    offset_expected: str = "crashkernel: Memory value expected after '@'"


GRAMMAR = Grammar()


@dataclass(frozen=True)
class Arch:
    """`name` as uname(2) gives it, `since` the first kernel version these rules hold for; all sizes in bytes."""

    name: str
    since: tuple[int, int]
    command_line_size: int  # COMMAND_LINE_SIZE, with the terminating NUL
    align: int  # CRASH_ALIGN: the base of a reservation is a multiple of it
    low_limit: int | None  # CRASH_ADDR_LOW_MAX: where LOW ends and HIGH begins; None: there is no such line
    default_low: int  # DEFAULT_CRASH_KERNEL_LOW_SIZE
    high_low: bool = True  # are ,high and ,low understood?
    grammar: Grammar = GRAMMAR
    plain_windows: tuple[Window, ...] = (Window.LOW, Window.HIGH)  # in the order they are tried
    high_windows: tuple[Window, ...] = (Window.HIGH, Window.LOW)
    plain_low: Low = Low.DEFAULT
    offset_low: Low = Low.NONE
    offset_align: int = 0  # an offset that is no multiple cannot be had; 0: as align
    offset_rounding: int = 1  # an offset is rounded up to it
    size_rounding: int = 1
    fixed_base: int = 0  # without an offset: the base is this, or half of the first piece of memory if that is less
    above_its_size: bool = False  # the base is not below the size, which is not larger than the first piece of memory
    counts_swiotlb: bool = False  # default_low is at least swiotlb= plus 8 MiB
    shows_low: bool = True  # does /sys/kernel/kexec_crash_size count the low part?
    no_place: str = "cannot allocate crashkernel (size:{size:#x})"
    no_place_at_offset: str = "crashkernel reservation failed - memory is in use."
    no_low: str = "cannot allocate crashkernel low memory (size:{size:#x})."
    no_room_to_start: str = "crashkernel reservation failed: first memory chunk must be at least crashkernel size"
    too_low: str = "crashkernel reservation failed: crash_base too low"


# The parsers, newest first.
BEFORE_7_0 = replace(GRAMMAR, lax_numbers=True)
BEFORE_6_17 = replace(
    BEFORE_7_0, suffixes=(",high", ",low"), offset_expected="crahskernel: Memory value expected after '@'"
)
BEFORE_6_7 = replace(
    BEFORE_6_17,
    below_memory=False,
    size_expected="Memory value expected",
    offset_expected="Memory value expected after '@'",
)
PARSERS = (((7, 0), GRAMMAR), ((6, 17), BEFORE_7_0), ((6, 7), BEFORE_6_17), ((0, 0), BEFORE_6_7))

X86 = Arch("x86_64", (6, 7), 2048, 16 * MIB, 4 * GIB, 256 * MIB, counts_swiotlb=True)
# The limit is arm64_dma_phys_limit, which is 4G unless the firmware describes a smaller DMA window.
ARM = Arch("aarch64", (6, 2), 2048, 2 * MIB, 4 * GIB, 128 * MIB)
RISCV = Arch("riscv64", (6, 7), 2048, 2 * MIB, 4 * GIB, 128 * MIB)
# The base is that of a guest of PowerVM or KVM; where the kernel itself lies is not known here.
PPC = Arch("ppc64le", (6, 15), 2048, 64 * KIB, None, 0, high_low=False, offset_rounding=64 * KIB, fixed_base=512 * MIB)
# ident_map_size is taken for the memory's size and sclp.hsa_size for 0; a capture kernel's OLDMEM is not looked at.
S390 = Arch(
    "s390x",
    (0, 0),
    4096,
    MIB,
    None,
    0,
    high_low=False,
    plain_windows=(Window.ANY,),
    size_rounding=MIB,
    offset_rounding=MIB,
    above_its_size=True,
    no_place="crashkernel reservation failed: no suitable area found",
    no_place_at_offset="crashkernel reservation failed: no suitable area found",
)

SHOWS_LOW_SINCE = (6, 6)

# Every architecture's placement, newest first.
PLACEMENTS = (
    X86,
    replace(
        X86,
        since=(0, 0),
        plain_windows=(Window.LOW, Window.ANY),
        high_windows=(Window.ANY,),
        plain_low=Low.GIVEN,
        offset_low=Low.GIVEN,
        offset_align=MIB,
        no_place="crashkernel reservation failed - No suitable area found.",
        no_low="Cannot reserve {mib}MB crashkernel low memory, please try smaller size.",
    ),
    ARM,
    replace(
        ARM,
        since=(0, 0),
        default_low=0,
        plain_windows=(Window.LOW,),
        high_windows=(Window.ANY,),
        plain_low=Low.NONE,
        size_rounding=4 * KIB,
        no_place_at_offset=ARM.no_place,
    ),
    RISCV,
    replace(
        RISCV,
        since=(0, 0),
        high_low=False,
        plain_windows=(Window.LOW, Window.ANY),
        plain_low=Low.NONE,
        size_rounding=4 * KIB,
        no_place="crashkernel: couldn't allocate {kib}KB",
        no_place_at_offset="crashkernel: couldn't allocate {kib}KB",
    ),
    PPC,
    replace(PPC, since=(0, 0), size_rounding=64 * KIB, no_place_at_offset="Failed to reserve memory for crashkernel!"),
    S390,
)
NAMES = tuple(dict.fromkeys(found.name for found in PLACEMENTS))
# x86_64 looked for ,high after any failure, and was content with a malformed ,low.
OWN_PARSERS = {("x86_64", BEFORE_6_7): replace(BEFORE_6_7, high_after_failure=True, low_may_fail=True)}


def version(release: str) -> tuple[int, int] | None:
    """Major and minor number of a kernel release such as 6.1.0-50-cloud-amd64; None where it starts with none."""
    major, _, rest = release.partition(".")
    minor = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    return (int(major), int(minor)) if major.isdecimal() and minor else None


def named(name: str, release: str = "") -> Arch:
    """The rules of an architecture's kernel of that release; without one, the newest rules are assumed.

    The number decides: what a vendor carried back into an older one is not seen. Refusal for an unknown architecture.
    """
    if name not in NAMES:
        raise Refusal(f"the architecture {name} is not known; known are {', '.join(NAMES)}")
    number = version(release) or PARSERS[0][0]
    placement = next(found for found in PLACEMENTS if found.name == name and found.since <= number)
    grammar = next(parser for since, parser in PARSERS if since <= number)
    return replace(placement, grammar=OWN_PARSERS.get((name, grammar), grammar), shows_low=number >= SHOWS_LOW_SINCE)
