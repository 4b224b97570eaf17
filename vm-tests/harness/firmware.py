# SPDX-License-Identifier: Apache-2.0
"""The firmware that a machine starts with."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from image import secure_boot
from image.traits import Traits

from harness import efi_variables

#: Debian's package ovmf.
OVMF = Path("/usr/share/OVMF")
#: Variables with Microsoft's keys enrolled, and no other.
MICROSOFT = OVMF / "OVMF_VARS_4M.ms.fd"
#: Debian's package qemu-efi-aarch64.
AAVMF = Path("/usr/share/AAVMF")


@dataclass(frozen=True)
class Firmware:
    """UEFI: its code, and its variables in a file that belongs to one machine and is kept when the power goes."""

    code: Path
    variables: Path
    machine: str = "q35"
    settings: tuple[str, ...] = ()

    def arguments(self) -> Sequence[str]:
        """For the emulator, beside the machine's type. No path of ours has a comma."""
        return (
            "-blockdev", f"driver=file,node-name=firmware-code,filename={self.code},read-only=on",
            "-blockdev", f"driver=file,node-name=firmware-variables,filename={self.variables}",
            *self.settings,
        )  # fmt: skip

    def machine_type(self) -> str:
        """The value of -machine."""
        return f"{self.machine},pflash0=firmware-code,pflash1=firmware-variables"


def of(traits: Traits, directory: Path) -> Firmware | None:
    """What a machine of these traits starts with; its variables are kept in `directory`. None is QEMU's own BIOS."""
    if traits.firmware == "bios":
        return None
    own = directory / "firmware-variables.fd"
    if traits.arch == "aarch64":
        return Firmware(AAVMF / "AAVMF_CODE.fd", _copied(AAVMF / "AAVMF_VARS.fd", own), machine="virt,gic-version=3")
    if traits.firmware == "secureboot":
        return _secure(own)
    return Firmware(OVMF / "OVMF_CODE_4M.fd", _copied(OVMF / "OVMF_VARS_4M.fd", own))


def _copied(template: Path, own: Path) -> Path:
    """The machine's own variables; those of an earlier power-on are kept."""
    if not own.exists():
        shutil.copyfile(template, own)
    return own


def _secure(variables: Path) -> Firmware:
    """Microsoft's keys are enrolled, and ours as a machine owner's. Only code in system management mode can write them."""
    if not variables.exists():
        enrolled = MICROSOFT.read_bytes()
        variables.write_bytes(efi_variables.with_machine_owner_key(enrolled, secure_boot.certificate()))
    settings = ("-global", "driver=cfi.pflash01,property=secure,value=on", "-global", "ICH9-LPC.disable_s3=1")
    return Firmware(OVMF / "OVMF_CODE_4M.secboot.fd", variables, "q35,smm=on", settings)
