# SPDX-License-Identifier: Apache-2.0
"""A capture initramfs that is built on the machine, as kdump-utils does it: once for every kernel, by the start of the service.

kdump-tools' own hook builds none on an ostree system: it wants initramfs-tools and a kernel in /boot. The image's
program takes its place (image/files/root/usr/lib/rig/build-capture), as docs/image-builder.md has it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from harness import guest, vmcore
from harness.guest import KDUMP_UNIT
from harness.ignition import Config
from harness.machine import Machine

from conftest import Boot

SETTINGS = "/etc/default/kdump-tools"
INITRD = "KDUMP_INITRD=/var/lib/kdump/initrd.img\n"
DROP_IN = {"name": "20-build.conf", "contents": "[Service]\nExecStartPre=/usr/lib/rig/build-capture\n"}
BUILT_HERE = Config().unit(KDUMP_UNIT, enabled=True, dropins=[DROP_IN]).file(SETTINGS, INITRD, append=True)
#: Seconds that a boot may take in which dracut runs, under emulation.
BUILD_TIMEOUT = 600.0
CRASH_TIMEOUT = 600.0


@dataclass(frozen=True)
class Built:
    """What was built for one kernel: its file, and when and as which inode it was written."""

    path: str
    written: str


def built(machine: Machine) -> Built:
    """The initramfs for the running kernel, which is the only one there unless another kernel has run."""
    path = f"/var/lib/kdump/initrd.img-{machine.run('uname -r').text}"
    return Built(path, machine.run(f"stat --format='%Y %i %s' {path}").text)


def armed_with_it(machine: Machine) -> dict[str, Any]:
    """Wait for the boot's report: armed, by an initramfs that was built here for the running kernel. The report."""
    machine.wait_until("test -s /run/kdump-karg/status.json", timeout=BUILD_TIMEOUT)
    report = json.loads(machine.read("/run/kdump-karg/status.json"))
    assert isinstance(report, dict)
    assert report["armed"], report["verdict"]
    return report


def test_built_once_and_used(boot: Boot) -> None:
    """Built in the boot after the first, and not again in the next one."""
    machine = boot(ignition=BUILT_HERE)
    machine.wait_boot(BUILD_TIMEOUT)
    armed_with_it(machine)
    first = built(machine)
    print(machine.run("systemctl show kdump-tools.service -p ExecStartPre -p ActiveEnterTimestampMonotonic; ls -lR /var/lib/kdump; systemd-analyze blame | head -5; cat /var/crash/kexec_cmd; kdump-karg status").text)
    machine.run("systemctl reboot --no-block")
    machine.wait_boot(BUILD_TIMEOUT)
    armed_with_it(machine)
    assert built(machine) == first
