# SPDX-License-Identifier: Apache-2.0
"""`status` and the report on a machine that takes its time to arm, and then has a full disk.

test_decisions.py asks for `status` in the initramfs.
"""

from __future__ import annotations

import re

from harness import guest
from harness.guest import MIB
from harness.ignition import Config
from harness.machine import Machine

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
    the_fleet_is_told(machine)
    a_full_disk_is_a_broken_link(machine)


def the_fleet_is_told(machine: Machine) -> None:
    """Beside the JSON lies the file for node_exporter, for everybody to read, and nothing half-written."""
    assert machine.run("stat -c %a /run/kdump-karg/kdump_karg.prom").text == "644"
    samples = machine.run("grep -v '^#' /run/kdump-karg/kdump_karg.prom").text.splitlines()
    assert {"kdump_karg_wanted 1", "kdump_karg_armed 1", f"kdump_karg_reserved_bytes {192 * MIB}"} <= set(samples)
    assert not machine.run("ls -A /run/kdump-karg | grep '^[.]'", check=False).text


def a_full_disk_is_a_broken_link(machine: Machine) -> None:
    """While less is free than a dump may take, the machine is not armed and is not crashed either: both say both numbers."""
    number, document = guest.status(machine)
    room = document["target"]
    assert (number, room["place"]) == (0, "/var/crash") and room["free_bytes"] > room["dump_bytes"] > 32 * MIB
    machine.run(f"fallocate -l {room['free_bytes'] - room['dump_bytes'] // 2} /var/filler")
    number, document = guest.status(machine)
    full = document["target"]
    assert (number, document["broken"]) == (4, "target") and full["free_bytes"] < full["dump_bytes"]
    assert numbers_said(document["verdict"]) == (full["free_bytes"] // MIB, -(-full["dump_bytes"] // MIB))
    refused = machine.run("kdump-karg test --yes", check=False)
    assert refused.status == 3 and refused.stderr.count(b"\n") == 1
    free, needed = numbers_said(refused.stderr.decode())
    assert free < needed
    machine.run("rm /var/filler")
    assert guest.status(machine)[0] == 0


def numbers_said(text: str) -> tuple[int, int]:
    """What a sentence about the full disk says is free there, and what a dump may take, both in MiB.

    Two runs do not say the same: the memory in use, which the dump is estimated from, has changed between them.
    """
    found = re.search(r"target: /var/crash: (\d+) MiB are free, a dump may take up to (\d+) MiB; free space there", text)
    assert found, text
    return int(found[1]), int(found[2])
