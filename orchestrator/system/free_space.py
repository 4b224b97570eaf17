# SPDX-License-Identifier: Apache-2.0
"""Free space as root sees it. For a captured tree it is that of this machine's file system, because the tree lies on it."""

from __future__ import annotations

import os

SYSFS = "/sys"


def free_bytes(directory: str) -> int | None:
    """Bytes that root may still write there; None where the file system does not say.

    statvfs(3) has two numbers. f_bavail leaves out what is kept for root, who may use it. f_bfree counts what ext4 keeps for
    itself, which nobody may use: two hundredths of it (ext4_calculate_resv_clusters(); ext4_statfs()).
    """
    try:
        status, found = os.stat(directory), os.statvfs(directory)
    except OSError:
        return None
    return max(0, (found.f_bfree - _reserved(status.st_dev)) * found.f_frsize)


def free_inodes(directory: str) -> int | None:
    """How many files may still be made there; None where the file system does not say, or has no fixed number of them."""
    try:
        found = os.statvfs(directory)
    except OSError:
        return None
    return found.f_ffree if found.f_files else None


def _reserved(device: int) -> int:
    """Blocks that ext4 keeps for itself on this device (a cluster is a block but for bigalloc); 0 for other file systems."""
    number = f"{os.major(device)}:{os.minor(device)}"
    try:
        name = os.path.basename(os.readlink(f"{SYSFS}/dev/block/{number}"))
        with open(f"{SYSFS}/fs/ext4/{name}/reserved_clusters", encoding="utf-8") as file:
            return int(file.read())
    except (OSError, ValueError):
        return 0
