# SPDX-License-Identifier: Apache-2.0
"""dump_target.py: where each package's configuration sends the dump."""

from __future__ import annotations

import pytest

from orchestrator.rules.dump_target import KEY, MIB, Destination, Kind, kdump_tools, kdump_utils, suse
from orchestrator.rules.shell_assignments import parse

CONF = "in /etc/kdump.conf"
HERE = Destination(Kind.DIRECTORY, "/var/crash", 31, setting=f"path {CONF}")
UTILS: list[tuple[str, str, Destination]] = [
    ("nothing", "", HERE),
    (
        "as shipped",
        "# comment\n#ext4 /dev/vg/lv\nauto_reset_crashkernel yes\npath /var/crash\ncore_collector makedumpfile -d 31\n",
        HERE,
    ),
    ("another path", "path //srv//dumps/ # here\n", Destination(Kind.DIRECTORY, "/srv/dumps", 31, setting=f"path {CONF}")),
    ("the last one counts", "path /a\npath /var/crash\n", HERE),
    ("quoted", 'path "/var/crash"\n', HERE),
    ("all of the memory", "core_collector cp\n", Destination(Kind.DIRECTORY, "/var/crash", 0, setting=f"path {CONF}")),
    (
        "a collector of one's own",
        "core_collector /x\n",
        Destination(Kind.DIRECTORY, "/var/crash", None, setting=f"path {CONF}"),
    ),
    ("a label", "ext4 LABEL=dumps\n", Destination(Kind.FILE_SYSTEM, "LABEL=dumps", 31, setting=f"ext4 {CONF}")),
    (
        "by dracut",
        'dracut_args --mount "/dev/vdb1 /mnt xfs defaults"',
        Destination(Kind.FILE_SYSTEM, "/dev/vdb1", 31, setting=f"xfs {CONF}"),
    ),
    ("ssh", "ssh dump@server\n", Destination(Kind.SSH, "dump@server", 31, (KEY,), remote=True, setting=f"ssh {CONF}")),
    ("a key", "ssh a@b\nsshkey /k\n", Destination(Kind.SSH, "a@b", 31, ("/k", KEY), remote=True, setting=f"ssh {CONF}")),
    ("nfs", "nfs server:/dumps\n", Destination(Kind.NFS, "server:/dumps", 31, remote=True, setting=f"nfs {CONF}")),
    (
        "nfs by dracut",
        "dracut_args --mount 's:/d /mnt nfs4 rw'",
        Destination(Kind.NFS, "s:/d", 31, remote=True, setting=f"nfs4 {CONF}"),
    ),
    ("raw", "raw /dev/vdb\n", Destination(Kind.UNKNOWN, unknown="the dump goes to raw /dev/vdb, which is not looked at")),
    ("virtiofs", "virtiofs tag\n", Destination(Kind.UNKNOWN, unknown="the dump goes to virtiofs tag, which is not looked at")),
    (
        "two",
        "nfs a:/b\nssh a@b\n",
        Destination(Kind.UNKNOWN, unknown="/etc/kdump.conf names 2 targets, and kdumpctl takes one"),
    ),
    ("unknown", "nets a\n", Destination(Kind.UNKNOWN, unknown="nets in /etc/kdump.conf is no option of kdump.conf(5)")),
]


@pytest.mark.parametrize(("text", "expected"), [row[1:] for row in UTILS], ids=[row[0] for row in UTILS])
def test_kdump_utils(text: str, expected: Destination) -> None:
    assert kdump_utils(text) == expected


PLACE = "KDUMP_COREDIR in /c"
TOOLS: list[tuple[str, str, Destination]] = [
    ("nothing", "", Destination(Kind.DIRECTORY, "/var/crash", 31, setting=PLACE)),
    ("set", 'KDUMP_COREDIR="/srv/d/"\nMAKEDUMP_ARGS="-c -d 1"\n', Destination(Kind.DIRECTORY, "/srv/d", 1, setting=PLACE)),
    ("empty", "KDUMP_COREDIR=\nMAKEDUMP_ARGS=\n", Destination(Kind.DIRECTORY, "/var/crash", 31, setting=PLACE)),
    ("ssh", "SSH=a@b\nNFS=c:/d\n", Destination(Kind.SSH, "a@b", 31, (KEY,), remote=True, setting="SSH in /c")),
    ("a key", "SSH=a@b\nSSH_KEY=/k\n", Destination(Kind.SSH, "a@b", 31, ("/k",), remote=True, setting="SSH in /c")),
    ("nfs", "NFS=c:/d\n", Destination(Kind.NFS, "c:/d", 31, remote=True, setting="NFS in /c")),
    (
        "ftp",
        "FTP=h:/d\n",
        Destination(Kind.UNKNOWN, unknown="the dump goes to the FTP server h:/d, which is not asked", remote=True),
    ),
    (
        "a shell's",
        "KDUMP_COREDIR=$(x)\n",
        Destination(Kind.UNKNOWN, unknown="/c has '$(x)', and no shell is run to work it out"),
    ),
    (
        "a program",
        "if x\n",
        Destination(Kind.UNKNOWN, unknown="/c:1 is more than an assignment, and no shell is run to read it"),
    ),
]


