# SPDX-License-Identifier: Apache-2.0
"""UEFI: the same config ends in an armed machine and a vmcore. Not in the gate; `make check-machines` runs it."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import firmware, guest, vmcore
from harness.guest import KDUMP_UNIT, MIB
from harness.ignition import Config
from harness.machine import Machine
from image import builder as image_builder
from image.traits import Traits

from conftest import Boot, NewDisk

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
