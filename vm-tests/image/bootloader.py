# SPDX-License-Identifier: Apache-2.0
"""GRUB: its configuration in /boot, its core image, and for BIOS that image in a partition of its own."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

from host.process import run_in_tree

from image.partitions import SECTOR, Partition
from image.traits import Traits
from image.tree import IMAGE_FILES

#: Where the packages have GRUB's platforms.
PLATFORMS = "usr/lib/grub"
BIOS = "i386-pc"
#: All of them built in: /boot then holds no modules of one particular GRUB version.
COMMON_MODULES = (
    "part_gpt ext2 xfs search search_label normal configfile linux serial terminal "
    "blsuki test echo ls cat sleep reboot"
).split()

# Offsets in boot.img and diskboot.img, from GRUB's include/grub/i386/pc/boot.h.
KERNEL_SECTOR = 0x5C
DRIVE_CHECK = 0x66
BOOT_CODE_END = 440
BLOCK_LIST = SECTOR - 12
NOP_NOP = b"\x90\x90"


def write_configuration(boot: Path, traits: Traits) -> None:
    """Put grub.cfg into the directory that becomes /boot."""
    (boot / "grub").mkdir()
    text = (IMAGE_FILES / "grub/grub.cfg").read_text()
    (boot / "grub/grub.cfg").write_text(text.replace("@BOOT@", traits.boot_dir))


def install(tools: Path, disk: Path, bios: Partition, boot: Partition, traits: Traits) -> None:
    """Write GRUB's first sector and core image, as grub-install would, but without a device."""
    core = core_image(tools, BIOS, "/grub", ("biosdisk", *COMMON_MODULES), boot.number, traits).read_bytes()
    first = (tools / PLATFORMS / BIOS / "boot.img").read_bytes()
    if len(core) > bios.size:
        raise RuntimeError(f"GRUB's core image has {len(core)} bytes, the partition {bios.size}")
    with disk.open("r+b") as file:
        file.write(_boot_sector(first, bios.start // SECTOR)[:BOOT_CODE_END])
        file.seek(bios.start)
        file.write(_with_block_list(core, bios.start // SECTOR))


def core_image(
    tools: Path, platform: str, prefix: str, modules: Sequence[str], boot_number: int, traits: Traits, *more: str
) -> Path:
    """GRUB with these modules in it; it finds the file system that holds /boot. `more` is for grub-mkimage."""
    values = {
        "@LABEL@": traits.boot_label,
        "@PARTITION@": str(boot_number),
        "@BOOT@": traits.boot_dir,
    }
    text = (IMAGE_FILES / "grub/early.cfg").read_text()
    for name, value in values.items():
        text = text.replace(name, value)
    (tools / "early.cfg").write_text(text)
    options = ["-O", platform, "-d", f"/{PLATFORMS}/{platform}", "-c", "/early.cfg", "-p", prefix, "-o", "/core.img"]
    run_in_tree(tools, ["grub-mkimage", *options, *more, *modules])
    return tools / "core.img"


def _boot_sector(code: bytes, core_sector: int) -> bytes:
    sector = bytearray(code)
    struct.pack_into("<Q", sector, KERNEL_SECTOR, core_sector)
    # Take the drive number from the BIOS as it is: a hard disk.
    sector[DRIVE_CHECK : DRIVE_CHECK + 2] = NOP_NOP
    return bytes(sector)


def _with_block_list(core: bytes, core_sector: int) -> bytes:
    """Tell the first sector of the core image where the rest of it is: right behind."""
    image = bytearray(core.ljust(-(-len(core) // SECTOR) * SECTOR, b"\0"))
    struct.pack_into("<QH", image, BLOCK_LIST, core_sector + 1, len(image) // SECTOR - 1)
    return bytes(image)
