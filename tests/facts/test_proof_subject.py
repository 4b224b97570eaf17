# SPDX-License-Identifier: Apache-2.0
"""proof_subject.py: what a crash would prove, of each kdump package."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

import pytest

from orchestrator.facts import kdumpconf, proof_subject
from orchestrator.facts.proof_subject import Subject
from tests.dumps import RELEASE
from tests.sample import Sample

LINE = "BOOT_IMAGE=(hd0)/vmlinuz ostree=/ostree/boot.1/os/x/0 root=UUID=1 quiet"
RUNNING = {
    "proc/sys/kernel/osrelease": f"{RELEASE}\n",
    "proc/cmdline": f"{LINE} crashkernel=256M\n",
    "proc/sys/kernel/arch": "x86_64\n",
}
NOTED = f'/sbin/kexec -p -s --command-line="{LINE}" --initrd=/usr/lib/kdump/i.img /usr/lib/modules/x/vmlinuz\n'
FILES = {"usr/lib/kdump/i.img": "I", "usr/lib/modules/x/vmlinuz": "K"}
KDUMP_TOOLS = {"usr/sbin/kdump-config": "", "var/crash/kexec_cmd": NOTED, **FILES}
KDUMP_UTILS = {"usr/bin/kdumpctl": "", f"usr/lib/modules/{RELEASE}/vmlinuz": "K"}
SUSE = {"usr/lib/kdump/load.sh": "", "var/lib/kdump/kernel": "K", "var/lib/kdump/initrd": "I"}


def sha256(text: str) -> str:
    """By the library."""
    return hashlib.sha256(text.encode()).hexdigest()


def subject(root: Path, files: dict[str, str], line: str | None = LINE) -> Subject:
    """Of a system with these files."""
    for path, text in {**RUNNING, **files}.items():
        Sample(root).write(path, text)
    return proof_subject.read(str(root), kdumpconf.read(str(root), loaded=True), line, 256 << 20)


PLACES: list[tuple[str, dict[str, str]]] = [
    ("kdump-tools", KDUMP_TOOLS),
    ("kdump-utils", {**KDUMP_UTILS, f"var/lib/kdump/initramfs-{RELEASE}kdump.img": "I"}),
    ("kdump-utils, beside the kernel", {**KDUMP_UTILS, f"boot/ostree/os-x/initramfs-{RELEASE}kdump.img": "I"}),
    ("SUSE", SUSE),
]


@pytest.mark.parametrize("files", [row[1] for row in PLACES], ids=[row[0] for row in PLACES])
def test_a_subject(tmp_path: Path, files: dict[str, str]) -> None:
    expected = Subject(RELEASE, sha256("K"), sha256("I"), sha256("root=UUID=1 quiet"), 256 << 20, "256M", "/var/crash")
    assert subject(tmp_path, files) == expected


def test_what_is_not_known_is_empty(tmp_path: Path) -> None:
    assert subject(tmp_path, {}, None) == Subject(RELEASE, reserved=256 << 20, crashkernel="256M")
    assert subject(tmp_path, {"usr/sbin/kdump-config": ""}, None).kernel == ""


def test_a_file_that_cannot_be_read_is_no_other_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open

    def denied(path: str, *given: int) -> int:
        if path.endswith("i.img"):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return real(path, *given)

    monkeypatch.setattr(os, "open", denied)
    found = subject(tmp_path, KDUMP_TOOLS)
    assert found.initramfs == proof_subject.UNREADABLE and found.kernel == sha256("K")


def test_what_every_deployment_changes_is_no_other_line() -> None:
    other = LINE.replace("boot.1", "boot.0").replace("hd0", "hd1").replace("  ", " ")
    assert proof_subject.comparable(other) == proof_subject.comparable(LINE)
    assert proof_subject.comparable(f"{LINE} kdump_test_id=1-2") == proof_subject.comparable(LINE)
    assert proof_subject.comparable(f"{LINE} x") != proof_subject.comparable(LINE)


DIRECTORIES: list[tuple[str, dict[str, str], str]] = [
    ("kdump-tools", KDUMP_TOOLS, "/var/crash"),
    ("kdump-tools, another one", {**KDUMP_TOOLS, "etc/default/kdump-tools": "KDUMP_COREDIR=/dumps\n"}, "/dumps"),
    ("kdump-tools by ssh", {**KDUMP_TOOLS, "etc/default/kdump-tools": "SSH=a@b\n"}, ""),
    ("kdump-tools, a shell knows", {**KDUMP_TOOLS, "etc/default/kdump-tools": "if x; then y; fi\n"}, ""),
    ("kdump-utils", KDUMP_UTILS, "/var/crash"),
    ("kdump-utils, a path", {**KDUMP_UTILS, "etc/kdump.conf": "# path /x\npath /dumps\n"}, "/dumps"),
    ("kdump-utils by ssh", {**KDUMP_UTILS, "etc/kdump.conf": "ssh a@b\npath /dumps\n"}, ""),
    ("kdump-utils, a device", {**KDUMP_UTILS, "etc/kdump.conf": "ext4 UUID=1\n"}, ""),
    ("kdump-utils by dracut", {**KDUMP_UTILS, "etc/kdump.conf": 'dracut_args --mount "/dev/x /y ext4"\n'}, ""),
    ("SUSE", SUSE, "/var/crash"),
    ("SUSE, an URL", {**SUSE, "etc/sysconfig/kdump": "KDUMP_SAVEDIR=file:///dumps\n"}, "/dumps"),
    ("SUSE by NFS", {**SUSE, "etc/sysconfig/kdump": "KDUMP_SAVEDIR=nfs://host/dumps\n"}, ""),
]


@pytest.mark.parametrize(("files", "expected"), [row[1:] for row in DIRECTORIES], ids=[row[0] for row in DIRECTORIES])
def test_where_the_dump_goes(tmp_path: Path, files: dict[str, str], expected: str) -> None:
    assert subject(tmp_path, files).directory == expected


def test_a_directory_of_another_machine_is_not_opened(tmp_path: Path) -> None:
    mounted = "30 1 0:40 / /var/crash rw - nfs4 server:/dumps rw\n"
    assert subject(tmp_path, {**KDUMP_TOOLS, "proc/self/mountinfo": mounted}).directory == ""
