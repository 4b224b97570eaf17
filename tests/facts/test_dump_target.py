# SPDX-License-Identifier: Apache-2.0
"""facts/dump_target.py and memory_use.py: what is found at the place that a dump goes to."""

from __future__ import annotations

import os
from typing import Any

import pytest

from orchestrator.facts import dump_target, memory_use
from orchestrator.facts.dump_target import DumpTarget, Local, Remote
from orchestrator.rules.capture_cmdline import Package
from orchestrator.rules.dump_target import KEY, Kind
from orchestrator.rules.known_hosts import Known
from orchestrator.rules.shell_assignments import parse
from orchestrator.system import free_space
from orchestrator.system.target import Target
from tests.conftest import Make
from tests.sample import GIB, MIB, Sample

FREE = 123 * MIB
ROOT_FS = "22 1 254:4 / / ro,relatime shared:1 - ext4 /dev/vda4 rw"
VAR = "23 22 254:4 /ostree/deploy/debian/var /var rw,relatime shared:1 - ext4 /dev/vda4 rw"
TMP = "24 22 0:25 / /tmp rw - tmpfs tmpfs rw,size=1k"
NET = "25 22 0:44 / /var/far rw - nfs4 server:/dumps rw,addr=10.0.0.1"
SSHFS = "27 22 0:50 / /var/fuse rw - fuse.sshfs me@server: rw"
DATA = "26 22 254:17 / /data rw - xfs /dev/mapper/data rw"
MOUNTS = "\n".join((ROOT_FS, VAR, TMP, NET, SSHFS, DATA)) + "\n"
KEY_LINE = "dumps ssh-ed25519 AAAA\n"


@pytest.fixture(autouse=True)
def _disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file system has the same room."""
    monkeypatch.setattr(free_space, "free_bytes", lambda place: FREE if os.path.exists(place) else None)
    monkeypatch.setattr(free_space, "free_inodes", lambda place: None)


def look(
    make: Make, conf: str, extra: dict[str, str | bytes] | None = None, *, live: bool = True, links: Any = ()
) -> DumpTarget:
    """The facts of a real root with this kdump.conf."""
    files: dict[str, str | bytes] = {"proc/self/mountinfo": MOUNTS, "sysroot/etc/kdump.conf": conf, **(extra or {})}
    sample = make(extra={"sysroot/var/lib/x": "", **files})
    for name in ("etc", "var", "usr", "root"):
        if sample.has(f"sysroot/{name}"):
            (sample.root / "sysroot" / name).rename(sample.root / name)
    (sample.root / "sysroot").rmdir()
    for path, to in links:
        sample.link(path, to)
    return dump_target.read(Target(str(sample.root), live), Package.KDUMP_UTILS, parse("", "/etc/sysconfig/kdump"), 256 * MIB)


def summary(found: Local) -> tuple[str | None, int | None, bool, bool, bool]:
    """Mount point, free bytes, no directory, no device, somebody else's."""
    return (found.mount.point if found.mount else None, found.free, found.file, found.missing, found.distant)


LOCAL: list[tuple[str, str, dict[str, str | bytes], list[tuple[str, str]], Any]] = [
    ("the directory", "", {"sysroot/var/crash/x": ""}, [], ("/var", FREE, False, False, False)),
    ("still to be made", "", {}, [], ("/var", FREE, False, False, False)),
    ("a file", "", {"sysroot/var/crash": ""}, [], ("/var", FREE, True, False, False)),
    ("below a file", "path /var/crash/dumps", {"sysroot/var/crash": ""}, [], ("/var", FREE, True, False, False)),
    ("by a link", "path /srv/dumps", {}, [("srv", "var/srv")], ("/var", FREE, False, False, False)),
    ("by an absolute link", "path /srv", {}, [("srv", "/tmp/x")], ("/tmp", FREE, False, False, False)),
    ("in the root", "path /crash", {}, [], ("/", FREE, False, False, False)),
    ("on a server", "path /var/far/dumps", {}, [], ("/var/far", None, False, False, True)),
    ("on a server by FUSE", "path /var/fuse", {}, [], ("/var/fuse", None, False, False, True)),
    ("a link that lies on a server", "path /var/far/x", {}, [("var/far/x", "/tmp/x")], ("/var/far", None, False, False, True)),
    ("by a link to a server", "path /srv", {}, [("srv", "/var/far")], ("/var/far", None, False, False, True)),
    ("no mounts known", "", {"proc/self/mountinfo": ""}, [], (None, FREE, False, False, False)),
    ("mounts that are none", "", {"proc/self/mountinfo": "x y\n"}, [], (None, FREE, False, False, False)),
    ("a device", "xfs /dev/mapper/data", {"dev/mapper/data": "", "data/x": ""}, [], ("/data", FREE, False, False, False)),
    ("not mounted", "xfs /dev/vdz", {"dev/vdz": ""}, [], (None, None, False, False, False)),
    ("not there", "xfs /dev/vdz", {}, [], (None, None, False, True, False)),
    ("by an absent label", "xfs LABEL=dumps", {}, [], (None, None, False, True, False)),
    ("a server's", "nfs a:/b", {}, [], (None, None, False, False, False)),
]


