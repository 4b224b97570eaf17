# SPDX-License-Identifier: Apache-2.0
"""What the tests ask a booted guest, and how they read the answers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from harness.disk import Disk
from harness.machine import Machine
from orchestrator.rules import bls, grub

KDUMP_UNIT = "kdump-tools.service"
#: The image is Debian's, so `auto` is the default that Debian's kdump-tools ships.
AUTO = "512M-:192M"
FIRST_BOOT_JOURNAL = "/var/log/kdump-karg/first-boot"
ENTRY = "/boot/loader/entries/*.conf"
MIB = 1 << 20
#: By systemd's name for a unit's output, or by the program file, which journald 257 does not always learn of a short run.
OURS = "SYSLOG_IDENTIFIER=kdump-karg + _EXE=/usr/lib/kdump-karg/python"


@dataclass(frozen=True)
class Kdump:
    """The kernel's own word on kdump: bytes set aside, and whether a capture kernel is loaded."""

    reserved: int
    loaded: bool


def kdump(machine: Machine) -> Kdump:
    """Read it from sysfs."""
    reserved, loaded = machine.run("cat /sys/kernel/kexec_crash_size /sys/kernel/kexec_crash_loaded").text.split()
    return Kdump(int(reserved), loaded == "1")


def reported(machine: Machine) -> dict[str, Any]:
    """The report that is due once after provisioning, when it has been given."""
    machine.wait_until("test -s /run/kdump-karg/status.json")
    document = json.loads(machine.read("/run/kdump-karg/status.json"))
    assert isinstance(document, dict)
    return document


def status(machine: Machine) -> tuple[int, dict[str, Any]]:
    """The exit status of `status --json`, and what it says."""
    done = machine.run("kdump-karg status --json", check=False)
    document = json.loads(done.text)
    assert isinstance(document, dict)
    return done.status, document


def written_late(machine: Machine) -> bool:
    """Did the image's late writers end? Their files are made in the initramfs, the second one while it is torn down."""
    return machine.run("ls /etc/rig-propagated /etc/rig-late", check=False).status == 0


def settled(machine: Machine) -> None:
    """Wait until systemd has nothing left to start."""
    machine.wait_until("systemctl is-system-running --wait | grep -E 'running|degraded'", timeout=300.0)


def entry(machine: Machine) -> str:
    """The text of the one BLS entry."""
    return machine.run(f"cat {ENTRY}").text + "\n"


def entry_on(disk: Disk) -> str:
    """The text of the one BLS entry on a disk that no machine uses."""
    with disk.boot_files() as files:
        return files.read(disk.entry_path(files)).decode()


def final_form(pristine: str, size: str = AUTO) -> str:
    """What an entry of the image is to be in the end: the same bytes, one argument more, and blanks off GRUB's bad lengths."""
    longer = f"{options(pristine)} crashkernel={size}"
    return pristine.replace(options(pristine), grub.off_bad_lengths(longer, bls.first_value(pristine, "linux")))


def options(text: str) -> str:
    """The options of an entry's text."""
    (line,) = (line for line in text.splitlines() if line.startswith("options "))
    return line.removeprefix("options ")


def processes_of_ours(machine: Machine, journal: str = "--boot") -> int:
    """How many processes of the program left a line in the journal. Every run of it logs at least one."""
    fields = machine.run(f"journalctl {journal} --output=json --output-fields=_PID {OURS}").text
    return len({json.loads(line)["_PID"] for line in fields.splitlines() if line.startswith("{")})


def units_of_ours(machine: Machine, journal: str = "--boot") -> set[str]:
    """The units whose processes of the program left a line in the journal."""
    fields = machine.run(f"journalctl {journal} --output=json --output-fields=_SYSTEMD_UNIT {OURS}").text
    lines = (json.loads(line) for line in fields.splitlines() if line.startswith("{"))
    return {line.get("_SYSTEMD_UNIT", "no unit") for line in lines}
