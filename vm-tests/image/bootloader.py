# SPDX-License-Identifier: Apache-2.0
"""GRUB for BIOS: a core image in its own partition, the configuration in /boot."""

from __future__ import annotations

import struct
from pathlib import Path

from host.process import run_in_tree

from image import coreos
from image.partitions import SECTOR, Partition
from image.traits import Traits
from image.tree import IMAGE_FILES

PLATFORM = "/usr/lib/grub/i386-pc"
#: All of them built in: /boot then holds no modules of one particular GRUB version.
MODULES = (
    "biosdisk part_gpt ext2 xfs search search_label normal configfile linux serial terminal "
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
    if traits.coreos:
        coreos.write_grub_configuration(boot)
        return
    (boot / "grub").mkdir()
    text = (IMAGE_FILES / "grub/grub.cfg").read_text()
    (boot / "grub/grub.cfg").write_text(text.replace("@BOOT@", traits.boot_dir))


def install(tools: Path, disk: Path, bios: Partition, boot: Partition, traits: Traits) -> None:
    """Write GRUB's first sector and core image, as grub-install would, but without a device."""
    core = _core_image(tools, boot, traits)
    first = (tools / PLATFORM.lstrip("/") / "boot.img").read_bytes()
    if len(core) > bios.size:
        raise RuntimeError(f"GRUB's core image has {len(core)} bytes, the partition {bios.size}")
    with disk.open("r+b") as file:
        file.write(_boot_sector(first, bios.start // SECTOR)[:BOOT_CODE_END])
        file.seek(bios.start)
        file.write(_with_block_list(core, bios.start // SECTOR))


def _core_image(tools: Path, boot: Partition, traits: Traits) -> bytes:
    values = {
        "@LABEL@": traits.boot_label,
        "@PARTITION@": str(boot.number),
        "@BOOT@": traits.boot_dir,
    }
    modules = [*MODULES, *(coreos.GRUB_MODULES if traits.coreos else ())]
    text = (IMAGE_FILES / ("coreos/grub/early.cfg" if traits.coreos else "grub/early.cfg")).read_text()
    for name, value in values.items():
        text = text.replace(name, value)
    (tools / "early.cfg").write_text(text)
    options = ["-O", "i386-pc", "-d", PLATFORM, "-c", "/early.cfg", "-p", "/grub", "-o", "/core.img"]
    run_in_tree(tools, ["grub-mkimage", *options, *modules])
    return (tools / "core.img").read_bytes()


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
