# SPDX-License-Identifier: Apache-2.0
"""A capture initramfs that is built on the machine, as kdump-utils does it: once for every kernel, by the start of the service.

kdump-tools' own hook builds none on an ostree system: it wants initramfs-tools and a kernel in /boot. The image's
program takes its place (image/files/root/usr/lib/rig/build-capture), as docs/image-builder.md has it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from harness import vmcore
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
    """What was built for one kernel: its file, and by time, inode and size whether it is the same one as before."""

    path: str
    written: str


def built(machine: Machine) -> Built:
    """The initramfs for the running kernel."""
    path = f"/var/lib/kdump/initrd.img-{machine.run('uname -r').text}"
    return Built(path, machine.run(f"stat --format='%Y %i %s' {path}").text)


def armed_with_it(machine: Machine) -> Built:
    """Wait for this boot's report. It must say: armed, by an initramfs that was built here for the running kernel."""
    machine.wait_until("test -s /run/kdump-karg/status.json", timeout=BUILD_TIMEOUT)
    report = json.loads(machine.read("/run/kdump-karg/status.json"))
    release, found = machine.run("uname -r").text, built(machine)
    assert report["armed"], report["verdict"]
    files = report["capture_files"]
    assert (files["initramfs"], files["initramfs_release"], files["initramfs_origin"]) == (found.path, release, "machine")
    assert files["kernel_release"] == release and f"made for kernel {release}" in report["verdict"]
    assert report["next"] is None and report["needed_bytes"] <= report["reserved_bytes"]
    return found


def test_built_once_for_a_kernel_and_used(boot: Boot) -> None:
    """Built in the boot after the first, and not again in the next one; the dump between them is captured with it."""
    machine = boot(ignition=BUILT_HERE)
    machine.wait_boot(BUILD_TIMEOUT)
    found = armed_with_it(machine)
    assert f"{found.path}, built on this machine for kernel" in machine.run("kdump-karg status").text
    machine.crash()
    machine.wait_boot(CRASH_TIMEOUT)
    vmcore.verify(vmcore.collect(machine), machine.run("uname -r").text)
    assert armed_with_it(machine) == found
