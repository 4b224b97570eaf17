# SPDX-License-Identifier: Apache-2.0
"""The way through the first boot as Fedora CoreOS takes it: the trait `coreos` (image/coreos.py).

The machines have an entry without root=, a /boot that gets a UUID of its own, another writer of the entry, settings of the
network in the stamp, and an early reboot for kernel arguments. None of that is lost, and kdump-karg costs one reboot. The gate has
the writer alone.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from harness import guest, offline_kargs
from harness.disk import Disk
from harness.guest import AUTO, KDUMP_UNIT, MIB
from harness.ignition import Config
from harness.machine import Machine
from image import builder, coreos
from image.traits import Traits
from orchestrator.rules import bls, grub

from conftest import Boot, NewDisk

CONFIG = Config().enable(KDUMP_UNIT)

MAC = "52:54:00:12:34:77"
NIC = ("-netdev", "user,id=net0,restrict=on", "-device", f"virtio-net-pci,netdev=net0,mac={MAC},romfile=")
ADDRESS, GATEWAY, HOSTNAME = "10.0.2.77", "10.0.2.2", "rig-static"
NETWORK = f"ip={ADDRESS}::{GATEWAY}:255.255.255.0:{HOSTNAME}:rig0:none ifname=rig0:{MAC}"

#: In Ignition's kernelArguments. With the blanks before them as long as two blocks of GRUB's (image/coreos.py CONTINUED).
ASKED, SIZE = "rig.asked=yes1", "crashkernel=208M"
ASKED_ALONE = "rig.asked=yes12345678901234567x"

#: What the image's early-reboot appends.
EARLY = "fips=1 boot=LABEL=boot rig.f=xx"

#: What the first boot leaves, as one JSON object. GRUB's environment block says what GRUB did in this boot.
LOOK = r"""jq --null-input --rawfile entry /boot/loader/entries/ostree-1.conf --rawfile cmdline /proc/cmdline \
    --rawfile grubenv /boot/grub2/grubenv --rawfile root_uuid /boot/.root_uuid --rawfile bootuuid /boot/grub2/bootuuid.cfg \
    --arg root "$(findmnt --noheadings --output UUID /sysroot)" --arg boot "$(findmnt --noheadings --output UUID /boot)" \
    --arg root_options "$(findmnt --noheadings --output OPTIONS /sysroot)" \
    --arg boot_unit "$(systemctl cat boot.mount | grep ^What=)" '$ARGS.named'"""

#: What a machine knows of its network.
NETWORK_LOOK = r"""cat /proc/sys/kernel/hostname /etc/hostname /sys/class/net/rig0/address
networkctl --json=short status rig0 | jq -r '.Addresses[] | select(.Family == 2) | (.Address | join(".")) + "/\(.PrefixLength)"'
awk '$2 == "00000000" { print $1, $3 }' /proc/net/route
cd /etc/systemd/network && head -n -0 -v -- *"""


@dataclass(frozen=True)
class Found:
    """What a booted machine of this trait answers."""

    entry: str
    cmdline: str
    root: str
    boot: str
    root_options: str
    boot_unit: str
    root_uuid: str
    bootuuid: str
    grubenv: dict[str, str]


@pytest.fixture(scope="session")
def coreos_image(product: Path | None) -> Path:
    """The image with the trait and the product."""
    return builder.build(Traits(coreos=True), product)


@pytest.fixture
def coreos_disk(new_disk: NewDisk, coreos_image: Path) -> Disk:
    """A disk over it."""
    return new_disk(coreos_image)


def look(machine: Machine) -> Found:
    """Ask a booted machine."""
    said = json.loads(machine.run(LOOK).text)
    lines = (line for line in said.pop("grubenv").splitlines() if not line.startswith("#"))
    return Found(**said, grubenv=dict(line.split("=", 1) for line in lines))


def edited(options: str, found: Found, more: str = "") -> str:
    """Options with what the other writer appends on this machine, and `more`."""
    return f"{options} root=UUID={found.root} rw rootflags=lazytime boot=UUID={found.boot}{more}"


def padded(options: str, pristine: str) -> str:
    """The same, off GRUB's bad lengths, as kdump-karg writes it."""
    return grub.off_bad_lengths(options, bls.first_value(pristine, "linux"))


