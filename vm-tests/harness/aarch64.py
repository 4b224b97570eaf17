# SPDX-License-Identifier: Apache-2.0
"""The emulator's command line for a machine of aarch64."""

from __future__ import annotations

from harness.qemu import ACCELERATOR, GUARD, Channels, Hardware, parts

#: `max` signs and checks pointers, which costs more under emulation than all else that it adds.
CPU = "cortex-a57"


def command(hardware: Hardware, channels: Channels) -> list[str]:
    """The whole command line. There is no BIOS: it must have a firmware."""
    if hardware.firmware is None:
        raise ValueError("a machine of aarch64 starts with UEFI firmware")
    return [
        *GUARD, "qemu-system-aarch64",
        "-no-user-config", "-nodefaults", "-display", "none",
        "-machine", hardware.firmware.machine_type(), *hardware.firmware.arguments(),
        "-accel", ACCELERATOR, "-cpu", CPU,
        *parts(hardware, channels),
    ]  # fmt: skip
