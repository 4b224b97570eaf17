# SPDX-License-Identifier: Apache-2.0
"""Reach the boot file system: find it by its label, mount it, and unmount it again.

In the initramfs nobody has mounted /boot. No other process sees our mounts: a unit has MountFlags=slave, and a run in a
real root goes on in a namespace of its own (private_mounts.py).
A /boot that is a directory of the root file system is used where it is.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass

from orchestrator.errors import Failure, Refusal
from orchestrator.system import lock, process, tree
from orchestrator.system.context import contextmanager

LABEL = "boot"
LINK = f"disk/by-label/{LABEL}"
UDEV_DATA = "run/udev/data"
MULTIPATH = "mpath-"  # how device mapper's UUID of a multipath disk begins (libmultipath/devmapper.h UUID_PREFIX)
RUN_DIR = "run/kdump-karg"
MOUNT_POINT = f"{RUN_DIR}/boot"
SETTLE_SECONDS = 30
# Places of a /boot that is already there, below the root: the real root's own, the physical root of an ostree deployment
# as ostree-prepare-root leaves it in the initramfs, and the deployment's own.
IN_REAL_ROOT = "boot"
IN_INITRAMFS = ("sysroot/sysroot/boot", "sysroot/boot")


def claimants(root: str) -> list[str]:
    """The devices that claim the label, as /dev names, from udev's database, where an `S:` line is a link below /dev.

    /dev/disk/by-label/boot names only the one of them that won.
    """
    found = []
    for name in tree.names(root, UDEV_DATA):
        if not name.startswith("b"):
            continue
        record = (tree.read_bytes(root, f"{UDEV_DATA}/{name}") or b"").decode("utf-8", "replace").splitlines()
        if f"S:{LINK}" in record and not is_path(root, name[1:]):
            found.append(block_device(root, name[1:]) or name)
    return sorted(found)


def is_path(root: str, number: str) -> bool:
    """Is the device of this number one of the ways to a multipath disk, or a partition as seen on one? Then it is no file
    system of its own: device mapper has it once for all of them. A partition lies in its disk's directory (sysfs)."""
    for place in (f"sys/dev/block/{number}/holders", f"sys/dev/block/{number}/../holders"):
        for holder in tree.names(root, place):
            if (tree.read_text(root, f"{place}/{holder}/dm/uuid") or "").startswith(MULTIPATH):
                return True
    return False


def block_device(root: str, number: str) -> str | None:
    """/dev/vda3 for the device number 254:3, by /sys/dev/block; None where sysfs does not know it."""
    target = tree.link_target(root, f"sys/dev/block/{number}")
    return "/dev/" + target.rpartition("/")[2] if target else None


def device(root: str) -> str | None:
    """The one device with the label; None where there is none. Refusal where several file systems have it."""
    found = claimants(root)
    if len(found) > 1:
        raise Refusal(
            f"{len(found)} file systems are labelled {LABEL} ({', '.join(found)}), so the one that was booted is unknown; "
            "relabel or detach the others"
        )
    return found[0] if found else None


@contextmanager
def reach(root: str, *, live: bool, initramfs: bool, write: bool, known: str | None = None) -> Iterator[str]:
    """The directory under which the boot file system is reached for the length of the block.

    `known`: what labelled() answered when udev ran, for the end of the initramfs, where its database is gone.

    On a captured tree (`live` false) that is its boot/ and nothing is mounted. A run that mounts or writes excludes all others
    (see lock.py). Raises Refusal where it is not clear which file system is the one, where another run holds the lock, and
    where it is read-only though it is to be written; Failure where mounting fails.
    """
    with _way(root, live, initramfs, write, known) as boot:
        if write and os.statvfs(boot).f_flag & os.ST_RDONLY:
            raise Refusal("/boot is on a read-only file system; make it and its device writable and run kdump-karg again")
        yield boot


@contextmanager
def _way(root: str, live: bool, initramfs: bool, write: bool, known: str | None) -> Iterator[str]:
    """The locks and mounts of one of the three cases: the initramfs, the real root, a captured tree."""
    place = tree.resolve(root, IN_REAL_ROOT)
    if live and initramfs:
        with _alone(root), _from_initramfs(root, write, known) as boot:
            yield boot
    elif not write:
        yield place
    elif live:
        with _deployments(root), _alone(root), _writable(place, write) as boot:
            yield boot
    else:
        with lock.against_ostree(root):
            yield place


@contextmanager
def _alone(root: str) -> Iterator[None]:
    """No other run mounts or remounts meanwhile. The lock is on a directory of ours, because /boot may not be mounted yet."""
    directory = tree.resolve(root, RUN_DIR)
    os.makedirs(directory, mode=0o755, exist_ok=True)
    with lock.alone(directory):
        yield


