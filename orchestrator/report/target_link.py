# SPDX-License-Identifier: Apache-2.0
"""The link `target`: has the place that the dump goes to room for it, and can the capture kernel reach it and write to it?

What cannot be known does not break the chain: it is said, and the link holds.
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.decide import dump_size
from orchestrator.errors import Refusal
from orchestrator.facts import dump_target
from orchestrator.facts.dump_target import DumpTarget
from orchestrator.report.links import TARGET, Capture, Link
from orchestrator.rules import cmdline, known_hosts
from orchestrator.rules.capture_cmdline import Package
from orchestrator.rules.dump_target import Kind
from orchestrator.rules.known_hosts import Known
from orchestrator.system.bootfs import Mount
from orchestrator.system.target import Target

LOST = frozenset("tmpfs ramfs devtmpfs overlay aufs proc sysfs".split())
READ_ONLY = frozenset("squashfs erofs iso9660 udf romfs cramfs".split())
DUMP_UNIT = "kdump-tools-dump.service"  # kdump-tools: waits for network-online.target, which kdump-tools.service does not
NOT_ASKED = "the server is not asked whether it has room"
PROPAGATE = {
    Package.KDUMP_UTILS: "run kdumpctl propagate, then kdumpctl restart",
    Package.KDUMP_TOOLS: "run kdump-config propagate",
    Package.SUSE: "make a key with ssh-keygen, give it to the server with ssh-copy-id, then systemctl restart kdump.service",
}


@dataclass(frozen=True)
class Space:
    """Bytes that are free at the place, and bytes that a dump may take there; None where they are not known."""

    place: str
    free: int | None
    largest: int | None


def read(target: Target, capture: Capture | Link, reserved: int | None) -> DumpTarget | Link:
    """The facts; a link that holds and says so where nothing can be known."""
    if isinstance(capture, Link):
        return Link(TARGET, True, capture.detail)
    try:
        return dump_target.read(target, capture.facts.package, capture.facts.config, reserved or 0)
    except (Refusal, OSError) as error:
        return Link(TARGET, True, f"not known: {error}")


def space(found: DumpTarget | Link) -> Space | None:
    """The two numbers; None where the dump's place is not known."""
    if isinstance(found, Link) or found.destination.kind is Kind.UNKNOWN:
        return None
    wanted = found.destination
    largest = None
    if found.usage is not None and wanted.level is not None:
        largest = dump_size.largest(found.usage, wanted.level) + wanted.spare
    return Space(wanted.place, found.local.free, largest)


def link(found: DumpTarget | Link, capture: Capture | Link) -> Link:
    """Does it hold?"""
    if isinstance(found, Link):
        return found
    wanted = found.destination
    network = _without_network(found, capture)
    if network is not None:
        return network
    if wanted.kind is Kind.UNKNOWN:
        return Link(TARGET, True, f"not known: {wanted.unknown}")
    if wanted.kind is Kind.SSH:
        return _ssh(found)
    if wanted.kind is Kind.NFS:
        return Link(TARGET, True, f"{wanted.place} by NFS; {NOT_ASKED}")
    return _unusable(found) or _judged(found)


def _without_network(found: DumpTarget, capture: Capture | Link) -> Link | None:
    """Does kdump-tools' capture kernel start without the network that it needs? The others' initramfs brings it up by itself.

    (kdump-utils: module-setup.sh kdump_collect_netif_usage(); SUSE: module-setup.sh kdump_cmdline_ip().)
    """
    if not found.destination.remote or found.package is not Package.KDUMP_TOOLS or isinstance(capture, Link):
        return None
    line = capture.facts.recorded or capture.prediction.line
    if line is None or found.remote.networking or cmdline.value(line, "ip") is not None:
        return None
    if cmdline.value(line, "systemd.unit") == DUMP_UNIT:
        return None
    reason = f"the dump goes over the network, and the capture kernel's line has neither systemd.unit={DUMP_UNIT} nor ip="
    mend = f"add systemd.unit={DUMP_UNIT} to KDUMP_CMDLINE_APPEND in {capture.facts.config.path}"
    return Link(TARGET, False, reason, f"{mend}; then systemctl restart kdump-tools.service")


