# SPDX-License-Identifier: Apache-2.0
"""The entry is replaced by a new file: what belongs to the old one and is not its text comes along, the SELinux label above all."""

from __future__ import annotations

import json

from conftest import Boot, NewDisk
from harness import guest
from harness.guest import KDUMP_UNIT
from harness.ignition import Config
from harness.machine import Machine

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


def attributes(machine: Machine) -> object:
    """Mode, owner, group and extended attributes (in hex) of the entry, as the guest's kernel has them."""
    return json.loads(machine.run(LOOK).text)


def test_label_mode_and_attributes_survive(boot: Boot, new_disk: NewDisk, pristine_entry: str) -> None:
    """Set before the first boot, still there when the entry has been written twice."""
    disk = new_disk()
    with disk.boot_files() as files:
        path = disk.entry_path(files)
        files.set_mode(path, MODE)
        for name, value in ATTRIBUTES.items():
            files.set_attribute(path, name, value)
    machine = boot(disk, ignition=Config().enable(KDUMP_UNIT))
    machine.wait_boot()
    assert machine.reset_count == 1 and guest.entry(machine) == guest.final_form(pristine_entry)
    assert attributes(machine) == [MODE, 0, 0, {name: value.hex() for name, value in ATTRIBUTES.items()}]
