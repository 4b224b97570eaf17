# SPDX-License-Identifier: Apache-2.0
"""GRUB itself on the lengths that orchestrator/rules/grub.py avoids. The token is the command line the kernel prints."""

from __future__ import annotations

import pytest
from harness import offline_kargs
from harness.disk import Disk
from harness.guest import options
from harness.machine import Machine

from conftest import Boot, NewDisk
from orchestrator.rules import bls, grub

STAMP = "ignition.firstboot"
#: GRUB needs five seconds on an idle machine.
TIMEOUT = 60.0
LATER_BOOTS, FIRST_BOOT = b"", b"ignition.firstboot "


def bad_options(pristine: str, value: bytes) -> str:
    """The image's options and a word more, just long enough to be read wrong while the variable is `value`."""
    linux = bls.first_value(pristine, "linux")
    for count in range(1, grub.BLOCK + 1):
        text = f"{options(pristine)} {'x' * count}"
        if grub.overruns(text, linux, value):
            return text
    raise AssertionError("every length is good")


def disk_with(disk: Disk, text: str, stamp: bool) -> Disk:
    """The disk, its entry with these options, with the stamp or without."""
    offline_kargs.set_options(disk, text)
    if not stamp:
        with disk.boot_files() as files:
            files.remove(STAMP)
    return disk


def printed(machine: Machine) -> str:
    """The command line of the first kernel, without what GRUB puts in front."""
    machine.wait_serial("Kernel command line: .*\n", TIMEOUT)
    return machine.kernel_command_lines()[0].partition(" ")[2]


@pytest.mark.parametrize("value", [LATER_BOOTS, FIRST_BOOT], ids=["later boots", "first boot"])
def test_an_edit_never_lands_where_grub_misreads(boot: Boot, new_disk: NewDisk, pristine_entry: str, value: bytes) -> None:
    """At a length that is bad for this boot, what the program would write is read word for word."""
    text = bad_options(pristine_entry, value)
    mended = grub.off_bad_lengths(text, bls.first_value(pristine_entry, "linux"))
    assert mended != text
    machine = boot(disk_with(new_disk(), mended, stamp=value == FIRST_BOOT))
    assert printed(machine).split() == text.replace(bls.FIRST_BOOT, value.decode()).split()


def test_grub_misreads_such_a_length(boot: Boot, new_disk: NewDisk, pristine_entry: str) -> None:
    """The hazard is real in this image's GRUB. When this fails, GRUB is repaired and orchestrator/rules/grub.py can go."""
    machine = boot(disk_with(new_disk(), bad_options(pristine_entry, LATER_BOOTS), stamp=False))
    machine.wait_serial("can't find command .*initrd", TIMEOUT)
