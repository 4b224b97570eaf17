# SPDX-License-Identifier: Apache-2.0
"""`status` where it is hard to give: in the initramfs, and on a machine that takes its time to arm."""

from __future__ import annotations

from conftest import Boot, NewDisk
from harness import guest, offline_kargs
from harness.guest import KDUMP_UNIT, MIB
from harness.ignition import Config
from harness.machine import BREAK_SHELL

# Behind multi-user.target's other units, as kdump-utils' kdump.service is, and slower than all of them.
SLOW = """\
[Unit]
ConditionKernelCommandLine=crashkernel

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/bin/sleep 30
ExecStart=/usr/sbin/kdump-config load

[Install]
WantedBy=multi-user.target
"""


def test_in_the_initramfs(boot: Boot, new_disk: NewDisk) -> None:
    """At rd.break=pre-pivot, /boot not mounted: the entry is looked at, and is what is missing."""
    disk = new_disk()
    offline_kargs.first_boot_only(disk, BREAK_SHELL)
    machine = boot(disk, ignition=Config().enable(KDUMP_UNIT))
    machine.open_break_shell()
    # What is typed is echoed: only the shell's own answer has a number in it.
    machine.type("kdump-karg status; echo status-ended-$?-here\n")
    shown = machine.wait_serial(r"(?s)kdump is NOT armed: (\w+): ([^\n]*).*status-ended-(\d+)-here")
    assert (shown[1], shown[3]) == ("entry", "4")
    assert "/boot/loader/entries/" in shown[2] and "has no crashkernel=" in shown[2]


def test_the_report_waits_for_a_slow_kdump(boot: Boot) -> None:
    """The one report is given when the capture kernel is loaded, and not before. (Its line is the image's own shell code.)"""
    machine = boot(ignition=Config().unit("kdump.service", SLOW, enabled=True))
    machine.wait_boot()
    assert not guest.kdump(machine).loaded
    report = guest.reported(machine)
    assert report["armed"] and guest.kdump(machine) == guest.Kdump(192 * MIB, loaded=True)
    assert report["capture"]["predicted"] is None and "no shell is run" in report["capture"]["unknown"]
    assert "crashkernel" not in report["capture"]["recorded"] and "nr_cpus=1" in report["capture"]["recorded"].split()
    assert machine.run("systemctl --failed --plain --no-legend").text == ""