def _ssh(found: DumpTarget) -> Link:
    """Is there a key, and does ssh know the server? With nobody to answer its question, ssh turns an unknown one down."""
    wanted = found.destination
    host = known_hosts.host_of(wanted.place)
    if not found.remote.key:
        return Link(TARGET, False, f"{wanted.place}: the key {' or '.join(wanted.keys)} is not there", PROPAGATE[found.package])
    if found.remote.known is Known.NO:
        files = " and ".join(f"/{path}" for path in dump_target.KNOWN_HOSTS)
        return Link(TARGET, False, f"{wanted.place}: {files} have no key of {host}", PROPAGATE[found.package])
    doubt = "" if found.remote.known is Known.YES else ", but for the host's key, which only ssh can look up"
    return Link(TARGET, True, f"{wanted.place} by ssh: what it needs is there{doubt}; {NOT_ASKED}")


def _unusable(found: DumpTarget) -> Link | None:
    """Can the capture kernel not write there at all?"""
    wanted, local = found.destination, found.local
    elsewhere = f"change {wanted.setting}"
    if local.missing:
        return Link(TARGET, False, f"there is no device {wanted.place}", f"attach it, or {elsewhere}")
    if local.file:
        return Link(TARGET, False, f"{wanted.place} is not a directory", f"make it one, or {elsewhere}")
    if local.mount is None or wanted.kind is Kind.FILE_SYSTEM:
        return None
    why = _never_written(found, local.mount)
    return Link(TARGET, False, f"{wanted.place} {why}", f"{elsewhere} to a directory below /var") if why else None


def _never_written(found: DumpTarget, mount: Mount) -> str:
    """Why a dump cannot be written to a mount, "" where it can.

    kdump-utils mounts the file system anew, writable (mkdumprd to_mount()); kdump-tools has it as the running system has.
    """
    if mount.kind in LOST:
        return f"lies on {mount.kind}, which a crash does not leave behind"
    if mount.kind in READ_ONLY:
        return f"lies on {mount.kind}, to which nothing can be written"
    if found.ostree and mount.point == "/":
        return "lies in the deployment, which is read-only"
    if found.package is Package.KDUMP_TOOLS and not (mount.writable and mount.superblock_writable):
        return f"lies on {mount.point}, which is mounted read-only"
    return ""


def _judged(found: DumpTarget) -> Link:
    """Is there room?"""
    wanted, local = found.destination, found.local
    if local.distant and local.mount is not None:
        return Link(TARGET, True, f"{wanted.place} lies on {local.mount.kind}; {NOT_ASKED}")
    if not found.live:
        return Link(TARGET, True, f"{wanted.place}; a captured tree does not tell how much is free there")
    if local.full:
        reason = f"{wanted.place}: no more files can be made there"
        return Link(TARGET, False, reason, f"remove some, or change {wanted.setting}")
    known = space(found)
    if known is None or known.free is None or known.largest is None:
        return Link(TARGET, True, f"{wanted.place}; not known: {_missing_number(found)}")
    numbers = f"{wanted.place}: {known.free >> 20} MiB are free, a dump may take up to {-(-known.largest >> 20)} MiB"
    if known.free >= known.largest:
        return Link(TARGET, True, numbers)
    mend = f"free space there (old dumps, logs), or change {wanted.setting} to a larger file system"
    return Link(TARGET, False, numbers, mend)


def _missing_number(found: DumpTarget) -> str:
    """Why free space and need cannot be compared, in half a sentence."""
    if found.local.free is None:
        device = found.destination.kind is Kind.FILE_SYSTEM
        return "it is not mounted" if device else "its file system does not say what is free"
    if found.destination.level is None:
        return "how much of the memory the core collector saves"
    return "what the memory is used for"
