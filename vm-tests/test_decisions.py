# SPDX-License-Identifier: Apache-2.0
"""First boots that end without a reboot, or wait for a person. Every test is one machine of its own."""

from __future__ import annotations

from pathlib import Path

from harness import guest, offline_kargs
from harness.disk import Disk
from harness.guest import AUTO, KDUMP_UNIT, MIB
from harness.ignition import Config
from harness.machine import BREAK_SHELL, Machine
from image import filesystem

from conftest import Boot, NewDisk

CONF = "/etc/kdump-karg.conf"


def test_nothing_asked(boot: Boot, new_disk: NewDisk, image: Path) -> None:
    """No reboot, /boot byte-identical, kdump not running, no process of ours."""
    # The image's own unit ends the first boot by removing the stamp; without it /boot must not change at all.
    disk = new_disk()
    config = Config().mask("ignition-firstboot-complete.service").file("/etc/motd", "hello\n")
    machine = boot(disk, ignition=config)
    machine.wait_boot()
    guest.settled(machine)
    assert machine.reset_count == 0
    assert machine.run(f"systemctl is-active {KDUMP_UNIT}", check=False).text == "inactive"
    assert guest.processes_of_ours(machine) == 0
    assert "kdump-karg.service" in machine.run("journalctl --boot --output=cat --grep='Reserve Memory for kdump'").text
    machine.stop()
    assert disk.boot_bytes() == Disk(image).boot_bytes()


def test_already_on_the_command_line(boot: Boot, new_disk: NewDisk) -> None:
    """Nothing to write and nothing to reboot for: armed in the first boot."""
    disk = new_disk()
    disk.append_kargs("crashkernel=256M")
    machine = boot(disk, ignition=Config().enable(KDUMP_UNIT))
    machine.wait_boot()
    guest.settled(machine)
    assert machine.reset_count == 0
    assert guest.kdump(machine) == guest.Kdump(256 * MIB, loaded=True)
    assert guest.options(guest.entry(machine)).count("crashkernel=") == 1
    assert "ACTIVE" in machine.run("journalctl --boot --output=cat --unit=kdump-karg.service").text


def test_refused_and_boots_on(boot: Boot, new_disk: NewDisk, pristine_entry: str) -> None:
    """No write, no reboot; the report names the file and the reason."""
    disk = new_disk()
    machine = boot(disk, ignition=Config().enable(KDUMP_UNIT).file(CONF, "crashkernel=64G\n"))
    machine.wait_boot()
    assert CONF in guest.reported(machine)["verdict"]
    assert_refused(machine, disk, pristine_entry, "is not below the system's memory")


def test_two_file_systems_labelled_boot(boot: Boot, new_disk: NewDisk, pristine_entry: str, log_dir: Path) -> None:
    """Which of them was booted cannot be told: refused, boots on."""
    disk = new_disk()
    filesystem.make_blank(log_dir / "other.img", "boot")
    machine = boot(disk, ignition=Config().enable(KDUMP_UNIT), extra_disks=[log_dir / "other.img"])
    machine.wait_boot()
    assert_refused(machine, disk, pristine_entry, "2 file systems are labelled boot")


def assert_refused(machine: Machine, disk: Disk, pristine_entry: str, reason: str) -> None:
    """The first boot reached the real root with the old entry; report, console and journal say why."""
    guest.settled(machine)
    assert machine.reset_count == 0
    report = guest.reported(machine)
    assert not report["armed"] and report["broken"] == "provisioning"
    assert reason in report["verdict"]
    assert reason in machine.run("cat /run/issue.d/50_kdump-karg.issue").text
    assert reason in machine.run("journalctl --boot --output=cat --unit=kdump-karg.service").text
    assert "kdump-karg-report.service" in machine.run("systemctl --failed --plain --no-legend").text
    machine.stop()
    assert guest.entry_on(disk) == pristine_entry


def test_strict_stops_the_boot(boot: Boot) -> None:
    """With strict=yes a refusal ends in emergency.target, as a failure of Ignition does; the real root never starts."""
    machine = boot(ignition=Config().enable(KDUMP_UNIT).file(CONF, "strict=yes\ncrashkernel=64G\n"))
    machine.wait_serial("strict=yes: stopping this boot in emergency.target")
    machine.wait_serial("(Entering|You are in) emergency mode")
    machine.wait_serial("the root account is locked")
    assert "switch-root" not in machine.serial_text
    assert machine.boot_ids == () and machine.reset_count == 0


def test_shell_before_the_pivot(boot: Boot, new_disk: NewDisk) -> None:
    """At rd.break=pre-pivot, /boot not mounted: `status` looks at the entry, and says that it is what is missing; `plan` shows the
    diff; leaving the shell continues as if it had not been there. The config says enable=yes, and no unit is enabled but by that."""
    disk = new_disk()
    offline_kargs.first_boot_only(disk, BREAK_SHELL)
    machine = boot(disk, ignition=Config().file(CONF, "enable=yes\n"))
    machine.open_break_shell()
    # What is typed is echoed: only the shell's own answer has a number in it.
    machine.type("kdump-karg status; echo status-ended-$?-here\n")
    told = machine.wait_serial(r"(?s)kdump is NOT armed: (\w+): ([^\n]*).*status-ended-(\d+)-here")
    assert (told[1], told[3]) == ("entry", "4")
    assert "/boot/loader/entries/" in told[2] and "has no crashkernel=" in told[2]
    machine.type("kdump-karg plan; echo plan-ended-$?-here\n")
    shown = machine.wait_serial(rf"(?s)decision: (\w+).*enables: {KDUMP_UNIT}.*\+options ([^\n]*).*plan-ended-(\d+)-here")
    assert (shown[1], shown[3]) == ("CHANGE", "0")
    assert f"crashkernel={AUTO}" in shown[2]
    machine.type("exit\n")
    machine.wait_boot()
    assert machine.reset_count == 1
    guest.settled(machine)
    assert guest.kdump(machine).loaded


