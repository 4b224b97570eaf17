# SPDX-License-Identifier: Apache-2.0
"""The write and the reboot come last: what other units write while the initramfs is torn down is there afterwards.

The image's rig-teardown.service is ordered as Fedora CoreOS' coreos-teardown-initramfs.service and writes, slowly, when it is
stopped; where nothing goes wrong, test_armed.py looks for its file. Every test is one machine of its own.
"""

from __future__ import annotations

from harness import guest, offline_kargs
from harness.disk import Disk
from harness.guest import AUTO, FIRST_BOOT_JOURNAL, KDUMP_UNIT
from harness.ignition import Config
from harness.machine import Machine

from conftest import Boot, NewDisk

CONFIG = Config().enable(KDUMP_UNIT)


def first_boot(boot: Boot, disk: Disk, late: str, config: Config = CONFIG) -> Machine:
    """A machine whose late writer goes wrong in its first boot."""
    offline_kargs.first_boot_only(disk, f"rig.late={late}")
    return boot(disk, ignition=config)


def test_a_late_writer_that_fails_ends_as_on_a_stock_machine(boot: Boot, new_disk: NewDisk, pristine_entry: str) -> None:
    """Its OnFailure=emergency.target stops the boot; nothing was written, so the next boot is a first boot once more."""
    disk = new_disk()
    machine = first_boot(boot, disk, "fail")
    machine.wait_serial("late writer: fails")
    machine.wait_serial("(Entering|You are in) emergency mode")
    machine.wait_serial("the root account is locked")
    assert machine.boot_ids == () and machine.reset_count == 0
    machine.stop()
    assert guest.entry_on(disk) == pristine_entry
    with disk.boot_files() as files:
        assert files.read("ignition.firstboot")


def test_a_late_writer_that_hangs_is_given_its_time(boot: Boot, new_disk: NewDisk) -> None:
    """Its own time-out ends it (TimeoutStopSec=); the reboot comes once, and the log tells of it.

    A unit that is still being stopped then, though nobody ordered it against the pivot, is waited for as well.
    """
    machine = first_boot(boot, new_disk(), "hang")
    machine.wait_serial("late writer: hangs")
    machine.wait_boot()
    guest.settled(machine)
    assert machine.reset_count == 1 and guest.kdump(machine).loaded
    log = machine.run(f"journalctl --directory={FIRST_BOOT_JOURNAL} --output=cat --unit=rig-hang.service").text
    assert "timed out" in log
    assert machine.run("cat /etc/rig-unordered").text == "written late, unordered"


def test_a_write_that_is_refused_at_the_end_boots_on_as_a_first_boot(boot: Boot, new_disk: NewDisk, pristine_entry: str) -> None:
    """Too late for the decision, another entry for the same deployment turns up; nothing of the first boot is missing."""
    disk = new_disk()
    machine = first_boot(boot, disk, "twin", CONFIG.file("/etc/appended", "once\n", append=True))
    machine.wait_boot()
    guest.settled(machine)
    assert machine.reset_count == 0
    report = guest.reported(machine)
    assert not report["armed"] and report["broken"] == "provisioning" and "both boot ostree=" in report["verdict"]
    assert guest.written_late(machine) and machine.read("/etc/appended").decode() == "once\n"
    assert "ignition.firstboot" in machine.run("cat /proc/cmdline").text.split()
    assert not machine.run("ls -A /boot | grep first", check=False).text
    assert machine.run("cat /boot/loader/entries/ostree-1.conf").text + "\n" == pristine_entry
    assert f"crashkernel={AUTO}" not in pristine_entry


def test_with_strict_a_refusal_at_the_end_stops_the_boot(boot: Boot, new_disk: NewDisk) -> None:
    """The pivot has been asked for by then, and still does not happen."""
    config = CONFIG.file("/etc/kdump-karg.conf", "strict=yes\n")
    machine = first_boot(boot, new_disk(), "twin", config)
    machine.wait_serial("both boot ostree=")
    machine.wait_serial("strict=yes: stopping this boot in emergency.target")
    machine.wait_serial("the root account is locked")
    assert machine.boot_ids == () and machine.reset_count == 0