@contextmanager
def _deployments(root: str) -> Iterator[None]:
    """ostree deploys nothing meanwhile. Its lock is a file below /sysroot, which many systems mount read-only."""
    with _writable(tree.resolve(root, lock.SYSROOT), tree.exists(root, lock.SYSROOT)), lock.against_ostree(root):
        yield


@contextmanager
def _from_initramfs(root: str, write: bool, known: str | None) -> Iterator[str]:
    """The labelled file system on a mount point of ours, or the /boot that is part of the root file system."""
    found = labelled(root) if known is None else known
    if found:
        with _mounted(found, tree.resolve(root, MOUNT_POINT), write) as boot:
            yield boot
        return
    directory = _plain_directory(root)
    if directory is None:
        raise Refusal(f"no file system is labelled {LABEL} and the root file system has no /boot/loader; check the disk")
    with _writable(directory, write) as boot:
        yield boot


def labelled(root: str) -> str:
    """The device of the boot file system; "" where none has the label. Waits for udev where no /boot is there without one."""
    found = device(root)
    if found is None and not _plain_directory(root):
        process.run("udevadm", "settle", f"--timeout={SETTLE_SECONDS}")
        found = device(root)
    return found or ""


def awaited(root: str) -> str:
    """As labelled(), while the root file system is not mounted: a disk that is slow to show up is waited for. Refusal without one."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while not (found := labelled(root)):
        if time.monotonic() >= deadline:
            raise Refusal(
                f"no file system is labelled {LABEL}, and one that is a directory of the root file system cannot be reached before "
                "Ignition's disks stage; label the file system of /boot"
            )
        time.sleep(1)
    return found


def _plain_directory(root: str) -> str | None:
    """A /boot that ostree keeps inside the root file system."""
    for path in IN_INITRAMFS:
        if tree.exists(root, f"{path}/loader"):
            return tree.resolve(root, path)
    return None


@contextmanager
def _mounted(found: str, point: str, write: bool) -> Iterator[str]:
    """A mount of our own, gone afterwards: the umount writes what is left and marks the file system clean."""
    os.makedirs(point, mode=0o700, exist_ok=True)
    process.run("mount", "-o", "rw,nodev,nosuid,noexec" if write else "ro,nodev,nosuid,noexec", found, point)
    try:
        yield point
    finally:
        process.run("umount", point)


@contextmanager
def _writable(directory: str, write: bool) -> Iterator[str]:
    """A /boot that is in place already; one that is mounted read-only is made writable for the length of the block."""
    if not write or not os.statvfs(directory).f_flag & os.ST_RDONLY:
        yield directory
        return
    mount = mount_of(directory)
    if mount.writable and not mount.superblock_writable:
        raise Refusal(
            f"the file system at {mount.point} is read-only by itself, as the kernel makes it after an error; "
            "check it, mount it again and run kdump-karg again"
        )
    # Only what is read-only may be made so again: the same file system can be in use elsewhere, as the root's own is when
    # /boot is a directory of it.
    how = "remount,bind" if mount.superblock_writable else "remount"
    process.run("mount", "-o", f"{how},rw", mount.point)
    try:
        yield directory
    finally:
        process.run("mount", "-o", f"{how},ro", mount.point)


@dataclass(frozen=True)
class Mount:
    """A mount point, whether its file system may be written to through other mounts, and what is mounted there.

    `number`: the device number, MAJOR:MINOR. `directory`: the one of the file system that is seen at the mount point.
    `writable`: this mount itself is not read-only.
    """

    point: str
    superblock_writable: bool
    number: str = ""
    directory: str = "/"
    kind: str = ""
    source: str = ""
    writable: bool = True


def parse_mounts(text: str) -> tuple[Mount, ...]:
    """The mounts of /proc/self/mountinfo, in order (proc(5)). A blank in a name is written as \\040 there.

    Number, directory, point and the mount's own options are fields 3 to 6; the last three are its kind, source and options.
    """
    found = []
    for line in text.splitlines():
        _, _, number, directory, point, own, *rest = (field.replace("\\040", " ") for field in line.split(" "))
        writable = "rw" in own.split(",")
        found.append(Mount(point, "rw" in rest[-1].split(","), number, directory, rest[-3], rest[-2], writable))
    return tuple(found)


def mount_of(path: str) -> Mount:
    """The mount that `path` lies on: the last one of the longest mount point that leads to it."""
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        best = containing(parse_mounts(file.read()), os.path.realpath(path))
    if best is None:
        raise Failure(f"{path} lies on no mount in /proc/self/mountinfo; mount /proc")
    return best


def containing(mounts: tuple[Mount, ...], place: str) -> Mount | None:
    """The mount among these that a place lies on, which has no links in it; None where none leads there."""
    best = None
    for mount in mounts:
        leads_there = place == mount.point or place.startswith(mount.point.rstrip("/") + "/")
        if leads_there and (best is None or len(mount.point) >= len(best.point)):
            best = mount
    return best
