# SPDX-License-Identifier: Apache-2.0
"""The emulator's command line, as a list of arguments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import agent
from harness.disk import Disk
from harness.firmware import Firmware

#: Dies with the test, even if that is killed.
GUARD = ("setpriv", "--pdeathsig", "KILL")

#: The translation cache is smaller than the default on purpose. A reset does not empty it, and while pages with
#: stale translations are overwritten every single store is trapped: with the default size the
#: second kernel spends 35 seconds unpacking its initramfs.
ACCELERATOR = "tcg,thread=multi,tb-size=192"

#: Everything TCG can do, but for what costs time here: a fifth level of page tables, a flag that has the guest load its own
#: hypervisor, and fast string instructions: they tell the guest to copy and clear pages byte by byte, which TCG does in a loop.
#: Without them a boot takes four fifths of the processor time.
CPU = "max,la57=off,svm=off,erms=off,fsrm=off"

#: World Wide Name of the disk with several paths.
WWN = "0x5000c500a0b0c0d0"


@dataclass(frozen=True)
class Hardware:
    """What a machine is made of."""

    disk: Disk
    memory_mib: int = 2048
    #: With two, static-key patching under multi-threaded TCG now and then kills the guest's kernel.
    cpus: int = 1
    extra_disks: tuple[Disk, ...] = ()
    #: More than one: the first disk is a SCSI disk with that many ways to it.
    paths: int = 1
    ignition: Path | None = None
    #: Record every write to the first disk here, for tests that cut the power.
    write_log: Path | None = None
    extra_args: tuple[str, ...] = ()
    #: None: QEMU's own BIOS.
    firmware: Firmware | None = None


@dataclass(frozen=True)
class Channels:
    """Where the emulator's ends are: two inherited descriptors, two FIFOs, a log."""

    qmp: int
    agent: int
    #: FIFOs with .in and .out appended to the name.
    serial: Path
    serial_log: Path


#: Puts together the command line that starts a machine.
Command = Callable[[Hardware, Channels], list[str]]


def command(hardware: Hardware, channels: Channels) -> list[str]:
    """The whole command line."""
    return [
        *GUARD, "qemu-system-x86_64",
        "-no-user-config", "-nodefaults", "-display", "none",
        *_machine(hardware.firmware), "-accel", ACCELERATOR, "-cpu", CPU,
        *parts(hardware, channels),
    ]  # fmt: skip


def parts(hardware: Hardware, channels: Channels) -> list[str]:
    """What a machine of any architecture is made of, besides its processor, board and firmware."""
    return [
        "-smp", str(hardware.cpus), "-m", str(hardware.memory_mib),
        "-object", "rng-random,id=rng0,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=rng0",
        *channel_arguments(channels),
        *_disks(hardware),
        *_ignition(hardware.ignition),
        *hardware.extra_args,
    ]  # fmt: skip


def _machine(firmware: Firmware | None) -> Sequence[str]:
    if firmware is None:
        return ("-machine", "pc")
    return ("-machine", firmware.machine_type(), *firmware.arguments())


def channel_arguments(channels: Channels) -> Sequence[str]:
    """The serial console, QMP and the agent's port."""
    return (
        "-chardev", f"pipe,id=serial,path={_escaped(channels.serial)},logfile={_escaped(channels.serial_log)}",
        "-serial", "chardev:serial",
        "-chardev", f"socket,id=qmp,fd={channels.qmp}",
        "-mon", "chardev=qmp,mode=control",
        "-device", "virtio-serial-pci",
        "-chardev", f"socket,id=agent,fd={channels.agent}",
        "-device", f"virtserialport,chardev=agent,name={agent.PORT}",
    )  # fmt: skip


def _disks(hardware: Hardware) -> list[str]:
    arguments = []
    for number, disk in enumerate((hardware.disk, *hardware.extra_disks)):
        node = f"disk{number}"
        arguments += [
            "-blockdev", f"driver=file,node-name={node}-file,filename={_escaped(disk.path)}",
            "-blockdev", f"driver={disk.format},node-name={node},file={node}-file",
        ]  # fmt: skip
        if number == 0 and hardware.write_log:
            arguments += _logged(node, hardware.write_log)
            node = f"{node}-logged"
        if number == 0 and hardware.paths > 1:
            arguments += _scsi_paths(node, hardware.paths)
            continue
        # GRUB and the kernel both number the disks in this order.
        arguments += ["-device", f"virtio-blk-pci,drive={node},bootindex={number + 1}"]
    return arguments


def _scsi_paths(node: str, count: int) -> list[str]:
    """The same disk behind several controllers; its name, by which the guest knows it again, is the same on each."""
    arguments = []
    for path in range(count):
        arguments += [
            "-device", f"virtio-scsi-pci,id=path{path}",
            "-device", f"scsi-hd,bus=path{path}.0,drive={node},wwn={WWN},serial=rig,share-rw=on,bootindex={path + 1}",
        ]  # fmt: skip
    return arguments


def _logged(node: str, log: Path) -> Sequence[str]:
    log.touch()
    return (
        "-blockdev", f"driver=file,node-name=log-file,filename={_escaped(log)}",
        "-blockdev", "driver=raw,node-name=log,file=log-file",
        "-blockdev", f"driver=blklogwrites,node-name={node}-logged,file={node},log=log",
    )  # fmt: skip


def _ignition(config: Path | None) -> Sequence[str]:
    if config is None:
        return ()
    return ("-fw_cfg", f"name=opt/com.coreos/config,file={_escaped(config)}")


def _escaped(path: Path) -> str:
    """A comma would end the value."""
    return str(path).replace(",", ",,")