@pytest.mark.parametrize(("text", "expected"), [row[1:] for row in TOOLS], ids=[row[0] for row in TOOLS])
def test_kdump_tools(text: str, expected: Destination) -> None:
    assert kdump_tools(parse(text, "/c")) == expected


URL = "KDUMP_SAVEDIR in /c"
IDS = tuple(f"/root/.ssh/id_{kind}" for kind in ("rsa", "dsa", "ecdsa", "ed25519"))
SPARE = 64 * MIB
SUSE: list[tuple[str, str, Destination]] = [
    ("nothing", "", Destination(Kind.DIRECTORY, "/var/crash", 31, spare=SPARE, setting=URL)),
    ("a path", "KDUMP_SAVEDIR=/d\n", Destination(Kind.DIRECTORY, "/d", 31, spare=SPARE, setting=URL)),
    (
        "a URL",
        "KDUMP_SAVEDIR=file:///d\nKDUMP_FREE_DISK_SIZE=1\n",
        Destination(Kind.DIRECTORY, "/d", 31, spare=MIB, setting=URL),
    ),
    ("a level", "KDUMP_DUMPLEVEL=1\n", Destination(Kind.DIRECTORY, "/var/crash", 1, spare=SPARE, setting=URL)),
    ("too high", "KDUMP_DUMPLEVEL=32\n", Destination(Kind.DIRECTORY, "/var/crash", 0, spare=SPARE, setting=URL)),
    ("no number", "KDUMP_DUMPLEVEL=x\n", Destination(Kind.DIRECTORY, "/var/crash", 31, spare=SPARE, setting=URL)),
    ("a copy", "KDUMP_DUMPFORMAT=raw\n", Destination(Kind.DIRECTORY, "/var/crash", 0, spare=SPARE, setting=URL)),
    (
        "the log",
        "KDUMP_DUMPFORMAT=none\n",
        Destination(Kind.UNKNOWN, unknown="KDUMP_DUMPFORMAT=none saves the kernel's log and no dump"),
    ),
    ("ssh", "KDUMP_SAVEDIR=ssh://a@h/d\n", Destination(Kind.SSH, "a@h", 31, IDS, remote=True, setting=URL)),
    (
        "keys",
        "KDUMP_SAVEDIR=sftp://h/d\nKDUMP_SSH_IDENTITY='id_x /k'\n",
        Destination(Kind.SSH, "h", 31, ("/root/.ssh/id_x", "/k"), remote=True, setting=URL),
    ),
    ("a password", "KDUMP_SAVEDIR=ssh://a:p@h/d\n", Destination(Kind.SSH, "a@h", 31, (), remote=True, setting=URL)),
    ("nfs", "KDUMP_SAVEDIR=nfs://h/a/b\n", Destination(Kind.NFS, "h:/a/b", 31, remote=True, setting=URL)),
    (
        "cifs",
        "KDUMP_SAVEDIR=cifs://h/a\n",
        Destination(Kind.UNKNOWN, unknown="the dump goes by cifs, whose server is not asked", remote=True),
    ),
    ("two", "KDUMP_SAVEDIR='/a /b'\n", Destination(Kind.UNKNOWN, unknown="KDUMP_SAVEDIR names several places")),
    ("no URL", "KDUMP_SAVEDIR=d\n", Destination(Kind.UNKNOWN, unknown=f"{URL} is no URL")),
    ("a command", "KDUMP_TRANSFER=x\n", Destination(Kind.UNKNOWN, unknown="KDUMP_TRANSFER is a command of its own")),
    ("a shell's", "KDUMP_SAVEDIR=`x`\n", Destination(Kind.UNKNOWN, unknown="/c has '`x`', and no shell is run to work it out")),
]


@pytest.mark.parametrize(("text", "expected"), [row[1:] for row in SUSE], ids=[row[0] for row in SUSE])
def test_suse(text: str, expected: Destination) -> None:
    assert suse(parse(text, "/c")) == expected
