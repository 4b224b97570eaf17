# SPDX-License-Identifier: Apache-2.0
"""The firmware that a machine starts with."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from image.traits import Traits

#: Debian's package ovmf.
OVMF = Path("/usr/share/OVMF")
#: Debian's package qemu-efi-aarch64.
AAVMF = Path("/usr/share/AAVMF")


@dataclass(frozen=True)
class Firmware:
    """UEFI: its code, and its variables in a file that belongs to one machine. It is a disk's companion through every power-on."""

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
    if traits.arch == "aarch64":
        return Firmware(AAVMF / "AAVMF_CODE.fd", _variables(AAVMF / "AAVMF_VARS.fd", directory), machine="virt,gic-version=3")
    return Firmware(OVMF / "OVMF_CODE_4M.fd", _variables(OVMF / "OVMF_VARS_4M.fd", directory))


def _variables(template: Path, directory: Path) -> Path:
    """The machine's own copy; the one of an earlier power-on is kept."""
    own = directory / "firmware-variables.fd"
    if not own.exists():
        shutil.copyfile(template, own)
    return own
