# SPDX-License-Identifier: Apache-2.0
"""What differs between architectures where crashkernel= is concerned.

Source: linux arch/*/include/asm/{setup.h,crash_reserve.h} and the callers of reserve_crashkernel_generic() (7.2).
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.errors import Refusal

MIB = 1 << 20
GIB = 1 << 30


@dataclass(frozen=True)
class Arch:
    """`name` as uname(2) gives it; all sizes in bytes."""

    name: str
    command_line_size: int  # COMMAND_LINE_SIZE, with the terminating NUL
    align: int  # CRASH_ALIGN: the base of a reservation is a multiple of it
    low_limit: int | None  # CRASH_ADDR_LOW_MAX: first place looked at ends here; None: anywhere
    default_low: int  # DEFAULT_CRASH_KERNEL_LOW_SIZE: taken as well when the reservation lies above low_limit
    high_low: bool  # are ,high and ,low understood?


ARCHES = {
    arch.name: arch
    for arch in (
        # The default low size is max(swiotlb + 8M, 256M); a swiotlb= above 248M is not looked at here.
        Arch("x86_64", 2048, 16 * MIB, 4 * GIB, 256 * MIB, True),
        # The limit is arm64_dma_phys_limit, which is 4G unless the firmware describes a smaller DMA window.
        Arch("aarch64", 2048, 2 * MIB, 4 * GIB, 128 * MIB, True),
        Arch("riscv64", 2048, 2 * MIB, 4 * GIB, 128 * MIB, True),
        Arch("ppc64le", 2048, 64 << 10, None, 0, False),
        Arch("s390x", 4096, MIB, None, 0, False),
    )
}


def named(name: str) -> Arch:
    """The architecture of that uname(2) name; Refusal for one whose rules are not known here."""
    arch = ARCHES.get(name)
    if arch is None:
        raise Refusal(f"the architecture {name} is not known; known are {', '.join(ARCHES)}")
    return arch
