# SPDX-License-Identifier: Apache-2.0
"""The machine under test without the product: it must behave as Fedora CoreOS does, and must not
arm kdump by itself. What the other tests find would otherwise prove nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import vmcore
from harness.ignition import Config

from conftest import Boot, NewDisk

KDUMP = Config().enable("kdump-tools.service")
CRASHKERNEL = "crashkernel=512M-:192M"
CRASH_TIMEOUT = 600.0


def test_provisions_once_and_does_not_arm(plain_image: Path, new_disk: NewDisk, boot: Boot) -> None:
    """Ignition runs on the first boot only; kdump that is merely enabled stays unarmed."""
    config = KDUMP.file("/etc/provisioned", "yes\n").file("/etc/issue", "appended\n", append=True)
    machine = boot(new_disk(plain_image), ignition=config)

    first = machine.wait_boot()
    assert machine.read("/etc/provisioned") == b"yes\n"
    assert machine.read("/proc/sys/kernel/random/boot_id").decode().strip() == first
    assert "ignition.firstboot" in machine.run("cat /proc/cmdline").text.split()
    assert machine.run("cat /sys/kernel/kexec_crash_loaded").text == "0"
    machine.wait_until("test ! -e /boot/ignition.firstboot")
    assert machine.run("findmnt -no OPTIONS /boot").text.startswith("ro,")

    machine.reboot()
    second = machine.wait_boot()
    assert second != first
    assert "ignition.firstboot" not in machine.run("cat /proc/cmdline").text
    assert machine.run("grep -c appended /etc/issue").text == "1"
    assert machine.run("systemctl is-enabled kdump-tools.service").text == "enabled"
    assert machine.run("cat /sys/kernel/kexec_crash_loaded").text == "0"
    assert machine.run("systemctl --failed --no-legend").text == ""
    assert machine.reset_count == 1


@pytest.mark.thorough
def test_captures_with_the_argument(plain_image: Path, new_disk: NewDisk, boot: Boot) -> None:
    """With the reservation in its entry, the machine arms, dumps and comes back by itself."""
    disk = new_disk(plain_image)
    disk.append_kargs(CRASHKERNEL)
    machine = boot(disk, ignition=KDUMP)

    machine.wait_boot()
    assert machine.run("cat /sys/kernel/kexec_crash_loaded").text == "1"
    assert machine.run("cat /sys/kernel/kexec_crash_size").text == str(192 << 20)
    release = machine.run("uname -r").text

    machine.crash()
    machine.wait_boot(CRASH_TIMEOUT)
    vmcore.verify(vmcore.collect(machine), release)

    capture = [line for line in machine.kernel_command_lines() if "elfcorehdr=" in line]
    assert len(capture) == 1
    assert "ignition.firstboot" not in capture[0]
    assert "crashkernel" not in capture[0]
    assert machine.reset_count == 1