def is_bound(found: Found) -> None:
    """Everything that binds /boot and root to each other is there, and /boot is not the image's any more."""
    assert found.boot != coreos.BUILT_UUID
    assert found.root_uuid == f"{found.root}\n"
    assert found.bootuuid == f'set BOOT_UUID="{found.boot}"\n'
    assert found.grubenv["rig_console"] == found.grubenv["rig_user"] == "sourced"


def test_grub_reads_the_entry_whole_whoever_edits_it(coreos_image: Path) -> None:
    """Only kdump-karg looks after the length of what it writes; the others' texts are chosen so that no other length is bad."""
    entry = guest.entry_on(Disk(coreos_image))
    options, linux = guest.options(entry), bls.first_value(entry, "linux")
    for early in ("", f" {EARLY} {ASKED} {SIZE}", f" {EARLY} {ASKED_ALONE}", f" {ASKED_ALONE}"):
        for late in coreos.CONTINUED:
            assert grub.is_read_whole(options + early + late, linux), f"{early}{late}"


def test_another_writer_of_the_entry_loses_nothing(boot: Boot, coreos_disk: Disk) -> None:
    """Its arguments, .root_uuid and GRUB's drop-in are there after one reboot, and used: /boot is found by UUID then."""
    pristine = guest.entry_on(coreos_disk)
    machine = boot(coreos_disk, ignition=CONFIG)
    machine.wait_boot()
    guest.settled(machine)
    assert machine.reset_count == 1 and guest.kdump(machine).loaded
    found = look(machine)
    is_bound(found)
    wanted = padded(edited(guest.options(pristine), found, f" crashkernel={AUTO}"), pristine)
    assert found.entry == pristine.replace(guest.options(pristine), wanted)
    assert found.grubenv["rig_uuid"] == found.boot
    assert f"What=/dev/disk/by-uuid/{found.boot}" in found.boot_unit and "lazytime" in found.root_options
    assert guest.written_late(machine) and guest.reported(machine)["armed"]
    assert not machine.run("ls -A /boot | grep first", check=False).text
    finds_boot_by_uuid_alone(machine)


def finds_boot_by_uuid_alone(machine: Machine) -> None:
    """Without the label, GRUB and the real root still find /boot, in a plain reboot that ends armed."""
    machine.run(
        "unshare --mount sh -ec 'mount -o remount,rw /boot; e2label $(findmnt --noheadings --output SOURCE /boot) elsewhere;"
        " sync -f /boot; fsfreeze --freeze /boot; fsfreeze --unfreeze /boot; mount -o remount,ro /boot'"
    )
    machine.reboot()
    machine.wait_boot()
    guest.settled(machine)
    assert machine.reset_count == 2 and guest.kdump(machine).loaded
    assert machine.run("ls /dev/disk/by-label/boot", check=False).status != 0
    found = look(machine)
    assert found.grubenv["rig_uuid"] == found.boot and guest.status(machine)[0] == 0


@pytest.mark.thorough
def test_the_same_without_kdump(boot: Boot, coreos_disk: Disk) -> None:
    """The control: no reboot of ours, and the other writer's work is the same. GRUB and the first boot go by the label."""
    pristine = guest.entry_on(coreos_disk)
    machine = boot(coreos_disk, ignition=Config())
    machine.wait_boot()
    guest.settled(machine)
    found = look(machine)
    assert machine.reset_count == 0 and found.grubenv["rig_uuid"] == ""
    is_bound(found)
    assert found.entry == pristine.replace(guest.options(pristine), edited(guest.options(pristine), found))
    assert " root=" not in found.cmdline and " boot=" not in found.cmdline
    assert f"What=/dev/disk/by-uuid/{found.boot}" in found.boot_unit
    machine.reboot()
    machine.wait_boot()
    again = look(machine)
    assert again.grubenv["rig_uuid"] == again.boot == found.boot and f"boot=UUID={found.boot}" in again.cmdline.split()


