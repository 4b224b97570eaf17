# SPDX-License-Identifier: Apache-2.0
"""target_link.py: what is said of the place that a dump goes to."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from orchestrator.decide import dump_size
from orchestrator.facts.dump_target import DumpTarget, Local, Remote
from orchestrator.facts.memory_use import Usage
from orchestrator.report import chain, target_link
from orchestrator.report.links import Capture, Link
from orchestrator.report.target_link import Space
from orchestrator.rules.capture_cmdline import Facts, Package, Prediction
from orchestrator.rules.dump_target import Destination, Kind
from orchestrator.rules.known_hosts import Known
from orchestrator.rules.shell_assignments import parse
from orchestrator.system.bootfs import Mount
from orchestrator.system.target import Target
from tests.conftest import Make
from tests.report.test_chain import ARMED
from tests.sample import MIB

USAGE = Usage(2048 * MIB, 192 * MIB, {"MemFree": 1500 * MIB})
LARGEST = dump_size.largest(USAGE, 31)
VAR = Mount("/var", True, kind="ext4", source="/dev/vda4")
PLACE = Destination(Kind.DIRECTORY, "/var/crash", 31, setting="path in /etc/kdump.conf")
BASE = DumpTarget(Package.KDUMP_UTILS, PLACE, True, local=Local(VAR, LARGEST), usage=USAGE)
DEVICE = dataclasses.replace(PLACE, kind=Kind.FILE_SYSTEM, place="UUID=1-2", setting="xfs in /etc/kdump.conf")
SSH = Destination(Kind.SSH, "dump@server", 31, ("/root/.ssh/kdump_id_rsa",), remote=True, setting="ssh in /etc/kdump.conf")
NFS = Destination(Kind.NFS, "server:/dumps", 31, remote=True)


def capture(line: str | None) -> Capture:
    """kdump-tools with this line for its capture kernel."""
    facts = Facts(Package.KDUMP_TOOLS, parse("", "/etc/default/kdump-tools"), "", "x86_64")
    return Capture(facts, Prediction(line, "" if line is not None else "why"))


LINE = capture("quiet systemd.unit=kdump-tools-dump.service")


def changed(**parts: Any) -> DumpTarget:
    """The usual facts with other parts."""
    return dataclasses.replace(BASE, **parts)


def on(kind: str = "ext4", point: str = "/var", **flags: bool) -> Local:
    """A directory on a mount of its own sort, with enough room."""
    return Local(Mount(point, flags.get("superblock", True), kind=kind, writable=flags.get("writable", True)), LARGEST)


TOOLS = Package.KDUMP_TOOLS
BROKEN: list[tuple[str, DumpTarget, str, str]] = [
    (
        "full",
        changed(local=Local(VAR, LARGEST - 1)),
        f"/var/crash: {(LARGEST - 1) // MIB} MiB are free, a dump may take up to {-(-LARGEST // MIB)} MiB",
        "free space there (old dumps, logs), or change path in /etc/kdump.conf to a larger file system",
    ),
    ("no files", changed(local=Local(VAR, LARGEST, full=True)), "/var/crash: no more files can be made there", "remove some"),
    (
        "a device's",
        changed(destination=DEVICE, local=Local(VAR, 1)),
        "UUID=1-2: 0 MiB are free",
        "change xfs in /etc/kdump.conf",
    ),
    ("no device", changed(destination=DEVICE, local=Local(missing=True)), "there is no device UUID=1-2", "attach it"),
    ("a file", changed(local=Local(VAR, LARGEST, file=True)), "/var/crash is not a directory", "make it one"),
    (
        "in memory",
        changed(local=on("tmpfs")),
        "/var/crash lies on tmpfs, which a crash does not leave",
        "a directory below /var",
    ),
    ("overlay", changed(local=on("overlay", "/")), "/var/crash lies on overlay", "change path in /etc/kdump.conf"),
    (
        "a file system of no writing",
        changed(local=on("erofs", "/")),
        "lies on erofs, to which nothing can be written",
        "below /var",
    ),
    (
        "in the deployment",
        changed(ostree=True, local=on(point="/")),
        "lies in the deployment, which is read-only",
        "below /var",
    ),
    ("read-only", changed(package=TOOLS, local=on(writable=False)), "lies on /var, which is mounted read-only", "below /var"),
    ("the file system", changed(package=TOOLS, local=on(superblock=False)), "which is mounted read-only", "below /var"),
    (
        "no key",
        changed(destination=SSH, remote=Remote(key=False)),
        "dump@server: the key /root/.ssh/kdump_id_rsa is not there",
        "run kdumpctl propagate, then kdumpctl restart",
    ),
    (
        "no host key",
        changed(package=TOOLS, destination=SSH, remote=Remote(known=Known.NO)),
        "dump@server: /root/.ssh/known_hosts and /etc/ssh/ssh_known_hosts have no key of server",
        "run kdump-config propagate",
    ),
]


@pytest.mark.parametrize(("found", "words", "mend"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_broken(found: DumpTarget, words: str, mend: str) -> None:
    link = target_link.link(found, LINE)
    assert not link.ok and words in link.detail and mend in link.mend


HOLDS: list[tuple[str, DumpTarget, str]] = [
    ("just enough", BASE, f"/var/crash: {LARGEST // MIB} MiB are free, a dump may take up to {-(-LARGEST // MIB)} MiB"),
    ("mounted anew", changed(local=on(writable=False)), "MiB are free"),
    ("a root of its own", changed(local=on(point="/")), "MiB are free"),
    ("a device's", changed(destination=DEVICE), "UUID=1-2: "),
    ("not mounted", changed(destination=DEVICE, local=Local()), "UUID=1-2; not known: it is not mounted"),
    ("no statvfs", changed(local=Local(VAR)), "/var/crash; not known: its file system does not say what is free"),
    ("no memory", changed(usage=None), "/var/crash; not known: what the memory is used for"),
    (
        "a collector of one's own",
        changed(destination=dataclasses.replace(PLACE, level=None)),
        "not known: how much of the memory the core collector saves",
    ),
    ("captured", changed(live=False, local=Local(VAR)), "/var/crash; a captured tree does not tell how much is free there"),
    (
        "somebody else's",
        changed(local=Local(on("nfs4").mount, distant=True)),
        "/var/crash lies on nfs4; the server is not asked",
    ),
    (
        "ssh",
        changed(destination=SSH, remote=Remote(known=Known.YES)),
        "by ssh: what it needs is there; the server is not asked",
    ),
    ("ssh, hashed", changed(destination=SSH), "is there, but for the host's key, which only ssh can look up; the"),
    ("nfs", changed(destination=NFS), "server:/dumps by NFS; the server is not asked whether it has room"),
    ("no idea", changed(destination=Destination(Kind.UNKNOWN, unknown="a reason")), "not known: a reason"),
]


@pytest.mark.parametrize(("found", "words"), [row[1:] for row in HOLDS], ids=[row[0] for row in HOLDS])
def test_holds(found: DumpTarget, words: str) -> None:
    link = target_link.link(found, LINE)
    assert link.ok and words in link.detail and not link.mend


def test_more_must_be_free_where_the_dump_would_be_deleted_again() -> None:
    spare = changed(destination=dataclasses.replace(PLACE, spare=MIB))
    assert target_link.space(spare) == Space("/var/crash", LARGEST, LARGEST + MIB)
    assert not target_link.link(spare, LINE).ok


NETWORK: list[tuple[str, Package, Destination, Capture | Link, bool, bool]] = [
    ("its own unit", TOOLS, NFS, LINE, False, True),
    ("an address", TOOLS, NFS, capture("ip=dhcp"), False, True),
    ("ifupdown", TOOLS, NFS, capture("quiet"), True, True),
    ("none", TOOLS, NFS, capture("quiet"), False, False),
    ("another unit", TOOLS, NFS, capture("systemd.unit=rescue.target"), False, False),
    (
        "none, and a server of which nothing is known",
        TOOLS,
        dataclasses.replace(NFS, kind=Kind.UNKNOWN),
        capture(""),
        False,
        False,
    ),
    ("not known", TOOLS, NFS, capture(None), False, True),
    ("kdump-utils brings it up itself", Package.KDUMP_UTILS, NFS, capture("quiet"), False, True),
    ("a local dump needs none", TOOLS, PLACE, capture("quiet"), False, True),
]


@pytest.mark.parametrize(
    ("package", "place", "line", "networking", "ok"), [row[1:] for row in NETWORK], ids=[row[0] for row in NETWORK]
)
def test_network(package: Package, place: Destination, line: Capture, networking: bool, ok: bool) -> None:
    link = target_link.link(changed(package=package, destination=place, remote=Remote(networking=networking)), line)
    assert link.ok is ok
    assert ok or (
        "has neither systemd.unit=kdump-tools-dump.service nor ip=" in link.detail and "KDUMP_CMDLINE_APPEND" in link.mend
    )


def test_what_cannot_be_read_does_not_break_the_chain(make: Make) -> None:
    extra = {"sysroot/etc/sysconfig/kdump": "", "sysroot/etc/kdump.conf/x": ""}
    found = chain.read(Target(str(make(**ARMED, extra=extra).root), live=False))
    assert found.armed and found.space is None
    assert found.links[-2].detail == "not known: /etc/kdump.conf is a directory, not a regular file; put a regular file there"


def test_the_chain_ends_at_a_broken_target(make: Make) -> None:
    extra = {"sysroot/etc/sysconfig/kdump": "", "sysroot/etc/kdump.conf": "ssh dump@server\n"}
    found = chain.read(Target(str(make(**ARMED, extra=extra).root), live=False))
    assert found.broken is not None and found.broken.name == "target" and chain.exit_status(found) == 4
    assert found.space is not None and found.space.place == "dump@server"
    assert found.verdict.startswith("kdump is NOT armed: target: dump@server: the key ")
