# SPDX-License-Identifier: Apache-2.0
"""From the packages to the tree of an ostree commit, and to the tools that make one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from host.progress import Progress

from image import foreign, initramfs, tree
from image.traits import Traits


def unchanged(guest: Path) -> None:
    """What an image does with its packages before its initramfs is made."""


def make(
    tools: Path,
    packages: Path,
    traits: Traits,
    product: Path | None,
    progress: Progress,
    change: Callable[[Path], None] = unchanged,
    lent: Path | None = None,
) -> Path:
    """The guest's tree, below the directory `tools`, in which its programs can be run, or those of the packages `lent`.

    `change` may give the guest another kernel.
    """
    guest = tools / "guest"
    progress.step("unpack")
    # Twice: the first copy lends its ostree and GRUB tools, while the guest's is taken apart.
    tree.unpack(lent or packages, tools)
    tree.unpack(packages, guest)
    foreign.lend_boot_loader(guest, tools, traits.arch)
    tree.furnish(guest, traits, product)
    change(guest)
    progress.step("dracut: the machine's initramfs")
    initramfs.build_machine(guest, traits)
    progress.step("dracut: the capture kernel's initramfs")
    initramfs.build_capture(guest)
    tree.shape_for_ostree(guest)
    return guest