def network(machine: Machine) -> str:
    """What the machine knows of its network, when it has set it up."""
    machine.wait_until("networkctl --json=short status rig0 | jq -e '.AdministrativeState == \"configured\"'")
    return machine.run(NETWORK_LOOK).text


def network_machine(boot: Boot, disk: Disk, config: Config) -> Machine:
    """A machine with a network card, whose stamp alone says what its network is; in its first real root."""
    offline_kargs.first_boot_only(disk, NETWORK)
    machine = boot(disk, ignition=config, extra_args=NIC)
    machine.wait_boot()
    guest.settled(machine)
    return machine


@pytest.mark.thorough
def test_a_network_that_only_the_stamp_knows(boot: Boot, new_disk: NewDisk, coreos_image: Path) -> None:
    """Address, hostname, name of the interface: after our reboot as in both boots of a machine without kdump."""
    stock = network_machine(boot, new_disk(coreos_image), Config())
    first = network(stock)
    assert stock.reset_count == 0 and f"{ADDRESS}/24" in first and first.splitlines()[:3] == [HOSTNAME, HOSTNAME, MAC]
    stock.reboot()
    stock.wait_boot()
    assert network(stock) == first
    stock.stop()
    ours = network_machine(boot, new_disk(coreos_image), CONFIG)
    assert ours.reset_count == 1 and guest.kdump(ours).loaded
    assert "ip=" not in ours.run("cat /proc/cmdline").text
    assert network(ours) == first


def after_an_early_reboot(boot: Boot, disk: Disk, how: str, *arguments: str) -> tuple[Machine, list[str]]:
    """A machine with an early reboot for fips=1 and with these kernelArguments; settled. The words are its command line's."""
    offline_kargs.first_boot_only(disk, f"rig.fips={how}")
    config = CONFIG
    for argument in arguments:
        config = config.karg(argument)
    machine = boot(disk, ignition=config)
    machine.wait_boot()
    guest.settled(machine)
    words = machine.run("cat /proc/cmdline").text.split()
    found = look(machine)
    is_bound(found)
    early = ("fips=1", "boot=LABEL=boot", *arguments)
    late = (f"root=UUID={found.root}", "rw", "rootflags=lazytime")
    in_entry = guest.options(found.entry).split()
    assert [in_entry.count(word) for word in (*early, *late)] == [1] * len((*early, *late))
    # What is written after Ignition has run is on the command line of the next boot only.
    booted_anew = "ignition.firstboot" not in words
    assert [words.count(word) for word in early] == [1] * len(early)
    assert [words.count(word) for word in late] == [int(booted_anew)] * len(late)
    assert machine.run("cat /proc/sys/crypto/fips_enabled").text == "1"
    return machine, words


@pytest.mark.thorough
def test_the_size_among_the_kernel_arguments_costs_no_reboot_of_ours(boot: Boot, coreos_disk: Disk) -> None:
    """Ignition's kargs stage and fips=1 share one early reboot. It brings the reservation, so nothing is left to do."""
    machine, _ = after_an_early_reboot(boot, coreos_disk, "shared", ASKED, SIZE)
    assert machine.reset_count == 1
    assert guest.kdump(machine) == guest.Kdump(208 * MIB, loaded=True)


@pytest.mark.thorough
@pytest.mark.parametrize(("how", "before"), [("shared", 1), ("alone", 2)])
def test_an_early_reboot_and_one_of_ours(boot: Boot, coreos_disk: Disk, how: str, before: int) -> None:
    """Nobody names a size: what /etc asks for is known when Ignition has run to its end, which no early reboot waits for.

    So ours is one further, whether fips=1 shares the kargs stage's reboot or has its own.
    """
    machine, words = after_an_early_reboot(boot, coreos_disk, how, ASKED_ALONE)
    assert machine.reset_count == before + 1
    assert guest.kdump(machine).loaded and words.count(f"crashkernel={AUTO}") == 1
