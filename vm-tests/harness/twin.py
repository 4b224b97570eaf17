# SPDX-License-Identifier: Apache-2.0
"""The second disk of a mirrored machine, made from the first (image/storage.py)."""

from __future__ import annotations

import tempfile
from pathlib import Path

from host.process import run
from image import partitions, storage
from image.partitions import SECTOR

from harness.disk import Disk

#: The backup partition table: 128 entries and the header.
BACKUP = 33 * SECTOR


def make(image: Path, path: Path) -> Disk:
    """The same bytes, but for what tells the two disks apart: the GUIDs of the table and the numbers in the superblocks."""
    disk = Disk.overlay(image, path)
    halves = storage.members(disk.partitions(), 1)
    disk.write([*_renamed(image), *((half.place(), half.superblock()) for half in halves)])
    return disk


def _renamed(image: Path) -> list[tuple[int, bytes]]:
    """Both partition tables with new GUIDs, by sgdisk on a sparse file with nothing else in it."""
    size = image.stat().st_size
    places = ((0, partitions.TABLE_SIZE), (size - BACKUP, BACKUP))
    with tempfile.NamedTemporaryFile(prefix="table-", dir=image.parent) as sparse, image.open("rb") as source:
        sparse.truncate(size)
        for start, length in places:
            source.seek(start)
            sparse.seek(start)
            sparse.write(source.read(length))
        sparse.flush()
        run(["sgdisk", "--randomize-guids", sparse.name])
        pieces = []
        for start, length in places:
            sparse.seek(start)
            pieces.append((start, sparse.read(length)))
    return pieces
