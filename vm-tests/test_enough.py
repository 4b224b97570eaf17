# SPDX-License-Identifier: Apache-2.0
"""Is the size enough? The one that is picked captures a vmcore, and one that is warned of does not.

Both machines give their capture kernel the machine's own initramfs, which is too large for the default of 192 MiB. On trixie it
is so by the quarter that orchestrator/decide/sizing.py adds: the capture kernel runs in 192 MiB there, and panics in
160. (On forky it panics in 192.)
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from harness import guest, vmcore
from harness.guest import AUTO, FIRST_BOOT_JOURNAL, KDUMP_UNIT, MIB
from harness.ignition import Config
from harness.machine import Machine

from conftest import Boot

CONF = "/etc/kdump-karg.conf"
SETTINGS = "/etc/default/kdump-tools"
INITRD = "KDUMP_INITRD=/usr/lib/modules/$(uname -r)/initramfs.img\n"
LARGE = Config().enable(KDUMP_UNIT).file(SETTINGS, INITRD, append=True)
CRASH_TIMEOUT = 600.0
FAILING_MIB = 160
WARNED_OF = "a dump may fail"
TOO_SMALL = "too small: the capture kernel needs about"


def status(machine: Machine) -> dict[str, Any]:
    """The chain as JSON."""
    document = json.loads(machine.run("kdump-karg status --json").text)
    assert isinstance(document, dict)
    return document


def first_boot_log(machine: Machine) -> str:
    """What the first boot's run said."""
    return machine.run(f"journalctl --directory={FIRST_BOOT_JOURNAL} --output=cat --unit=kdump-karg.service").text


def test_auto_is_raised_and_captures(boot: Boot) -> None:
    """One reboot; more than the default, and no less than what is needed; a vmcore."""
    machine = boot(ignition=LARGE)
    machine.wait_boot()
    guest.settled(machine)
    assert machine.reset_count == 1
    found = guest.kdump(machine)
    needed = status(machine)["needed_bytes"]
    assert found.loaded and 192 * MIB < needed <= found.reserved < needed + 16 * MIB
    value = f"crashkernel=512M-:{found.reserved // MIB}M"
    assert value in guest.options(guest.entry(machine)).split() and value not in AUTO
    assert "raised because the capture kernel needs about" in first_boot_log(machine)
    machine.crash()
    machine.wait_boot(CRASH_TIMEOUT)
    vmcore.verify(vmcore.collect(machine), machine.run("uname -r").text)


def test_a_size_that_is_warned_of_does_not_capture(boot: Boot) -> None:
    """Told before the reboot and afterwards; the capture kernel panics for want of memory and leaves no dump."""
    machine = boot(ignition=LARGE.file(CONF, f"crashkernel={FAILING_MIB}M\n"))
    machine.wait_boot()
    guest.settled(machine)
    assert guest.kdump(machine) == guest.Kdump(FAILING_MIB * MIB, loaded=True)
    assert TOO_SMALL in first_boot_log(machine)
    assert WARNED_OF in " ".join(status(machine)["warnings"])
    resets = machine.reset_count
    machine.crash()
    machine.wait_serial("Kernel panic - not syncing: sysrq triggered crash")
    # The second panic is the capture kernel's; nothing resets the machine between the two.
    machine.wait_serial("Kernel panic - not syncing: System is deadlocked on memory", CRASH_TIMEOUT)
    assert machine.reset_count == resets
    machine.wait_boot(CRASH_TIMEOUT)
    assert machine.reset_count == resets + 1
    assert machine.run("find /var/crash -name 'dump*' -o -name 'vmcore*'").text == ""
    assert status(machine)["vmcore"] is None
    # Told once: nothing has changed since the report before the panic.
    assert WARNED_OF not in machine.run("journalctl --boot --output=cat --unit=kdump-karg-report.service").text


@pytest.mark.thorough
def test_auto_that_has_become_too_small_is_raised_by_apply(boot: Boot) -> None:
    """The default was enough on day one; with a larger capture initramfs it is not, and status names the command."""
    machine = boot(ignition=Config().enable(KDUMP_UNIT))
    machine.wait_boot()
    guest.settled(machine)
    assert status(machine)["warnings"] == [] and guest.kdump(machine).reserved == 192 * MIB
    machine.run(f"echo '{INITRD}' >> {SETTINGS}; systemctl restart {KDUMP_UNIT}", timeout=300.0)
    (warning,) = status(machine)["warnings"]
    assert warning.endswith("run kdump-karg apply and reboot")
    assert "CHANGE" in machine.run("kdump-karg apply 2>&1").text
    machine.reboot()
    machine.wait_boot()
    guest.settled(machine)
    found = guest.kdump(machine)
    assert found.loaded and found.reserved > 192 * MIB and status(machine)["warnings"] == []
    assert f"crashkernel=512M-:{found.reserved // MIB}M" in guest.options(guest.entry(machine)).split()
