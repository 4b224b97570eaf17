# SPDX-License-Identifier: Apache-2.0
"""The word of the kernel command line that switches this program off. test_first_boot.py has the other one."""

from __future__ import annotations

from harness import guest, offline_kargs
from harness.guest import KDUMP_UNIT
from harness.ignition import Config

from conftest import Boot, NewDisk


def test_switched_off(boot: Boot, new_disk: NewDisk) -> None:
    """rd.kdump_karg=0: kdump is wanted and nothing of ours happens in this first boot."""
    disk = new_disk()
    offline_kargs.append(disk, "rd.kdump_karg=0")
    entry = guest.entry_on(disk)
    machine = boot(disk, ignition=Config().enable(KDUMP_UNIT))
    machine.wait_boot()
    guest.settled(machine)
    assert machine.reset_count == 0
    assert guest.kdump(machine) == guest.Kdump(0, loaded=False)
    assert guest.processes_of_ours(machine) == 0
    machine.stop()
    assert guest.entry_on(disk) == entry


