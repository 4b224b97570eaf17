# SPDX-License-Identifier: Apache-2.0
"""Reads the headers of a kdump-compressed dump, so that the host can judge what the guest saved.

Layout: makedumpfile's IMPLEMENTATION and diskdump_mod.h (struct disk_dump_header, struct
kdump_sub_header) for x86_64.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from harness.machine import Machine

SIGNATURE = b"KDUMP   "
VERSION_OFFSET = 8
UTSNAME_OFFSET = 12
UTSNAME_FIELD = 65
#: system name, node name, release: the third field.
RELEASE_FIELD = 2
BLOCK_SIZE_OFFSET = 428
#: In the sub-header, one block in.
VMCOREINFO_OFFSET = 32

#: Far more than the headers and the VMCOREINFO note take.
HEADERS = 65536
DUMP_TIMEOUT = 180.0

#: Debian saves flattened dumps, which makedumpfile itself reads only rearranged; Fedora CoreOS saves them as they are, as `vmcore`.
REARRANGE = """
set -eu
found=$(find "$directory" -type f \\( -name 'dump.*' -o -name vmcore \\) -printf '%T@ %p\\n' | sort -n | tail -n 1 | cut -d ' ' -f 2)
full=/var/tmp/vmcore
rm -f "$full" "$full.dmesg"
if [ "$(head -c 5 "$found")" = KDUMP ]; then
    cp "$found" "$full"
else
    makedumpfile -R "$full" <"$found" >&2
fi
makedumpfile --dump-dmesg "$full" "$full.dmesg" >&2
echo "$found"
"""


class VmcoreError(AssertionError):
    """No dump, or not one that the crash utility could open."""


@dataclass(frozen=True)
class Header:
    """What a dump says about the kernel that died."""

    version: int
    release: str
    vmcoreinfo: dict[str, str]


@dataclass(frozen=True)
class Dump:
    """A dump as found in the guest."""

    path: str
    size: int
    header: Header
    dmesg: str


def parse(data: bytes) -> Header:
    """Read the headers of a dump in the kdump-compressed format (not flattened)."""
    if data[: len(SIGNATURE)] != SIGNATURE:
        raise VmcoreError(f"not a kdump-compressed dump: it starts with {data[:16]!r}")
    (version,) = struct.unpack_from("<i", data, VERSION_OFFSET)
    start = UTSNAME_OFFSET + RELEASE_FIELD * UTSNAME_FIELD
    release = data[start : start + UTSNAME_FIELD].split(b"\0")[0].decode()
    (block_size,) = struct.unpack_from("<i", data, BLOCK_SIZE_OFFSET)
    offset, size = struct.unpack_from("<qQ", data, block_size + VMCOREINFO_OFFSET)
    if not 0 < size <= len(data) - offset:
        raise VmcoreError(f"VMCOREINFO of {size} bytes at {offset} lies outside {len(data)} bytes")
    return Header(version, release, _pairs(data[offset : offset + size].decode(errors="replace")))


def _pairs(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def collect(machine: Machine, directory: str = "/var/crash") -> Dump:
    """Find the newest dump below a directory of the guest, open it, and bring its headers and its dmesg over."""
    path = machine.run(f"directory='{directory}'\n{REARRANGE}", timeout=DUMP_TIMEOUT).text
    header = parse(machine.run(f"head -c {HEADERS} /var/tmp/vmcore").stdout)
    dmesg = machine.read("/var/tmp/vmcore.dmesg").decode(errors="replace")
    size = int(machine.run(f"stat -c %s '{path}'").text)
    machine.run("rm -f /var/tmp/vmcore*")
    return Dump(path, size, header, dmesg)


def verify(dump: Dump, release: str) -> None:
    """Fail unless the dump is of a kernel of that release that died of sysrq's crash."""
    says = {"header": dump.header.release, "VMCOREINFO": dump.header.vmcoreinfo.get("OSRELEASE")}
    for where, found in says.items():
        if found != release:
            raise VmcoreError(f"{dump.path}: {where} says {found}, the machine ran {release}")
    if "sysrq triggered crash" not in dump.dmesg:
        raise VmcoreError(f"{dump.path}: its dmesg tells of no sysrq crash:\n{dump.dmesg[-2000:]}")
