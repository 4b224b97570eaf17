# SPDX-License-Identifier: Apache-2.0
"""`status` on a machine that takes its time to arm. test_decisions.py asks for it in the initramfs."""

from __future__ import annotations

from harness import guest
from harness.guest import MIB
from harness.ignition import Config

from conftest import Boot

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
