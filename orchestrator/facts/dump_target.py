# SPDX-License-Identifier: Apache-2.0
"""The place that a dump goes to, read and not judged. No server is asked: one that does not answer would stop the report."""

from __future__ import annotations

import os
from dataclasses import dataclass

from orchestrator.errors import Refusal
from orchestrator.facts import memory_use
from orchestrator.facts.memory_use import Usage
from orchestrator.rules import dump_target, known_hosts
from orchestrator.rules.capture_cmdline import Package
from orchestrator.rules.dump_target import Destination, Kind
from orchestrator.rules.known_hosts import Known
from orchestrator.rules.shell_assignments import Assignments
from orchestrator.system import bootfs, free_space, tree
from orchestrator.system.bootfs import Mount
from orchestrator.system.target import Target, provisioned_root

KDUMP_CONF = "etc/kdump.conf"
MOUNTINFO = "proc/self/mountinfo"
OSTREE = "run/ostree-booted"
NETWORKING = "usr/lib/systemd/system/networking.service"  # ifupdown's, for which kdump-tools.service waits
# What root's ssh reads, and what dracut's module ssh-client puts into kdump-utils' initramfs.
KNOWN_HOSTS = ("root/.ssh/known_hosts", "etc/ssh/ssh_known_hosts")
SSH_CONFIGS = ("root/.ssh/config", "etc/ssh/ssh_config")
SSH_CONFIG_DIR = "etc/ssh/ssh_config.d"
BY = {name: f"dev/disk/by-{name.lower()}" for name in ("UUID", "LABEL", "PARTUUID", "PARTLABEL")}
# File systems that wait for somebody else: nothing on them is looked at.
DISTANT = frozenset("nfs nfs4 cifs smb3 9p virtiofs ceph afs glusterfs lustre autofs".split())
FUSE = "fuse."  # fuse.sshfs and the like; fuseblk is on a block device


@dataclass(frozen=True)
class Local:
    """A place on this machine.

    `mount`: None where it is not known what is mounted there, or a device is not mounted; `free`: bytes, None where they were
    not looked at; `full`: no file can be made, though there are bytes; `file`: there is something that is no directory;
    `missing`: there is no such device; `distant`: its file system is another machine's.
    """

    mount: Mount | None = None
    free: int | None = None
    full: bool = False
    file: bool = False
    missing: bool = False
    distant: bool = False


@dataclass(frozen=True)
class Remote:
    """What ssh needs: is a private key there, and is the host's key known? `networking`: is ifupdown's unit there?"""

    key: bool = True
    known: Known = Known.UNKNOWN
    networking: bool = False


@dataclass(frozen=True)
class DumpTarget:
    """Where the dump goes, what was found there, and what the memory is used for, None where the kernel does not say.

    `live`: it is the running system's; of a captured tree nothing that only the running one can tell.
    """

    package: Package
    destination: Destination
    live: bool
    ostree: bool = False
    local: Local = Local()
    remote: Remote = Remote()
    usage: Usage | None = None


def read(target: Target, package: Package, config: Assignments, reserved: int) -> DumpTarget:
    """The facts. `config`: the package's file of assignments; `reserved`: bytes of crashkernel=. Raises Refusal, OSError."""
    provisioned = provisioned_root(target.root)
    found = _destination(provisioned, package, config)
    return DumpTarget(
        package,
        found,
        target.live,
        tree.exists(target.root, OSTREE),
        _local(target, provisioned, found),
        _remote(provisioned, found),
        memory_use.read(target.root, reserved),
    )


def directory(root: str, package: Package, config: Assignments) -> str:
    """The directory of this machine that dumps go to; "" where that is elsewhere, another machine's, or not known."""
    provisioned = provisioned_root(root)
    try:
        found = _destination(provisioned, package, config)
        here = found.kind is Kind.DIRECTORY and not _is_distant(_mount_of_directory(root, provisioned, found.place))
    except Refusal:
        return ""
    return found.place if here else ""


def _destination(provisioned: str, package: Package, config: Assignments) -> Destination:
    """What the package's own configuration says."""
    if package is Package.KDUMP_UTILS:
        content = tree.read_bytes(provisioned, KDUMP_CONF) or b""
        return dump_target.kdump_utils(content.decode("utf-8", "surrogateescape"))
    return dump_target.kdump_tools(config) if package is Package.KDUMP_TOOLS else dump_target.suse(config)


