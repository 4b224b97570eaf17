# SPDX-License-Identifier: Apache-2.0
"""Dumps as makedumpfile and the kernel lay them out, of headers only."""

from __future__ import annotations

import struct

RELEASE = "6.12.48+deb13-amd64"
BLOCK = 4096


def compressed(release: str = RELEASE, status: int = 1, order: str = "<") -> bytes:
    """A kdump-compressed dump: main header (struct disk_dump_header of a 64-bit machine) and a block behind it."""
    utsname = b"".join(text.encode().ljust(65, b"\0") for text in ("Linux", "node", release, "#1 SMP", "x86_64", "(none)"))
    head = b"KDUMP   " + struct.pack(f"{order}i", 6) + utsname
    head = head.ljust(424, b"\0") + struct.pack(f"{order}Ii", status, BLOCK)
    return head.ljust(2 * BLOCK, b"\0")


def flattened(dump: bytes, *, ended: bool = True, piece: int = BLOCK) -> bytes:
    """The same, flattened in records of `piece` bytes; `ended`: with the record that ends it."""
    found = b"makedumpfile".ljust(16, b"\0") + struct.pack(">qq", 1, 1)
    found = found.ljust(4096, b"\0")
    for at in range(0, len(dump), piece):
        found += struct.pack(">qq", at, len(dump[at : at + piece])) + dump[at : at + piece]
    return found + (struct.pack(">qq", -1, -1) if ended else b"")


def elf(release: str = RELEASE, flags: int = 0, order: str = "<") -> bytes:
    """An ELF core as /proc/vmcore is: a note with VMCOREINFO, and one segment."""
    info = f"VMCOREINFO\0OSRELEASE={release}\nPAGESIZE=4096\n".encode()
    ident = b"\x7fELF" + bytes([2, 1 if order == "<" else 2, 1]) + bytes(9)
    head = ident + struct.pack(f"{order}HHIQQQIHHHHHH", 4, 62, 1, 0, 64, 0, flags, 64, 56, 2, 0, 0, 0)
    note = struct.pack(f"{order}IIQQQQQQ", 4, 0, 64 + 112, 0, 0, len(info), len(info), 0)
    load = struct.pack(f"{order}IIQQQQQQ", 1, 0, 64 + 112 + len(info), 0, 0, 100, 100, 0)
    return head + note + load + info + bytes(100)


def log(test: str, *, panic: str = "sysrq triggered crash") -> str:
    """The end of a kernel's log as kdump saves it."""
    return (
        f"[   70.1] systemd[1]: Started x.\n[   77.5] kdump-karg: test {test}: this panic is on purpose\n"
        f"[   77.9] sysrq: Trigger a crash\n[   77.9] Kernel panic - not syncing: {panic}\n[   77.9] CPU: 0\n"
    )
