# SPDX-License-Identifier: Apache-2.0
"""One first boot with a size of its own, a verbose log, and an entry with attributes. The tests share it, as they only read.

The entry is replaced by a new file: what belongs to the old one and is not its text comes along, the SELinux label above all.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from harness import guest, offline_kargs
from harness.disk import Disk
from harness.guest import KDUMP_UNIT, MIB
from harness.ignition import Config
from harness.machine import Machine

from conftest import fresh_directory

CONFIG = Config().enable(KDUMP_UNIT).file("/etc/kdump-karg.conf", "crashkernel=208M\n")
#: As the kernel keeps a label: with the byte that ends it. None of these is what a new file would get.
ATTRIBUTES = {
    "security.selinux": b"system_u:object_r:boot_t:s0:c1,c2\0",
    "user.origin": b"of the image \xff",
    "trusted.note": b"seen by root only",
}
MODE = 0o640
#: The program's own interpreter is the only one in the image.
LOOK = """/usr/lib/kdump-karg/python -c '
import posix, sys
path = sys.argv[1]
status = posix.stat(path)
found = {name: posix.getxattr(path, name).hex() for name in posix.listxattr(path)}
print(str([status.st_mode & 0o7777, status.st_uid, status.st_gid, found]).replace(chr(39), chr(34)))
' /boot/loader/entries/ostree-1.conf"""


@dataclass(frozen=True)
class Booted:
    """The machine after its reboot, and its entry as it was at power-on."""

    machine: Machine
    entry: str


@pytest.fixture(scope="module")
def booted(request: pytest.FixtureRequest, image: Path) -> Iterator[Booted]:
    """The machine in its second boot."""
    directory = fresh_directory(request.node)
    disk = Disk.overlay(image, directory / "disk.qcow2")
    offline_kargs.append(disk, "rd.kdump_karg.debug")
    with disk.boot_files() as files:
        path = disk.entry_path(files)
        files.set_mode(path, MODE)
        for name, value in ATTRIBUTES.items():
            files.set_attribute(path, name, value)
    entry = guest.entry_on(disk)
    with Machine(disk, log_dir=directory, ignition=CONFIG) as machine:
        machine.wait_boot()
        guest.settled(machine)
        yield Booted(machine, entry)


def test_explicit_size(booted: Booted) -> None:
    """The size of the config is what the kernel sets aside."""
    assert booted.machine.reset_count == 1
    assert guest.kdump(booted.machine) == guest.Kdump(208 * MIB, loaded=True)


def attributes(machine: Machine) -> object:
    """Mode, owner, group and extended attributes (in hex) of the entry, as the guest's kernel has them."""
    return json.loads(machine.run(LOOK).text)


def test_label_mode_and_attributes_survive(booted: Booted) -> None:
    """Set before the first boot, still there when the entry has been written twice."""
    assert guest.entry(booted.machine) == guest.final_form(booted.entry, "208M")
    assert attributes(booted.machine) == [MODE, 0, 0, {name: value.hex() for name, value in ATTRIBUTES.items()}]


def test_verbose(booted: Booted) -> None:
    """rd.kdump_karg.debug: the journal of the first boot has what was found and every step that was taken."""
    units = "--unit=kdump-karg.service --unit=kdump-karg-write.service"
    said = booted.machine.run(f"journalctl --output=cat {units} --directory={guest.FIRST_BOOT_JOURNAL}").text
    for part in ("surroundings: ", "intent: ", "machine: ", "boot file system at ", "step: Replace", "step: Rename"):
        assert part in said