def _local(target: Target, provisioned: str, found: Destination) -> Local:
    """A directory, or the file system of a device."""
    if found.kind not in (Kind.DIRECTORY, Kind.FILE_SYSTEM):
        return Local()
    if found.kind is Kind.FILE_SYSTEM:
        return _device(target, _mounts(target.root), found.place)
    mount = _mount_of_directory(target.root, provisioned, found.place)
    if _is_distant(mount):
        return Local(mount, distant=True)
    place = _nearest(tree.resolve(provisioned, found.place))
    if not target.live:
        return Local(mount, file=not os.path.isdir(place))
    return Local(mount, free_space.free_bytes(place), free_space.free_inodes(place) == 0, not os.path.isdir(place))


def _mount_of_directory(root: str, provisioned: str, path: str) -> Mount | None:
    """What is mounted there, or on the way there where that is another machine's."""
    mounts = _mounts(root)
    # The path as it is written comes first: following its links looks at what may be on a server.
    written = _mount(root, mounts, provisioned + path)
    return written if _is_distant(written) else _mount(root, mounts, tree.resolve(provisioned, path))


def _mount(root: str, mounts: tuple[Mount, ...], place: str) -> Mount | None:
    """What is mounted there. The kernel's mount points are those below the root."""
    return bootfs.containing(mounts, place[len(root) :] or "/")


def _is_distant(mount: Mount | None) -> bool:
    """Would a look at it wait for somebody else?"""
    return mount is not None and (mount.kind in DISTANT or mount.kind.startswith(FUSE))


def _mounts(root: str) -> tuple[Mount, ...]:
    """What is mounted, where the kernel says so."""
    content = tree.read_bytes(root, MOUNTINFO, tree.LARGEST_OF_KERNEL) or b""
    try:
        return bootfs.parse_mounts(content.decode("utf-8", "surrogateescape"))
    except (ValueError, IndexError):
        return ()


def _nearest(place: str) -> str:
    """The place, or what is nearest above it where the directory is still to be made."""
    while not os.path.lexists(place) and place.strip("/"):
        place = place.rpartition("/")[0] or "/"
    return place


def _device(target: Target, mounts: tuple[Mount, ...], name: str) -> Local:
    """The file system on a device of this name (`/dev/...`, `UUID=...`), as far as it is mounted."""
    key, _, value = name.replace('"', "").partition("=")
    path = f"{BY[key]}/{value}" if key in BY else name.lstrip("/")
    if not target.live:
        return Local()
    if not tree.exists(target.root, path):
        return Local(missing=True)
    device = tree.resolve(target.root, path)
    held = [mount for mount in mounts if mount.source[:1] == "/" and tree.resolve(target.root, mount.source) == device]
    if not held:
        return Local()
    place = target.root + held[0].point
    return Local(held[0], free_space.free_bytes(place), free_space.free_inodes(place) == 0)


def _remote(provisioned: str, found: Destination) -> Remote:
    """What is there for a way over the network."""
    networking = tree.exists(provisioned, NETWORKING)
    if found.kind is not Kind.SSH:
        return Remote(networking=networking)
    keys = found.keys if any(_is_file(provisioned, key) for key in found.keys) else ()
    return Remote(bool(keys) or not found.keys, _known(provisioned, known_hosts.host_of(found.place)), networking)


def _is_file(provisioned: str, path: str) -> bool:
    """Is there a regular file, links followed?"""
    return os.path.isfile(tree.resolve(provisioned, path))


def _known(provisioned: str, host: str) -> Known:
    """Is the host's key known to root's ssh?"""
    configs = [*SSH_CONFIGS, *(f"{SSH_CONFIG_DIR}/{name}" for name in tree.names(provisioned, SSH_CONFIG_DIR))]
    if any(known_hosts.is_changed(_text(provisioned, path), host) for path in configs):
        return Known.UNKNOWN
    answers = [known_hosts.look_up(_text(provisioned, path), host) for path in KNOWN_HOSTS]
    return next((answer for answer in (Known.YES, Known.UNKNOWN) if answer in answers), Known.NO)


def _text(provisioned: str, path: str) -> str:
    """A file's text, "" for a missing one."""
    return (tree.read_bytes(provisioned, path) or b"").decode("utf-8", "surrogateescape")
