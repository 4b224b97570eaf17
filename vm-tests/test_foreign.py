# SPDX-License-Identifier: Apache-2.0
"""aarch64: a config that only enables kdump, one reboot, armed, a panic, a vmcore; then one whose reservation has two parts.

The tests of a machine share it, in this order.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harness import aarch64, firmware, guest, vmcore
from harness.disk import Disk
from harness.guest import FIRST_BOOT_JOURNAL, KDUMP_UNIT, MIB
from harness.ignition import Config
from harness.machine import Machine
from image import builder, product
from image.traits import Traits

from conftest import fresh_directory

TRAITS = Traits(arch="aarch64", firmware="uefi")
#: What Debian's kdump-tools ships for arm64, which is not its default for x86_64, and what it comes to with 2 GiB.
AUTO = "2G-4G:320M,4G-32G:512M,32G-64G:1024M,64G-128G:2048M,128G-:4096M"
RESERVED = 320 * MIB
CRASH_TIMEOUT = 900.0
BOOT_TIMEOUT = 600.0
#: From 4 GiB on, where such a machine has memory if it has more than 3 GiB: RAM starts at 1 GiB.
HIGH, LOW = 256 * MIB, 128 * MIB
FOUR_GIB = 4096 * MIB
CONFIG = Config().enable(KDUMP_UNIT)


@pytest.fixture(scope="module")
def image() -> Path:
    """The image, with the program frozen for its architecture; the product that the other tests take is of this machine's."""
    return builder.build(TRAITS, product.foreign_tree(TRAITS.arch))


@pytest.fixture(scope="module")
def directory(request: pytest.FixtureRequest) -> Path:
    """Where the machines of this module leave what they leave."""
    return fresh_directory(request.node)


def machine_of(parent: Path, name: str, image: Path, config: Config, memory_mib: int) -> Machine:
    """A machine with a disk and variables of its own."""
    directory = parent / name
    directory.mkdir()
    return Machine(
        Disk.overlay(image, directory / "disk.qcow2"), log_dir=directory, ignition=config, memory_mib=memory_mib,
        firmware=firmware.of(TRAITS, directory), command=aarch64.command,
    )  # fmt: skip


@pytest.fixture(scope="module")
def armed(directory: Path, image: Path) -> Iterator[Machine]:
    """The machine in its second boot."""
    with machine_of(directory, "armed", image, CONFIG, 2048) as machine:
        machine.wait_boot(BOOT_TIMEOUT)
        guest.settled(machine)
        yield machine


def test_one_reboot(armed: Machine) -> None:
    """Counted by the emulator, and by the kernels on the console."""
    assert armed.run("uname -m").text == "aarch64"
    assert armed.reset_count == 1
    first, second = armed.kernel_command_lines()
    assert "ignition.firstboot" in first.split() and "crashkernel=" not in first
    assert "ignition.firstboot" not in second and f"crashkernel={AUTO}" in second.split()


def test_armed(armed: Machine) -> None:
    """The kernel says so, and the report agrees; the interpreter that wrote it is ours and of this architecture."""
    assert guest.kdump(armed) == guest.Kdump(RESERVED, loaded=True)
    report = guest.reported(armed)
    assert report["armed"] and report["broken"] is None
    decided = armed.run(f"journalctl --directory={FIRST_BOOT_JOURNAL} --output=cat --unit=kdump-karg.service").text
    assert f"crashkernel={AUTO} will reserve {RESERVED // MIB} MiB" in decided
    assert armed.run("head -c 20 /usr/lib/kdump-karg/python").stdout[18:20] == b"\xb7\x00"  # e_machine: EM_AARCH64


def test_entry_is_in_its_final_form(armed: Machine, image: Path) -> None:
    """Byte for byte the entry of the image with one argument more; the stamp is gone."""
    assert guest.entry(armed) == guest.final_form(guest.entry_on(Disk(image)), AUTO)
    assert armed.run("ls -A /boot/loader/entries | wc -l; ls -A /boot | grep -c first", check=False).text == "1\n0"


def test_nothing_failed_and_ignition_ran_once(armed: Machine) -> None:
    """No unit of this boot failed; what others write while the initramfs is torn down is there."""
    assert armed.run("systemctl --failed --plain --no-legend").text == ""
    assert guest.written_late(armed)


@pytest.fixture(scope="module")
def before(armed: Machine) -> dict[str, Any]:
    """What `status` says before the crash."""
    number, document = guest.status(armed)
    assert (number, document["broken"], document["warnings"]) == (0, None, [])
    return document


@pytest.fixture(scope="module")
def crashed(armed: Machine, before: dict[str, Any]) -> Machine:
    """The same machine after a panic, back by itself."""
    armed.crash()
    armed.wait_boot(CRASH_TIMEOUT)
    guest.settled(armed)
    return armed


def test_vmcore_is_real(crashed: Machine) -> None:
    """The dump's own headers name this kernel, and its log ends in the crash we asked for."""
    assert "incomplete" not in crashed.run("find /var/crash").text
    vmcore.verify(vmcore.collect(crashed), crashed.run("uname -r").text)


def test_capture_kernel_got_what_was_foreseen(crashed: Machine, before: dict[str, Any]) -> None:
    """As it printed it; it did not provision. Of three kernels on the console since power-on but the last it is the one that dumped."""
    (capture,) = (line for line in crashed.kernel_command_lines() if "kdump-tools-dump" in line)
    assert "ignition.firstboot" not in capture and "crashkernel" not in capture
    assert before["capture"]["recorded"].split() == capture.split()


def test_comes_back_armed(crashed: Machine) -> None:
    """Armed again, and `status` knows the dump."""
    assert guest.kdump(crashed) == guest.Kdump(RESERVED, loaded=True)
    assert guest.status(crashed)[1]["vmcore"].startswith("/var/crash/")


@pytest.fixture(scope="module")
def large(directory: Path, image: Path) -> Iterator[Machine]:
    """A machine with memory on both sides of 4 GiB, and a request for the upper side."""
    config = CONFIG.file("/etc/kdump-karg.conf", f"crashkernel={HIGH // MIB}M,high\n")
    with machine_of(directory, "large", image, config, 5120) as machine:
        machine.wait_boot(BOOT_TIMEOUT)
        guest.settled(machine)
        yield machine


def test_low_reservation(large: Machine) -> None:
    """The kernel adds a low part by itself, as was foreseen; both are counted, and the capture kernel is loaded."""
    assert guest.kdump(large) == guest.Kdump(HIGH + LOW, loaded=True)
    lines = large.run("grep 'Crash kernel' /proc/iomem").text.splitlines()
    low, high = sorted(tuple(int(end, 16) for end in line.split(" : ")[0].split("-")) for line in lines)
    assert low[1] < FOUR_GIB <= high[0]
    decided = large.run(f"journalctl --directory={FIRST_BOOT_JOURNAL} --output=cat --unit=kdump-karg.service").text
    assert "will reserve" in decided
    assert guest.reported(large)["armed"]
