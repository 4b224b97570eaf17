# SPDX-License-Identifier: Apache-2.0
"""RAID1 with metadata 1.0, which lies at the end: whoever does not know of it finds a plain file system in each member.

Written here and not by mdadm, which needs a kernel with md to make an array. Source: Linux, include/uapi/linux/raid/md_p.h
struct mdp_superblock_1, and drivers/md/md.c super_1_load(), calc_sb_1_csum().
"""

from __future__ import annotations

import struct
import uuid
from dataclasses import dataclass

from image.partitions import MIB, SECTOR, Partition

MAGIC = 0xA92B4EFC
LEVEL = 1
MEMBERS = 2
#: In sync: nothing to copy from one member to the other.
CLEAN = 0xFFFF_FFFF_FFFF_FFFF
#: What mdadm has by the time that an array was made and stopped; only the difference between two members counts.
EVENTS = 17
#: 1 January 2026.
TIME = 1767225600
#: mdadm calls it local whatever the machine's name is.
HOST = "any"
MAX_DEVICES = 128
NO_DEVICE = 0xFFFF
LAYOUT = struct.Struct("<IIII 16s 32s QIIQII 32x QQQ 8x I4x 16s 8x QQQII 32x")


def array_uuid(name: str) -> uuid.UUID:
    """The same in every build."""
    return uuid.uuid5(uuid.NAMESPACE_OID, f"kdump-karg {name}")


def room(size: int) -> int:
    """How large the array is, in members of this size: what is left holds the superblock."""
    return size - MIB


@dataclass(frozen=True)
class Member:
    """One half of the mirror `name`; `number` is 0 or 1."""

    name: str
    number: int
    partition: Partition

    def place(self) -> int:
        """Where on the disk its superblock is: 8 KiB before the end, at a multiple of 4 KiB."""
        sectors = self.partition.size // SECTOR - 16
        return self.partition.start + (sectors & ~7) * SECTOR

    def superblock(self) -> bytes:
        """The bytes there."""
        offset = (self.place() - self.partition.start) // SECTOR
        size = room(self.partition.size) // SECTOR
        label = f"{HOST}:md-{self.name}".encode()
        device = array_uuid(f"{self.name} {self.number}")

        def packed(checksum: int) -> bytes:
            head = LAYOUT.pack(
                MAGIC, 1, 0, 0, array_uuid(self.name).bytes, label, TIME, LEVEL, 0, size, 0, MEMBERS,
                0, offset, offset, self.number, device.bytes, TIME, EVENTS, CLEAN, checksum, MAX_DEVICES,
            )  # fmt: skip
            roles = [*range(MEMBERS), *[NO_DEVICE] * (MAX_DEVICES - MEMBERS)]
            return head + struct.pack(f"<{MAX_DEVICES}H", *roles)

        blank = packed(0)
        total = sum(struct.unpack(f"<{len(blank) // 4}I", blank))
        return packed((total + (total >> 32)) & 0xFFFF_FFFF)
