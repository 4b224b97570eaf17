# SPDX-License-Identifier: Apache-2.0
"""Kernel arguments in the entry of a disk that no machine uses, put there as the program would put them."""

from __future__ import annotations

from harness import guest
from harness.disk import Disk
from orchestrator.rules import bls, grub

#: What image/grub/grub.cfg makes of the stamp goes on with the stamp's own arguments.
FIRST_BOOT = "ignition.firstboot"


def set_options(disk: Disk, text: str) -> None:
    """Give the entry these options, to the byte."""
    with disk.boot_files() as files:
        path = disk.entry_path(files)
        entry = files.read(path).decode()
        files.write(path, entry.replace(guest.options(entry), text).encode())


def append(disk: Disk, arguments: str) -> None:
    """Put arguments at the end, at a length that GRUB reads."""
    entry = guest.entry_on(disk)
    text = f"{guest.options(entry)} {arguments}"
    set_options(disk, grub.off_bad_lengths(text, bls.first_value(entry, "linux")))


def first_boot_only(disk: Disk, arguments: str) -> None:
    """Kernel arguments of the first boot and of no other: GRUB sources the stamp. Blanks take them off a bad length."""
    entry = guest.entry_on(disk)
    linux = bls.first_value(entry, "linux")
    while grub.overruns(guest.options(entry), linux, f"{FIRST_BOOT} {arguments}".encode()):
        arguments += " "
    with disk.boot_files() as files:
        files.write("ignition.firstboot", f'set ignition_network_kcmdline="{arguments}"\n'.encode())
