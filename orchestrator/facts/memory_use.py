# SPDX-License-Identifier: Apache-2.0
"""What the machine's memory is used for, read and not judged (decide/dump_size.py works out what a dump holds of it)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.errors import Refusal
from orchestrator.rules import meminfo, memory
from orchestrator.system import tree


@dataclass(frozen=True)
class Usage:
    """All in bytes. `ram`: the whole memory; `reserved`: what crashkernel= set aside, which no dump holds; `meminfo`: the
    kernel's numbers by their names."""

    ram: int
    reserved: int
    meminfo: Mapping[str, int]


def read(root: str, reserved: int) -> Usage | None:
    """What /proc/iomem and /proc/meminfo say; None where they do not, as the former does not to everybody."""
    try:
        ram = memory.parse(tree.read_text(root, memory.IOMEM, tree.LARGEST_OF_KERNEL) or "").total
        found = meminfo.parse(tree.read_text(root, meminfo.MEMINFO) or "")
    except Refusal:
        return None
    return Usage(ram, reserved, found) if found else None
