# SPDX-License-Identifier: Apache-2.0
"""Machines that build their capture initramfs themselves, once for a kernel: how to ask for it, and what must come of it.

kdump-tools' own hook builds none on an ostree system: it wants initramfs-tools and a kernel in /boot. The image's program takes
its place (image/files/root/usr/lib/rig/build-capture), as docs/image-builder.md has it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from harness.guest import KDUMP_UNIT
from harness.ignition import Config
from harness.machine import Machine

SETTINGS = "/etc/default/kdump-tools"
INITRD = "KDUMP_INITRD=/var/lib/kdump/initrd.img\n"
DROP_IN = {"name": "20-build.conf", "contents": "[Service]\nExecStartPre=/usr/lib/rig/build-capture\n"}
BUILT_HERE = Config().unit(KDUMP_UNIT, enabled=True, dropins=[DROP_IN]).file(SETTINGS, INITRD, append=True)
#: Seconds that a boot may take in which dracut runs, under emulation.
BUILD_TIMEOUT = 600.0


@dataclass(frozen=True)
class Built:
    """What was built for one kernel: its file, and by time, inode and size whether it is the same one as before."""

    path: str
    written: str


def built(machine: Machine, release: str) -> Built:
    """The initramfs that was built for a kernel."""
    path = f"/var/lib/kdump/initrd.img-{release}"
    return Built(path, machine.run(f"stat --format='%Y %i %s' {path}").text)


def armed(machine: Machine) -> Built:
    """Wait for this boot's report. It must say: armed, by an initramfs that was built here for the running kernel."""
    machine.wait_until("test -s /run/kdump-karg/status.json", timeout=BUILD_TIMEOUT)
    report = json.loads(machine.read("/run/kdump-karg/status.json"))
    release = machine.run("uname -r").text
    found = built(machine, release)
    assert report["armed"], report["verdict"]
    files = report["capture_files"]
    assert (files["initramfs"], files["initramfs_release"], files["initramfs_origin"]) == (found.path, release, "machine")
    assert files["kernel_release"] == release and f"made for kernel {release}" in report["verdict"]
    assert report["needed_bytes"] <= report["reserved_bytes"]
    return found


def armed_after_update(machine: Machine, before: Built) -> Built:
    """As `armed`, in the boot after an update with another kernel: built for that one, and the other one's left as it was."""
    found = armed(machine)
    assert found.path != before.path
    assert built(machine, before.path.rpartition("initrd.img-")[2]) == before
    return found
