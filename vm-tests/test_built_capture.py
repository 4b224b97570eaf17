# SPDX-License-Identifier: Apache-2.0
"""A capture initramfs that is built on the machine, as kdump-utils does it: once for every kernel, by the start of the service."""

from __future__ import annotations

from pathlib import Path

from harness import built_capture, guest, updating, vmcore
from harness.built_capture import BUILD_TIMEOUT, BUILT_HERE
from harness.disk import Disk

from conftest import Boot

CRASH_TIMEOUT = 600.0


def test_built_once_for_every_kernel(boot: Boot, update_disk: Path, log_dir: Path) -> None:
    """In the boot after the first, once more after an update with another kernel, and not again after the crash of that one."""
    update = Disk.overlay(update_disk, log_dir / "update.qcow2")
    machine = boot(ignition=BUILT_HERE, extra_disks=[update.path])
    machine.wait_boot(BUILD_TIMEOUT)
    first = built_capture.armed(machine)
    assert f"{first.path}, built on this machine for kernel" in machine.run("kdump-karg status").text
    guest.settled(machine)
    updating.follow(machine)
    updating.upgrade(machine)
    machine.reboot()
    machine.wait_boot(BUILD_TIMEOUT)
    second = built_capture.armed_after_update(machine, first)
    guest.settled(machine)
    kernel = machine.run("uname -r").text
    machine.crash()
    machine.wait_boot(CRASH_TIMEOUT)
    vmcore.verify(vmcore.collect(machine), kernel)
    assert built_capture.armed(machine) == second
