# SPDX-License-Identifier: Apache-2.0
"""capture_files.py: what the capture kernel is loaded from, where its initramfs comes from, and for which kernel each is."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.facts import capture_files
from orchestrator.facts.capture_files import CaptureFiles, Origin
from tests.conftest import Make
from tests.kernelimage import bzimage

RUNNING = {"proc/sys/kernel/osrelease": "7.2\n"}
TOOLS = {**RUNNING, "sysroot/usr/sbin/kdump-config": ""}
UTILS = {**RUNNING, "sysroot/usr/bin/kdumpctl": ""}
SUSE = {**RUNNING, "sysroot/usr/lib/kdump/load.sh": "", "sysroot/etc/os-release": "ID=suse\n"}
SETTINGS = "sysroot/etc/default/kdump-tools"
NOTED = "sysroot/var/crash/kexec_cmd"
BUILT = "sysroot/var/lib/kdump/initrd.img-7.2"
MODULES = "/usr/lib/modules/7.2"
CUSTOM = f"KDUMP_KERNEL={MODULES[:-3]}$(uname -r)/vmlinuz\nKDUMP_INITRD=/usr/lib/kdump/initramfs.img\n"


def noted(kernel: str, initrd: str) -> str:
    """What kdump-config leaves after a load."""
    return f'/sbin/kexec -p -s --command-line="root=UUID=1 --initrd=/x" --initrd={initrd} {kernel}\n'


TABLE: list[tuple[str, dict[str, str | bytes], bool, tuple[str, str, str, str], Origin | None]] = [
    (
        "kdump-tools, as noted, built here",
        {**TOOLS, NOTED: noted(f"{MODULES}/vmlinuz", "/var/lib/kdump/initrd.img-7.2"), BUILT: "x"},
        True,
        (f"{MODULES}/vmlinuz", "7.2", "/var/lib/kdump/initrd.img-7.2", "7.2"),
        Origin.MACHINE,
    ),
    (
        "kdump-tools, as noted in a directory of its own",
        {**TOOLS, SETTINGS: 'KDUMP_COREDIR="/var/a"\n', "sysroot/var/a/kexec_cmd": noted(f"{MODULES}/vmlinuz", "/usr/x")},
        True,
        (f"{MODULES}/vmlinuz", "7.2", "/usr/x", ""),
        Origin.IMAGE,
    ),
    (
        "kdump-tools, what was noted of an earlier load",
        {**TOOLS, SETTINGS: CUSTOM, NOTED: noted("/boot/vmlinuz-6.1", "/x"), "sysroot/usr/lib/kdump/initramfs.img": "x"},
        False,
        (f"{MODULES}/vmlinuz", "7.2", "/usr/lib/kdump/initramfs.img", ""),
        Origin.IMAGE,
    ),
    (
        "kdump-tools, nothing set and nothing there",
        {**TOOLS},
        False,
        ("/var/lib/kdump/vmlinuz", "", "", ""),
        None,
    ),
    (
        "kdump-tools, the default before the links are made",
        {**TOOLS, SETTINGS: "USE_KDUMP=1\n", BUILT: "x"},
        False,
        ("/var/lib/kdump/vmlinuz", "", "/var/lib/kdump/initrd.img-7.2", "7.2"),
        Origin.MACHINE,
    ),
    (
        "a kernel's header counts more than its name",
        {**TOOLS, NOTED: noted("/k/vmlinuz-1", "/boot/ostree/d-1/initramfs-7.2.img"), "sysroot/k/vmlinuz-1": bzimage("7.2", 1)},
        True,
        ("/k/vmlinuz-1", "7.2", "/boot/ostree/d-1/initramfs-7.2.img", "7.2"),
        Origin.IMAGE,
    ),
    (
        "kdump-utils in /var",
        {**UTILS, "sysroot/var/lib/kdump/initramfs-7.2kdump.img": "x"},
        True,
        ("", "7.2", "/var/lib/kdump/initramfs-7.2kdump.img", "7.2"),
        Origin.MACHINE,
    ),
    (
        "kdump-utils beside the kernel",
        {**UTILS, "boot/ostree/d-1/initramfs-7.2kdump.img": "x"},
        True,
        ("", "7.2", "/boot/ostree/d-1/initramfs-7.2kdump.img", "7.2"),
        Origin.MACHINE,
    ),
    ("kdump-utils, not built yet", {**UTILS}, False, ("", "7.2", "", ""), None),
    (
        "kdump-utils with a kernel of its own",
        {**UTILS, "sysroot/etc/sysconfig/kdump": "KDUMP_KERNELVER=6.1\n", "sysroot/var/lib/kdump/initramfs-6.1kdump.img": "x"},
        True,
        ("", "6.1", "/var/lib/kdump/initramfs-6.1kdump.img", "6.1"),
        Origin.MACHINE,
    ),
    (
        "kdump-utils with what only a shell knows",
        {**UTILS, "sysroot/etc/sysconfig/kdump": "KDUMP_KERNELVER=$(a)\n"},
        True,
        ("", "", "", ""),
        None,
    ),
    (
        "kdump-utils under a debug kernel",
        {**UTILS, "proc/sys/kernel/osrelease": "7.2+debug\n"},
        True,
        ("", "", "", ""),
        None,
    ),
    (
        "SUSE",
        {**SUSE, "sysroot/var/lib/kdump/kernel": bzimage("6.4-default", 1), "sysroot/var/lib/kdump/initrd": "x"},
        True,
        ("/var/lib/kdump/kernel", "6.4-default", "/var/lib/kdump/initrd", ""),
        Origin.MACHINE,
    ),
]


@pytest.mark.parametrize(("extra", "loaded", "expected", "origin"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_files(make: Make, extra: dict[str, Any], loaded: bool, expected: tuple[str, str, str, str], origin: Origin | None) -> None:
    sample = make(extra=extra)
    found = capture_files.read(str(sample.root), sample.boot, loaded=loaded)
    assert found == CaptureFiles(*expected)
    assert found.origin is origin and not found.apart


def test_links_are_followed(make: Make) -> None:
    """kdump-config's own: the one of the kernel leads nowhere on an ostree system, and its name tells all the same."""
    sample = make(extra={**TOOLS, NOTED: noted("/var/lib/kdump/vmlinuz", "/var/lib/kdump/initrd.img"), BUILT: "x"})
    sample.link("sysroot/var/lib/kdump/initrd.img", "/var/lib/kdump/initrd.img-7.2")
    sample.link("sysroot/var/lib/kdump/vmlinuz", "/boot/vmlinuz-6.1")
    found = capture_files.read(str(sample.root), sample.boot, loaded=True)
    assert found == CaptureFiles("/boot/vmlinuz-6.1", "6.1", "/var/lib/kdump/initrd.img-7.2", "7.2")
    assert found.apart


def test_no_package_is_known(make: Make) -> None:
    sample = make()
    assert capture_files.read(str(sample.root), sample.boot, loaded=True) is None