@pytest.mark.parametrize(("conf", "extra", "links", "expected"), [row[1:] for row in LOCAL], ids=[row[0] for row in LOCAL])
def test_local(make: Make, conf: str, extra: dict[str, str | bytes], links: list[tuple[str, str]], expected: Any) -> None:
    assert summary(look(make, conf, extra, links=links).local) == expected


@pytest.mark.parametrize("name", ["UUID=1-2", 'UUID="1-2"', "/dev/vda4", "/dev/disk/by-uuid/1-2"])
def test_a_device_by_any_name_is_found_where_it_is_mounted(make: Make, name: str) -> None:
    links = [("dev/disk/by-uuid/1-2", "../../vda4"), ("dev/vg/root", "../vda4")]
    found = look(make, f"ext4 {name}", {"dev/vda4": ""}, links=links).local
    assert found.mount is not None and found.mount.number == "254:4" and not found.missing


def test_of_a_captured_tree_no_room_is_known(make: Make) -> None:
    found = look(make, "", {"sysroot/var/crash/x": ""}, live=False)
    assert not found.live and summary(found.local) == ("/var", None, False, False, False)
    assert summary(look(make, "xfs /dev/vdz", live=False).local) == (None, None, False, False, False)


def test_in_the_initramfs_the_provisioned_system_is_looked_at(make: Make) -> None:
    mounts = "22 1 254:4 / /sysroot ro - ext4 /dev/vda4 rw\n23 22 254:4 /v /sysroot/var rw - ext4 /dev/vda4 rw\n"
    sample = make(extra={"proc/self/mountinfo": mounts, "sysroot/etc/kdump.conf": "", "sysroot/var/crash/x": ""})
    found = dump_target.read(Target(str(sample.root), True), Package.KDUMP_UTILS, parse("", "x"), 0)
    assert summary(found.local) == ("/sysroot/var", FREE, False, False, False)


REMOTE: list[tuple[str, dict[str, str | bytes], bool, Known]] = [
    ("nothing", {}, False, Known.NO),
    ("all of it", {f"sysroot{KEY}": "", "sysroot/root/.ssh/known_hosts": KEY_LINE}, True, Known.YES),
    ("known to all", {"sysroot/etc/ssh/ssh_known_hosts": KEY_LINE}, False, Known.YES),
    ("hashed in one file, plain in the other",
     {"sysroot/root/.ssh/known_hosts": "|1|a|b ssh-rsa A\n", "sysroot/etc/ssh/ssh_known_hosts": KEY_LINE}, False, Known.YES),
    ("hashed", {"sysroot/root/.ssh/known_hosts": "|1|a|b ssh-rsa A\n"}, False, Known.UNKNOWN),
    ("configured", {"sysroot/etc/ssh/ssh_config.d/x.conf": "HostKeyAlias y\n"}, False, Known.UNKNOWN),
    ("a key that is a directory", {f"sysroot{KEY}/x": ""}, False, Known.NO),
]  # fmt: skip


@pytest.mark.parametrize(("extra", "key", "known"), [row[1:] for row in REMOTE], ids=[row[0] for row in REMOTE])
def test_remote(make: Make, extra: dict[str, str | bytes], key: bool, known: Known) -> None:
    found = look(make, "ssh dump@dumps\n", extra)
    assert found.destination.kind is Kind.SSH and found.remote == Remote(key, known)


def test_ifupdown(make: Make) -> None:
    assert look(make, "", {f"sysroot/{dump_target.NETWORKING}": ""}).remote.networking


def test_which_configuration_counts(make: Make) -> None:
    sample = make(extra={"sysroot/etc/kdump.conf": "nfs a:/b\n"})
    config = parse("KDUMP_COREDIR=/x\nKDUMP_SAVEDIR=/y\n", "/c")
    found = {each: dump_target.read(Target(str(sample.root), False), each, config, 0).destination.place for each in Package}
    assert found == {Package.KDUMP_UTILS: "a:/b", Package.KDUMP_TOOLS: "/x", Package.SUSE: "/y"}


def memory(sample: Sample) -> memory_use.Usage | None:
    """What is read of the sample."""
    return memory_use.read(str(sample.root), 256 * MIB)


def test_memory(make: Make) -> None:
    found = memory(make(extra={"proc/meminfo": "MemFree: 4 kB\n"}))
    assert found is not None and (found.reserved, found.meminfo) == (256 * MIB, {"MemFree": 4096})
    assert 7 * GIB < found.ram <= 8 * GIB
    hidden = "00000000-00000000 : System RAM\n"
    assert memory(make()) is None
    assert memory(make(extra={"proc/meminfo": "MemFree: 4 kB\n"}, iomem=hidden)) is None
    assert memory(make(extra={"proc/meminfo": b"\xff"})) is None
