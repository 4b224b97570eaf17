# SPDX-License-Identifier: Apache-2.0
"""What the memory is used for, as the kernel tells it in /proc/meminfo (proc_meminfo(5))."""

from __future__ import annotations

MEMINFO = "proc/meminfo"
DIGITS = 20  # of the kernel's largest number


def parse(text: str) -> dict[str, int]:
    """Bytes by name (`MemFree`, `Cached` ...); lines that are not `NAME: NUMBER kB` are left out."""
    found = {}
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        fields = rest.split()
        if len(fields) != 2 or fields[1] != "kB" or len(fields[0]) > DIGITS:
            continue
        if fields[0].isascii() and fields[0].isdecimal():
            found[name] = int(fields[0]) << 10
    return found
