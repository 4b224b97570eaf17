# SPDX-License-Identifier: Apache-2.0
"""How large a dump may become, from what the memory is used for now. Pure; sizes in bytes.

An upper bound for a crash at this moment: pages are counted as they are, though makedumpfile compresses them by default
and leaves out what is filled with zeros. It is none where makedumpfile does not know the kernel's free pages: those of linux
6.12 and later are known to makedumpfile 1.7.7 and later ("fix detection of typed (compound) pages").
"""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.facts.memory_use import Usage
from orchestrator.rules.makedumpfile import CACHE, FREE, PRIVATE_CACHE, USER

PAGES = 128  # one part in so many of what is saved: 24 bytes for every page of 4 KiB (makedumpfile diskdump_mod.h page_desc)
BITMAPS = 1 << 14  # two bits for every page of 4 KiB of the memory, saved or not (makedumpfile(8), --cyclic-buffer)
BESIDE = 4 << 20  # headers, the kernel's log in a file of its own, blocks of the directory


def largest(usage: Usage, level: int) -> int:
    """Bytes that a dump with this dump level takes at most."""
    saved = max(usage.ram - usage.reserved - _left_out(usage.meminfo, level), 0)
    return saved + saved // PAGES + usage.ram // BITMAPS + BESIDE


def _left_out(meminfo: Mapping[str, int], level: int) -> int:
    """Bytes of the pages that makedumpfile leaves out for certain (makedumpfile.c __exclude_unnecessary_pages()).

    Free memory; pages on the kernel's lists that belong to no anonymous mapping, to which shared memory and tmpfs count;
    anonymous and huge pages. The kernel does not tell how much of the cache is private (has buffers), so without that bit only
    shared memory, which never is, counts. A page in the swap cache may be anonymous as well, and is not counted twice.
    """
    found = meminfo.get("MemFree", 0) if level & FREE else 0
    if level & PRIVATE_CACHE:
        found += meminfo.get("Cached", 0) + meminfo.get("Buffers", 0)
    elif level & CACHE:
        found += meminfo.get("Shmem", 0)
    if level & USER:
        found += meminfo.get("AnonPages", 0) + meminfo.get("Hugetlb", 0)
    return found
