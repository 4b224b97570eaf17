# SPDX-License-Identifier: Apache-2.0
"""First boots with the root and /boot on something else than a partition: composefs, mirrored disks, multipath, LUKS.

No part of the gate: every trait is an image of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harness import firmware, guest, offline_kargs, tpm, twin
from harness.disk import Disk
from harness.guest import AUTO, KDUMP_UNIT, MIB
from harness.ignition import Config
from harness.machine import Machine
from image import builder as image_builder
from image.traits import Traits

from conftest import Boot, NewDisk

CONFIG = Config().enable(KDUMP_UNIT)
#: The root is encrypted in place, by an emulated processor.
ENCRYPTION_TIMEOUT = 900.0
LUKS = Traits(storage="luks", firmware="uefi")
VOLUME = "/dev/disk/by-partlabel/root"
BOOT_SOURCE = "findmnt --noheadings --output SOURCE --target /boot"


def built(request: pytest.FixtureRequest, **traits: str) -> Path:
    """The image with these traits."""
    product: Path | None = request.getfixturevalue("product")
    return image_builder.build(Traits(**traits), product)  # type: ignore[arg-type]


def assert_armed(machine: Machine, entry: str, resets: int = 1) -> None:
    """One reboot, memory reserved, capture kernel loaded, the report agrees, the entry in its final form, nothing failed."""
    guest.settled(machine)
    assert machine.reset_count == resets
    assert guest.kdump(machine) == guest.Kdump(192 * MIB, loaded=True)
    assert guest.entry(machine) == guest.final_form(entry)
    report = guest.reported(machine)
    assert report["armed"] and report["broken"] is None
    assert guest.status(machine)[0] == 0
    assert machine.run("systemctl --failed --plain --no-legend").text == ""
    assert machine.run("ostree admin status").text.startswith("* debian ")


def assert_undone(machine: Machine, entry: str) -> None:
    """`undo` in the real root: the entry has its first bytes again; what GRUB cannot read at some length is seen to there."""
    machine.run("kdump-karg undo", timeout=300.0)
    assert guest.options(guest.entry(machine)).split() == guest.options(entry).split()
    number, document = guest.status(machine)
    assert (number, document["broken"]) == (4, "entry")


def test_composefs(request: pytest.FixtureRequest, boot: Boot, new_disk: NewDisk) -> None:
    """The root is an overlay over an EROFS image: armed; `status` and `undo` know the booted deployment."""
    disk = new_disk(built(request, storage="composefs", suite="forky"))
    entry = guest.entry_on(disk)
    machine = boot(disk, ignition=CONFIG)
    machine.wait_boot()
    assert machine.run("findmnt --noheadings --output FSTYPE,SOURCE /").text.split() == ["overlay", "composefs"]
    assert_armed(machine, entry)
    assert_undone(machine, entry)


def test_mirrored(request: pytest.FixtureRequest, boot: Boot, new_disk: NewDisk, log_dir: Path) -> None:
    """/boot and the root on RAID1: armed, both members have the same entry, and each disk boots armed without the other."""
    image = built(request, storage="mirror")
    disk, second = new_disk(image), twin.make(image, log_dir / "second.qcow2")
    entry = guest.entry_on(disk)
    machine = boot(disk, extra_disks=[second.path], ignition=CONFIG)
    machine.wait_boot()
    assert machine.run("readlink -f /dev/md/md-boot").text == machine.run(BOOT_SOURCE).text
    assert machine.run("cat /proc/mdstat").text.count("[UU]") == 2
    assert_armed(machine, entry)
    machine.run("sync")
    machine.stop()
    assert guest.entry_on(disk) == guest.entry_on(second) == guest.final_form(entry)
    for alone in (second, disk):
        assert_armed_degraded(boot, alone, entry)


def assert_armed_degraded(boot: Boot, disk: Disk, entry: str) -> None:
    """The machine with this disk only, on a copy of it."""
    machine = boot(Disk.overlay(disk.path, disk.path.with_suffix(".alone.qcow2")), ignition=CONFIG)
    machine.wait_boot(600.0)
    assert "[UU]" not in machine.run("cat /proc/mdstat").text
    assert f"crashkernel={AUTO}" in machine.run("cat /proc/cmdline").text.split()
    assert_armed(machine, entry, resets=0)
    machine.stop()


@pytest.mark.parametrize("arguments", ["", "dont_del_part_nodes=1"])
def test_multipath(arguments: str, request: pytest.FixtureRequest, boot: Boot, new_disk: NewDisk) -> None:
    """One disk on two paths, /boot on it too: armed. Also where the partitions of each path are still to be seen beside it."""
    disk = new_disk(built(request, storage="multipath"))
    if arguments:
        offline_kargs.append(disk, arguments)
    entry = guest.entry_on(disk)
    machine = boot(disk, paths=2, ignition=CONFIG)
    machine.wait_boot()
    assert machine.run(BOOT_SOURCE).text.startswith("/dev/mapper/mpath")
    assert machine.run("multipath -ll").text.count("active ready running") == 2
    assert_armed(machine, entry)


@pytest.fixture
def sealed(log_dir: Path) -> Iterator[dict[str, Any]]:
    """Firmware and a TPM that stay the same for the length of the test."""
    with tpm.running(log_dir) as arguments:
        yield {"extra_args": arguments, "firmware": firmware.of(LUKS, log_dir)}


@pytest.fixture
def luks_disk(request: pytest.FixtureRequest, new_disk: NewDisk) -> Disk:
    """A disk whose root the first boot encrypts."""
    return new_disk(image_builder.build(LUKS, request.getfixturevalue("product")))


def unlocked_by_tpm_alone(machine: Machine, register: int) -> bool:
    """The root's volume has one key, the TPM's, and the TPM gives it for this register; the root is on that volume."""
    header = json.loads(machine.run(f"cryptsetup luksDump --dump-json-metadata {VOLUME}").text)
    (token,) = header["tokens"].values()
    assert machine.run("findmnt --noheadings --output SOURCE /sysroot").text.startswith("/dev/mapper/root")
    return (token["type"], token["tpm2-pcrs"], len(header["keyslots"])) == ("systemd-tpm2", [register], 1)


def test_luks_bound_to_7(boot: Boot, luks_disk: Disk, sealed: dict[str, Any]) -> None:
    """Armed, and the TPM unlocked the root after the reboot: nobody typed anything."""
    entry = guest.entry_on(luks_disk)
    machine = boot(luks_disk, ignition=CONFIG, **sealed)
    machine.wait_boot(ENCRYPTION_TIMEOUT)
    assert_armed(machine, entry)
    assert unlocked_by_tpm_alone(machine, 7)


@pytest.mark.parametrize("register", [8, 9])
def test_luks_bound_to_what_changes_is_refused(
    register: int, boot: Boot, luks_disk: Disk, sealed: dict[str, Any]
) -> None:
    """Not a byte of /boot is another one, the first boot goes on, and the reason is told."""
    offline_kargs.append(luks_disk, f"rig.pcrs={register}")
    before = luks_disk.boot_bytes()
    # It would change /boot.
    config = CONFIG.mask("ignition-firstboot-complete.service")
    machine = boot(luks_disk, ignition=config, **sealed)
    machine.wait_boot(ENCRYPTION_TIMEOUT)
    guest.settled(machine)
    assert machine.reset_count == 0
    assert unlocked_by_tpm_alone(machine, register)
    report = guest.reported(machine)
    assert not report["armed"] and report["broken"] == "provisioning"
    assert f"unlocks by systemd-tpm2 with TPM register {register}, into which GRUB measures" in report["verdict"]
    machine.stop()
    assert luks_disk.boot_bytes() == before


def test_without_the_refusal_it_would_not_unlock(boot: Boot, luks_disk: Disk, sealed: dict[str, Any]) -> None:
    """Bound to register 8 in use: a boot unlocks, `apply` refuses; the same argument by ostree locks the root."""
    machine = boot(luks_disk, ignition=Config(), **sealed)
    machine.wait_boot(ENCRYPTION_TIMEOUT)
    # The first boot's command line has an argument that no later one has.
    rebooted(machine)
    bind = "--unlock-tpm2-device=auto --tpm2-device=auto --tpm2-pcrs=8 --wipe-slot=tpm2"
    machine.run(f"systemd-cryptenroll {bind} {VOLUME}", timeout=300.0)
    rebooted(machine)
    assert unlocked_by_tpm_alone(machine, 8)
    entry = guest.entry(machine)
    machine.run(f"echo crashkernel={AUTO} >/etc/kdump-karg.conf")
    refused = machine.run("kdump-karg apply", check=False, timeout=300.0)
    assert refused.status == 3 and b"TPM register 8, into which GRUB measures the kernel command line" in refused.stderr
    assert guest.entry(machine) == entry
    machine.run(f"ostree admin kargs edit-in-place --append-if-missing=crashkernel={AUTO}", timeout=300.0)
    machine.reboot()
    machine.wait_reset(3)
    # The TPM's key is the only one, so nobody is asked for a passphrase.
    machine.wait_serial("Failed to start .*Cryptography Setup for root", 600.0)
    machine.wait_serial("(Entering|You are in) emergency mode")
    assert len(machine.boot_ids) == 3


def rebooted(machine: Machine) -> None:
    """The machine in its next boot."""
    guest.settled(machine)
    machine.reboot()
    machine.wait_boot(600.0)
