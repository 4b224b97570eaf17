# SPDX-License-Identifier: Apache-2.0
"""Partitions of a disk: the ones the builder makes, and the ones a GUID partition table lists."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from host.process import Word, run

from image.traits import Traits

SECTOR = 512
MIB = 1024 * 1024
#: Bytes that hold the protective MBR, the header and 128 entries.
TABLE_SIZE = 34 * SECTOR
#: A machine that encrypts its root by an emulated processor has a small one.
ROOT_MIB = {"luks": 1536}


class PartitionError(RuntimeError):
    """The disk has no readable partition table, or not that partition."""


@dataclass(frozen=True)
class Partition:
    """A piece of a disk, in bytes."""

    number: int
    name: str
    start: int
    size: int


@dataclass(frozen=True)
class Plan:
    """A partition to be made: its size and sgdisk's type code."""

    name: str
    mib: int
    code: str


def planned(traits: Traits) -> tuple[Plan, ...]:
    """The partitions of our machine, named as on Fedora CoreOS."""
    boot = (Plan("boot", 384, "8300"),) if traits.boot_partition else ()
    return (Plan("BIOS-BOOT", 1, "ef02"), Plan("EFI-SYSTEM", 64, "ef00"), *boot, Plan("root", ROOT_MIB.get(traits.storage, 2560), "8300"))


def create(disk: Path, plans: tuple[Plan, ...]) -> tuple[Partition, ...]:
    """Make an empty sparse disk with these partitions."""
    with disk.open("wb") as file:
        file.truncate((sum(plan.mib for plan in plans) + 2) * MIB)
    argv: list[Word] = ["sgdisk"]
    for number, plan in enumerate(plans, 1):
        argv += [f"-n{number}:0:+{plan.mib}M", f"-t{number}:{plan.code}", f"-c{number}:{plan.name}"]
    run([*argv, disk])
    with disk.open("rb") as file:
        return parse(file.read(TABLE_SIZE))


def parse(table: bytes) -> tuple[Partition, ...]:
    """The partitions listed in the first sectors of a disk."""
    header = table[SECTOR : 2 * SECTOR]
    if header[:8] != b"EFI PART":
        raise PartitionError("no GUID partition table")
    count, size = struct.unpack_from("<II", header, 80)
    found = []
    for number in range(1, count + 1):
        offset = 2 * SECTOR + (number - 1) * size
        entry = table[offset : offset + size]
        if entry[:16].strip(b"\0"):
            found.append(_entry(number, entry))
    return tuple(found)


def _entry(number: int, entry: bytes) -> Partition:
    first, last = struct.unpack_from("<QQ", entry, 32)
    name = entry[56:128].decode("utf-16-le").rstrip("\0")
    return Partition(number, name, first * SECTOR, (last - first + 1) * SECTOR)


def named(partitions: tuple[Partition, ...], name: str) -> Partition:
    """The partition with that name."""
    for partition in partitions:
        if partition.name == name:
            return partition
    known = ", ".join(partition.name for partition in partitions)
    raise PartitionError(f"no partition {name!r} among {known}")
