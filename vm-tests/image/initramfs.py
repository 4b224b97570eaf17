# SPDX-License-Identifier: Apache-2.0
"""The two initramfs images: the machine's own and the small one of the capture kernel."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from host.process import run_in_tree

from image import coreos, storage
from image.traits import Traits
from image.tree import kernel_version

PRODUCT_MODULE = "kdump-karg"

#: Both lists are explicit: what a generic initramfs holds besides takes seconds under emulation.
COMMON_MODULES = (
    "systemd systemd-initrd dracut-systemd ostree rootfs-block fs-lib kernel-modules udev-rules "
    "base shutdown"
)
MACHINE_MODULES = f"{COMMON_MODULES} bash busybox systemd-emergency ignition rig"
MACHINE_DRIVERS = (
    "virtio_pci virtio_blk virtio_console virtio_rng qemu_fw_cfg loop overlay erofs xfs vfat nls_ascii nls_cp437"
)


def build_machine(tree: Path, traits: Traits) -> None:
    """Make the initramfs that boots the machine, with Ignition and the product if it is there."""
    version = kernel_version(tree)
    modules = f"{MACHINE_MODULES} {storage.MODULES.get(traits.storage, '')}"
    drivers = f"{MACHINE_DRIVERS} {storage.DRIVERS.get(traits.storage, '')}"
    if (tree / f"usr/lib/dracut/modules.d/99{PRODUCT_MODULE}").is_dir():
        modules = f"{modules} {PRODUCT_MODULE}"
    added = [word for path in storage.INSTALL.get(traits.storage, ()) for word in ("--install", path)]
    if (tree / f"usr/lib/dracut/modules.d/96{coreos.MODULE}").is_dir():
        modules = f"{modules} {coreos.MODULE}"
    target = f"/usr/lib/modules/{version}/initramfs.img"
    _dracut(tree, target, ["--modules", modules, "--drivers", drivers, *added])


def build_capture(tree: Path) -> None:
    """Make the capture kernel's initramfs, by the program that a machine can make its own with."""
    (tree / "usr/lib/kdump").mkdir(parents=True, exist_ok=True)
    run_in_tree(tree, ["/usr/lib/rig/build-capture", kernel_version(tree), "/usr/lib/kdump/initramfs.img"])


def _dracut(tree: Path, target: str, options: Sequence[str]) -> None:
    common = [
        "dracut", "--force", "--no-hostonly", "--no-hostonly-cmdline", "--reproducible", "--zstd",
        "--kver", kernel_version(tree),
    ]  # fmt: skip
    # Extended attributes cannot be copied into a cpio archive anyway.
    run_in_tree(tree, [*common, *options, target], {"DRACUT_NO_XATTR": "1"})
