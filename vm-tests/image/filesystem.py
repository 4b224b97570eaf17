# SPDX-License-Identifier: Apache-2.0
"""File systems made from a directory, with no mount and no loop device."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from host.process import Word, run

from image.partitions import MIB


def make(kind: str, label: str, size: int, image: Path, tree: Path | None = None) -> None:
    """Write a file system of `size` bytes to the file `image`, holding a copy of `tree`."""
    with image.open("wb") as file:
        file.truncate(size)
    if kind == "ext4":
        content: list[Word] = ["-d", tree] if tree else []
        run(["mkfs.ext4", "-q", "-F", "-L", label, *content, image])
    elif kind == "xfs":
        with tempfile.NamedTemporaryFile(prefix="prototype-") as prototype:
            prototype.write(_prototype(tree))
            prototype.flush()
            run(["mkfs.xfs", "-q", "-f", "-L", label, "-p", prototype.name, image])
    elif kind == "vfat":
        run(["mkfs.vfat", "-n", label, image])
        if tree:
            run(["mcopy", "-s", "-i", image, *sorted(tree.iterdir()), "::"])
    else:
        raise ValueError(f"unknown file system {kind!r}")


def make_blank(image: Path, label: str, kind: str = "ext4", size: int = 64 * MIB) -> None:
    """Make a whole disk that is one empty file system: a second disk for a test."""
    make(kind, label, size, image)


def _prototype(tree: Path | None) -> bytes:
    """A tree in the language of mkfs.xfs -p."""
    lines = ["/", "0 0", "d--755 0 0"]
    if tree is not None:
        lines += _prototype_entries(tree)
    return "\n".join([*lines, "$", ""]).encode()


def _prototype_entries(directory: Path) -> list[str]:
    lines = []
    for path in sorted(directory.iterdir()):
        status = path.lstat()
        mode = f"{stat.S_IMODE(status.st_mode):03o} {status.st_uid} {status.st_gid}"
        if path.is_symlink():
            lines.append(f"{path.name} l--777 0 0 {os.readlink(path)}")
        elif path.is_dir():
            lines += [f"{path.name} d--{mode}", *_prototype_entries(path), "$"]
        else:
            lines.append(f"{path.name} ---{mode} {path}")
    return lines


def place(image: Path, disk: Path, offset: int) -> None:
    """Copy a file system into a disk, leaving holes where it has holes."""
    with image.open("rb") as source, disk.open("r+b") as target:
        end = 0
        while True:
            try:
                start = os.lseek(source.fileno(), end, os.SEEK_DATA)
            except OSError:
                return
            end = os.lseek(source.fileno(), start, os.SEEK_HOLE)
            _copy(source.fileno(), target.fileno(), start, end - start, offset)


def _copy(source: int, target: int, start: int, length: int, shift: int) -> None:
    done = 0
    while done < length:
        position = start + done
        done += os.copy_file_range(source, target, length - done, position, position + shift)
