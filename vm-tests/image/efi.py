# SPDX-License-Identifier: Apache-2.0
"""The trait `firmware=uefi`: GRUB as the one program of the EFI system partition, where any firmware looks for it.

The path is that of removable media (UEFI specification, 3.5.1.1), as Fedora CoreOS' images have it: no boot entry of the firmware is needed.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from image import bootloader, foreign
from image.traits import Traits

PREFIX = "/EFI/BOOT"
#: No driver of a disk: the firmware has it.
MODULES = (*bootloader.COMMON_MODULES, "fat")


def system_partition(tools: Path, boot_number: int, traits: Traits, *more: str) -> Path:
    """The directory that becomes the EFI system partition. `more` is for grub-mkimage."""
    # Only where a TPM has a part in it: GRUB then measures what it does.
    modules = (*MODULES, "tpm") if traits.storage == "luks" else MODULES
    architecture = foreign.ARCHITECTURES[traits.arch]
    core = bootloader.core_image(tools, architecture.grub, PREFIX, modules, boot_number, traits, *more)
    content = tools / "efi-system"
    program = content / architecture.program
    program.parent.mkdir(parents=True)
    shutil.copyfile(core, program)
    return content
