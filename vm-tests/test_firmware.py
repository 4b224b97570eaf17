# SPDX-License-Identifier: Apache-2.0
"""UEFI and Secure Boot: the same config ends in an armed machine and a vmcore. Not in the gate: `make check-machines`."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import firmware, guest, vmcore
from harness.disk import Disk
from harness.guest import KDUMP_UNIT, MIB
from harness.ignition import Config
from harness.machine import Machine
from image import builder as image_builder
from image.traits import Traits

from conftest import Boot, NewDisk, fresh_directory

UEFI = {kind: Traits(firmware="uefi", boot_fs=kind) for kind in ("ext4", "xfs")}
CRASH_TIMEOUT = 600.0
#: First boot, reboot, and what a firmware does before each.
ARMED_TIMEOUT = 500.0


def armed_after_one_reboot(machine: Machine, kind: str) -> None:
    """The second boot is the one that arms, on a machine that UEFI has started and that has such a /boot."""
    machine.wait_boot(ARMED_TIMEOUT)
    guest.settled(machine)
    assert machine.run("ls -d /sys/firmware/efi/efivars").text == "/sys/firmware/efi/efivars"
    assert machine.run("findmnt --noheadings --output=FSTYPE /boot").text == kind
    assert machine.reset_count == 1
    assert guest.kdump(machine) == guest.Kdump(192 * MIB, loaded=True)
    report = guest.reported(machine)
    assert report["armed"] and report["broken"] is None
    assert machine.run("systemctl --failed --plain --no-legend").text == ""


@pytest.mark.parametrize("kind", UEFI)
def test_uefi(kind: str, product: Path, new_disk: NewDisk, boot: Boot, log_dir: Path) -> None:
    """One reboot, armed, a panic, a vmcore of this kernel, and armed again."""
    traits = UEFI[kind]
    disk = new_disk(image_builder.build(traits, product))
    machine = boot(disk, ignition=Config().enable(KDUMP_UNIT), firmware=firmware.of(traits, log_dir))
    armed_after_one_reboot(machine, kind)
    release = machine.run("uname -r").text
    machine.crash()
    machine.wait_boot(CRASH_TIMEOUT)
    vmcore.verify(vmcore.collect(machine), release)
    assert guest.kdump(machine) == guest.Kdump(192 * MIB, loaded=True)


SECURE = Traits(firmware="secureboot", boot_fs="xfs")
#: The firmware's own variables (UEFI specification, 3.3); Linux puts their attributes in front, in four bytes.
SECURITY = [f"/sys/firmware/efi/efivars/{name}-8be4df61-93ca-11d2-aa0d-00e098032b8c" for name in ("SecureBoot", "SetupMode")]
ASK = "; ".join(f"od -An -j4 -tu1 {path}" for path in SECURITY)
LOCKDOWN = "cat /sys/kernel/security/lockdown"
DEFAULTS = "/etc/default/kdump-tools"
#: Takes a copy of the kernel, and its signature away: the length of the fifth directory of a PE file, which its header finds.
UNSIGN = """
set -e
cp /usr/lib/modules/$(uname -r)/vmlinuz /var/tmp/unsigned
header=$(od -An -j60 -N4 -tu4 /var/tmp/unsigned)
head -c 8 /dev/zero | dd of=/var/tmp/unsigned bs=1 seek=$((header + 168)) conv=notrunc status=none
echo KDUMP_KERNEL=/var/tmp/unsigned >>{0}
""".format(DEFAULTS)


@pytest.fixture(scope="module")
def locked(request: pytest.FixtureRequest, product: Path) -> Iterator[Machine]:
    """A machine under Secure Boot, in its second boot."""
    directory = fresh_directory(request.node)
    disk = Disk.overlay(image_builder.build(SECURE, product), directory / "disk.qcow2")
    config, start = Config().enable(KDUMP_UNIT), firmware.of(SECURE, directory)
    with Machine(disk, log_dir=directory, ignition=config, firmware=start) as machine:
        armed_after_one_reboot(machine, SECURE.boot_fs)
        yield machine


def test_secure_boot_is_on(locked: Machine) -> None:
    """The firmware checks what it starts and is not in set-up mode; the kernel is locked down and takes no kexec_load(2)."""
    assert locked.run(ASK).text.split() == ["1", "0"]
    assert "[integrity]" in locked.run(LOCKDOWN).text
    old = locked.run("kexec -p -c /usr/lib/modules/$(uname -r)/vmlinuz --reuse-cmdline", check=False)
    assert old.status != 0 and "try using kexec_file_load syscall" in locked.run("dmesg").text


def test_secure_boot_saves_a_vmcore(locked: Machine) -> None:
    """Armed by kexec_file_load; the dump is of this kernel, and the machine comes back locked down and armed."""
    release = locked.run("uname -r").text
    assert " -s " in locked.read("/var/crash/kexec_cmd").decode()
    locked.crash()
    locked.wait_boot(CRASH_TIMEOUT)
    guest.settled(locked)
    vmcore.verify(vmcore.collect(locked), release)
    assert guest.kdump(locked) == guest.Kdump(192 * MIB, loaded=True)
    assert locked.run(ASK).text.split() == ["1", "0"] and "[integrity]" in locked.run(LOCKDOWN).text
    assert guest.status(locked)[0] == 0


def test_secure_boot_starts_nothing_whose_key_it_lacks(product: Path, new_disk: NewDisk, boot: Boot, log_dir: Path) -> None:
    """Without our key among shim's, GRUB is not started: the tests above have proven something. There is no guest to ask."""
    start = firmware.of(SECURE, log_dir)
    assert start is not None
    shutil.copyfile(firmware.MICROSOFT, start.variables)
    machine = boot(new_disk(image_builder.build(SECURE, product)), ignition=Config().enable(KDUMP_UNIT), firmware=start)
    machine.wait_serial("Security Violation")
    assert machine.kernel_command_lines() == ()


def test_an_unsigned_capture_kernel_is_named(locked: Machine) -> None:
    """The kernel does not load it, and `status` says why, and what to do."""
    locked.run(UNSIGN)
    locked.run(f"systemctl restart {KDUMP_UNIT}", timeout=300.0, check=False)
    assert not guest.kdump(locked).loaded
    number, document = guest.status(locked)
    assert (number, document["broken"]) == (4, "loaded")
    reason = "/var/tmp/unsigned has no signature, and this kernel, locked down (integrity), takes none"
    assert f"no capture kernel is loaded: {reason}" in document["verdict"]
