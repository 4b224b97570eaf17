# SPDX-License-Identifier: Apache-2.0
"""The two initramfs images: the machine's own and the small one of the capture kernel."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from host.process import run_in_tree

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
#: Of each kernel that the image or an update has: virtio_pci is built into some.
CAPTURE_DRIVERS = "virtio_pci virtio_blk overlay"


def build_machine(tree: Path) -> None:
    """Make the initramfs that boots the machine, with Ignition and the product if it is there."""
    version = kernel_version(tree)
    modules = MACHINE_MODULES
    if (tree / f"usr/lib/dracut/modules.d/99{PRODUCT_MODULE}").is_dir():
        modules = f"{modules} {PRODUCT_MODULE}"
    target = f"/usr/lib/modules/{version}/initramfs.img"
    _dracut(tree, target, ["--modules", modules, "--drivers", MACHINE_DRIVERS])


def build_capture(tree: Path) -> None:
    """Make the capture kernel's initramfs: it must unpack within a reservation of 192 MiB."""
    (tree / "usr/lib/kdump").mkdir(parents=True, exist_ok=True)
    options = ["--modules", COMMON_MODULES, "--drivers", CAPTURE_DRIVERS]
    _dracut(tree, "/usr/lib/kdump/initramfs.img", options, {"IN_KDUMP": "1"})


def _dracut(
    tree: Path, target: str, options: Sequence[str], environment: dict[str, str] | None = None
) -> None:
    common = [
        "dracut", "--force", "--no-hostonly", "--no-hostonly-cmdline", "--reproducible", "--zstd",
        "--kver", kernel_version(tree),
    ]  # fmt: skip
    # Extended attributes cannot be copied into a cpio archive anyway.
    run_in_tree(tree, [*common, *options, target], {"DRACUT_NO_XATTR": "1", **(environment or {})})
