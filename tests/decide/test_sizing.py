# SPDX-License-Identifier: Apache-2.0
"""sizing.py and capture_kernel.py: what the capture kernel needs, and what that makes of a value."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace

import pytest

from orchestrator.decide import decision, sizing
from orchestrator.facts import capture_kernel, initrd
from orchestrator.facts.capture_kernel import CaptureKernel
from orchestrator.facts.initrd import Initrd
from orchestrator.facts.intent import Intent
from orchestrator.facts.machine import Machine
from orchestrator.rules import arch
from orchestrator.rules.defaults import Default
from orchestrator.rules.memory import Memory, parse
from tests.conftest import Make
from tests.invocation import Output, call
from tests.sample import CONF, FIRST_BOOT_LINE, GIB, IOMEM_8G, LATER_LINE, MIB, OPTIONS, iomem

# Measured on the test machine (linux 7.2, systemd 262): the kernel from /proc/iomem, both initramfs images by initrd.py, and the
# smallest memory, in steps of 8 MiB: the large one captured a vmcore with it, with the others systemd reached basic.target.
KERNEL = 43580 << 10
SMALL = Initrd(14875060, 39497176)
LARGE = Initrd(32208416, 96080756)
MEASURED = [
    ("small, root= given", SMALL, False, 144),
    ("large, root= given", LARGE, False, 216),
    ("small, in a tmpfs", SMALL, True, 152),
    ("large, in a tmpfs", LARGE, True, 280),
]
WORST = 24 * MIB  # more than this above what was measured would be waste


@pytest.mark.parametrize(("archive", "in_tmpfs", "mib"), [row[1:] for row in MEASURED], ids=[row[0] for row in MEASURED])
def test_the_estimate_is_a_little_above_what_was_measured(archive: Initrd, in_tmpfs: bool, mib: int) -> None:
    found = sizing.needed(CaptureKernel(KERNEL, archive, "x", in_tmpfs, memory=2 * GIB), "x86_64")
    assert mib * MIB <= found <= mib * MIB + WORST


def test_what_the_estimate_is_made_of() -> None:
    plain = CaptureKernel(10 * MIB, Initrd(20 * MIB, 64 * MIB), "x", in_tmpfs=False)
    assert sizing.needed(plain, "x86_64") == (10 + 20 + 68 + 64) * MIB
    assert sizing.needed(replace(plain, in_tmpfs=True), "x86_64") == (10 + 20 + 136 + 16) * MIB
    assert sizing.needed(replace(plain, in_tmpfs=True, initrd=Initrd(MIB, 16 * MIB)), "x86_64") == (10 + 1 + 17 + 64) * MIB
    assert sizing.needed(replace(plain, memory=1 << 40), "x86_64") == (10 + 20 + 68 + 64 + 64) * MIB
    assert sizing.needed(replace(plain, unlock=GIB), "x86_64") == (10 + 20 + 68 + 64 + 1024 + 20) * MIB
    assert sizing.needed(replace(plain, unlock=GIB), "aarch64") == (10 + 20 + 68 + 64 + 1024 + 50) * MIB


def test_fedora_coreos_keeps_the_default() -> None:
    """`kdumpctl estimate` says 157 MiB on x86_64 for a kdump initramfs of 39 MB; the default is 256 MiB."""
    own = Initrd(80_000_000, 200_000_000)
    found = sizing.needed(CaptureKernel(KERNEL, capture_kernel.expected(own, packed=True), "x", in_tmpfs=True, memory=4 * GIB), "x86_64")
    assert 157 * MIB < found < 256 * MIB


DEBIAN = Machine(arch.named("x86_64"), Memory(((0, 2 * GIB),)), Default("512M-:192M", "the default"))
IMPLIED = Intent(("auto",), "kdump.service enabled by /x", implied=True)
FULL = CaptureKernel(KERNEL, LARGE, "/usr/lib/initramfs.img", in_tmpfs=False, memory=2 * GIB)
LEAN = replace(FULL, initrd=SMALL)


def weigh(intent: Intent, found: CaptureKernel | None, on: Machine = DEBIAN) -> decision.Wanted:
    """What is wanted in the end."""
    return sizing.weigh(intent, on, decision.want(intent, on), found)


def test_auto_is_raised_where_it_is_too_small() -> None:
    wanted = weigh(IMPLIED, FULL)
    assert (wanted.crashkernel, wanted.reserved_bytes, wanted.warning) == ("512M-:240M", 240 * MIB, "")
    assert 224 * MIB < wanted.needed_bytes <= 240 * MIB
    for word in ("the default", "raised because the capture kernel needs about 235 MiB", FULL.path):
        assert word in wanted.rule


def test_auto_stays_where_it_is_enough() -> None:
    assert weigh(IMPLIED, LEAN) == replace(decision.want(IMPLIED, DEBIAN), needed_bytes=sizing.needed(LEAN, "x86_64"))


def test_without_a_capture_kernel_nothing_changes() -> None:
    assert weigh(IMPLIED, None) == decision.want(IMPLIED, DEBIAN)


@pytest.mark.parametrize("intent", [Intent(("192M",), "f:1"), Intent(("192M",), "kernelArguments", by_ignition=True)], ids=["own", "Ignition's"])
def test_a_named_size_is_warned_of_and_kept(intent: Intent) -> None:
    wanted = weigh(intent, FULL)
    assert (wanted.crashkernel, wanted.reserved_bytes) == ("192M", 192 * MIB)
    assert "too small: the capture kernel needs about 235 MiB" in wanted.warning
    assert wanted.warning.endswith("; write crashkernel=240M")


def test_a_named_size_that_is_enough_is_not_warned_of() -> None:
    assert weigh(Intent(("240M",), "f:1"), FULL).warning == ""
    assert weigh(Intent(("234M",), "f:1"), FULL).warning


@pytest.mark.parametrize(
    ("unlock", "total"), [(GIB, 2 * GIB), (0, 400 * MIB)], ids=["unlocking takes a gigabyte", "a small machine"]
)
def test_auto_does_not_take_more_than_half_of_the_machine(unlock: int, total: int) -> None:
    machine = replace(DEBIAN, memory=Memory(((0, total),)), default=Default("256M-:192M", "the default"))
    wanted = weigh(IMPLIED, replace(FULL, unlock=unlock), machine)
    assert wanted.crashkernel == "256M-:192M"
    assert wanted.warning.endswith("; make that initramfs smaller, or add memory")


PARTS = "  01000000-0225bfff : Kernel code\n  02400000-03073fff : Kernel rodata\n  1-1 : Kernel nothing\n"


def test_kernel_bytes() -> None:
    assert capture_kernel.kernel_bytes(IOMEM_8G + PARTS) == 0x1000000 + 0x600000 + 0x125C000 + 0xC74000
    assert capture_kernel.kernel_bytes("  00000000-00000000 : Kernel code\n  00000000-00000000 : Kernel data\n") == 0
    assert capture_kernel.kernel_bytes("  nonsense : Kernel code\n") == 0
    assert capture_kernel.kernel_bytes("") == 0


SETTINGS = [
    ("", "/var/lib/kdump/initrd.img"),
    ("KDUMP_INITRD=/a\nKDUMP_INITRD=/usr/lib/kdump/initramfs.img\n", "/usr/lib/kdump/initramfs.img"),
    ('KDUMP_INITRD="/usr/lib/modules/$(uname -r)/initramfs.img"\n', "/usr/lib/modules/7.2/initramfs.img"),
    ("KDUMP_INITRD=/boot/x-`uname -r`\n", "/boot/x-7.2"),
    ("#KDUMP_INITRD=/a\n", "/var/lib/kdump/initrd.img"),
    ("KDUMP_INITRD=$(find /boot)\n", ""),
    ("KDUMP_INITRD=`ls`\n", ""),
]


@pytest.mark.parametrize(("text", "expected"), SETTINGS, ids=[row[0].strip() or "default" for row in SETTINGS])
def test_debian_initrd(text: str, expected: str) -> None:
    assert capture_kernel.debian_initrd(text, "7.2") == expected


def gz(stored: int, unpacked: int) -> bytes:
    """What looks like a gzip file of these sizes: its magic and its last four bytes are all that is read."""
    return b"\x1f\x8b".ljust(stored - 4, b"x") + unpacked.to_bytes(4, "little")


IMAGE = gz(MIB, 30 * MIB)
OWN = "boot/ostree/fedora-coreos-5d6a2c/initramfs-7.2.5.img"
RELEASE = {"proc/sys/kernel/osrelease": "7.2\n"}
KDUMP = "initramfs-7.2kdump.img"
LINKED = {"sysroot/var/lib/kdump/initrd.img-7.2": IMAGE}
PLACES: list[tuple[str, dict[str, str | bytes], str | None]] = [
    ("nothing", {}, None),
    ("the machine's own", {OWN: IMAGE}, f"that kdump will make of /{OWN}"),
    ("kdump-utils', on /boot", {OWN: IMAGE, f"boot/ostree/x/{KDUMP}": IMAGE}, f"/boot/ostree/x/{KDUMP}"),
    ("kdump-utils', in /var", {OWN: IMAGE, f"sysroot/var/lib/kdump/{KDUMP}": IMAGE}, f"/var/lib/kdump/{KDUMP}"),
    ("another version's", {f"boot/ostree/x/{KDUMP.replace('7', '6')}": IMAGE}, None),
    ("Debian's, not made yet", {OWN: IMAGE, "sysroot/etc/default/kdump-tools": ""}, f"that kdump will make of /{OWN}"),
    (
        "Debian's",
        {OWN: IMAGE, "sysroot/etc/default/kdump-tools": "KDUMP_INITRD=/k\n", "sysroot/k": IMAGE},
        "/k",
    ),
]


@pytest.mark.parametrize(("files", "path"), [row[1:] for row in PLACES], ids=[row[0] for row in PLACES])
def test_where_the_initramfs_is_found(make: Make, files: dict[str, str | bytes], path: str | None) -> None:
    sample = make(extra={**RELEASE, **files})
    found = capture_kernel.read(str(sample.root), sample.boot, FIRST_BOOT_LINE, sample.text())
    assert (found.path if found else None) == path
    assert found is None or found.kernel == 0x1000000 + 0x600000


@pytest.mark.parametrize(
    ("settings", "line", "in_tmpfs"),
    [(None, "root=x", True), (None, "", True), ("", "root=x", False), ("", "rootflags=x", True)],
    ids=["kdump-utils takes root= out", "none to take out", "Debian leaves it", "Debian without it"],
)
def test_where_the_kernel_unpacks_it(make: Make, settings: str | None, line: str, in_tmpfs: bool) -> None:
    files: dict[str, str | bytes] = {**RELEASE, OWN: IMAGE}
    if settings is not None:
        files["sysroot/etc/default/kdump-tools"] = settings
    sample = make(extra=files)
    found = capture_kernel.read(str(sample.root), sample.boot, line, sample.text())
    assert found is not None and found.in_tmpfs is in_tmpfs
    assert found.initrd == capture_kernel.expected(Initrd(MIB, 30 * MIB), packed=settings is None)
    assert found.memory == parse(IOMEM_8G).total


def test_a_machine_of_many_devices_has_a_long_iomem(make: Make) -> None:
    sample = make(iomem=IOMEM_8G + "  01000000-01ffffff : a device\n" * (2 * MIB // 32), extra={OWN: IMAGE})
    found = capture_kernel.read(str(sample.root), sample.boot, FIRST_BOOT_LINE, sample.text())
    assert found is not None and found.memory == parse(IOMEM_8G).total


BIG: dict[str, str | bytes] = {
    **RELEASE,
    "sysroot/etc/default/kdump-tools": "KDUMP_INITRD=/usr/lib/kdump/initramfs.img\n",
    "sysroot/etc/default/grub.d/kdump-tools.cfg": 'X="$X crashkernel=512M-:192M"\n',
    "sysroot/usr/lib/kdump/initramfs.img": gz(2 * MIB, 200 * MIB),
}


WITH_ROOT = f"{FIRST_BOOT_LINE} root=UUID=1\n"


def test_a_first_boot_that_raises_the_default(make: Make, capsys: Output) -> None:
    """From the plan to the verified write, and a second run finds its own work."""
    sample = make(extra=BIG, iomem=iomem((0, 4 * GIB)), cmdline=WITH_ROOT)
    assert call(sample, "plan", "--json") == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["crashkernel"] == "512M-:352M" and plan["reserved_bytes"] == 352 * MIB
    assert 336 * MIB < plan["needed_bytes"] <= 352 * MIB and plan["warning"] == ""
    assert "raised because the capture kernel needs about" in plan["reason"]
    assert "kdump-tools.cfg" in plan["rule"] and "/usr/lib/kdump/initramfs.img" in plan["rule"]
    assert call(sample, "apply") == 0
    assert sample.options.endswith("crashkernel=512M-:352M")
    before = sample.snapshot("boot")
    assert call(sample, "apply") == 0
    assert sample.snapshot("boot") == before


@pytest.mark.parametrize("conf", [None, "crashkernel=auto\n"])
def test_a_raised_default_that_runs_is_active(make: Make, capsys: Output, conf: str | None) -> None:
    line = f"{LATER_LINE} root=UUID=1 crashkernel=512M-:352M"
    options = f"{OPTIONS} crashkernel=512M-:352M"
    sample = make(extra=BIG, iomem=iomem((0, 4 * GIB)), cmdline=line, conf=conf, stamp=False, config=False, options=options)
    assert call(sample, "plan", "--json") == 0
    assert json.loads(capsys.readouterr().out)["decision"] == "ACTIVE"


def test_a_first_boot_with_a_size_that_is_too_small(make: Make, capfd: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    status = os.fstat(sys.stderr.fileno())
    monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
    sample = make(extra={**BIG, CONF: "crashkernel=192M\n"}, iomem=iomem((0, 4 * GIB)), cmdline=WITH_ROOT)
    assert call(sample, "plan") == 0
    shown = capfd.readouterr().out
    assert "\nwarning: too small: the capture kernel needs about" in shown and "\nneeded: about" in shown
    assert call(sample, "apply") == 0
    assert sample.options.endswith("crashkernel=192M")
    said = capfd.readouterr().err
    assert said.startswith("<4>") and "which is too small: the capture kernel needs about" in said


def test_nothing_is_read_where_nothing_is_to_be_changed(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(initrd, "read", lambda *_: pytest.fail("an initramfs was read"))
    assert call(make(preset=None, ignition=None, extra=BIG), "apply") == 0
    assert call(make(cmdline=f"{FIRST_BOOT_LINE} crashkernel=256M", extra=BIG), "apply") == 0


STATUS = {
    **RELEASE,
    "sysroot/etc/default/kdump-tools": "KDUMP_INITRD=/k\n",
    "sysroot/k": gz(MIB, 200 * MIB),
    "proc/cmdline": f"{LATER_LINE} crashkernel=300M root=x\n",
    "proc/iomem": IOMEM_8G,
}


@pytest.mark.parametrize(("mib", "short"), [(300, False), (200, True)], ids=["enough", "too small"])
def test_status_shows_what_is_needed_beside_what_is_reserved(make: Make, capsys: Output, mib: int, short: bool) -> None:
    options = f"{OPTIONS} crashkernel=300M"
    sample = make(extra=STATUS, crash_size=f"{mib * MIB}\n", crash_loaded="1\n", options=options, stamp=False, config=False)
    assert call(sample, "status", "--json") == 0
    status = json.loads(capsys.readouterr().out)
    assert 270 * MIB < status["needed_bytes"] < 300 * MIB
    detail = next(link["detail"] for link in status["links"] if link["name"] == "reserved")
    assert f"({mib} MiB) are reserved, about {-(-status['needed_bytes'] >> 20)} MiB are needed" in detail
    assert ("a dump may fail" in " ".join(status["warnings"])) is short


def test_status_without_an_initramfs_to_look_at(make: Make, capsys: Output) -> None:
    call(make(), "status", "--json")
    assert json.loads(capsys.readouterr().out)["needed_bytes"] is None
