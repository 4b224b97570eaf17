# SPDX-License-Identifier: Apache-2.0
"""A first boot that lost power between its writes: GRUB does not start Ignition again, and the next boot finishes the work."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from harness import guest
from harness.disk import Disk, FileSystem
from harness.guest import AUTO

from conftest import Boot, NewDisk

STAMP = "ignition.firstboot"
MARKER = "kdump-karg.first-boot-ended"
Cut = Callable[[FileSystem], None]


def cut_after_the_entry(files: FileSystem) -> None:
    """The entry is written, the stamp is still there."""


def cut_after_the_stamp(files: FileSystem) -> None:
    """The stamp has its other name, the variable is not back yet."""
    files.write(MARKER, files.read(STAMP))
    files.remove(STAMP)


@pytest.mark.parametrize("cut", [cut_after_the_entry, cut_after_the_stamp])
def test_the_next_boot_finishes(boot: Boot, new_disk: NewDisk, pristine_entry: str, cut: Cut) -> None:
    """Old stamp or renamed one: no Ignition, the argument in force, and nothing left of the first boot."""
    disk = new_disk()
    with disk.boot_files() as files:
        write_interim_entry(disk, files)
        cut(files)
    machine = boot(disk)
    machine.wait_boot()
    guest.settled(machine)
    (line,) = machine.kernel_command_lines()
    assert "ignition.firstboot" not in line and f"crashkernel={AUTO}" in line
    assert "kdump_karg" not in line
    assert guest.entry(machine) == guest.final_form(pristine_entry)
    names = machine.run("ls -A /boot /boot/loader/entries").text.split()
    assert STAMP not in names and MARKER not in names
    assert machine.run("findmnt -no OPTIONS /boot").text.startswith("ro,")


def write_interim_entry(disk: Disk, files: FileSystem) -> None:
    """What the first of the two writes of an entry leaves."""
    path = disk.entry_path(files)
    text = guest.final_form(files.read(path).decode())
    files.write(path, text.replace("$ignition_firstboot", "$kdump_karg_first_boot_ended").encode())
