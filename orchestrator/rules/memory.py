# SPDX-License-Identifier: Apache-2.0
"""The system's memory as the kernel lists it in /proc/iomem."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.errors import Refusal

IOMEM = "proc/iomem"


@dataclass(frozen=True)
class Memory:
    """`ranges`: (first byte, byte after the last) of every `System RAM` range, ascending."""

    ranges: tuple[tuple[int, int], ...]

    @property
    def total(self) -> int:
        """Bytes of system memory: memblock_phys_mem_size() but for what firmware keeps."""
        return sum(end - start for start, end in self.ranges)


def parse(text: str) -> Memory:
    """The memory that /proc/iomem's text lists.

    Only lines at the left margin count: indented ones are parts of them. Raises Refusal where no memory is listed or
    where the kernel hid the addresses, as it does from anybody but root.
    """
    ranges = []
    for line in text.splitlines():
        span, _, what = line.partition(" : ")
        if what != "System RAM" or span[:1] == " ":
            continue
        start, _, end = span.partition("-")
        try:
            ranges.append((int(start, 16), int(end, 16) + 1))
        except ValueError:
            cure = "take the file from the running kernel"
            raise Refusal(f"/{IOMEM}: the line {line!r} is not an address range; {cure}") from None
    memory = Memory(tuple(ranges))
    if not ranges:
        raise Refusal(f"/{IOMEM} lists no System RAM, so no reservation can be predicted; take it from the running kernel")
    if memory.total <= len(ranges):
        raise Refusal(f"/{IOMEM} hides its addresses from this user; run as root")
    return memory
