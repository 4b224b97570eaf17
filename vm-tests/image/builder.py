# SPDX-License-Identifier: Apache-2.0
"""Builds the disk image of the machine under test, once per set of inputs.

    PYTHONPATH=vm-tests python3 -m image.builder [--kola] [PRODUCT-TREE]      builds, and prints the path
"""

from __future__ import annotations

import argparse
import inspect
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from host.cache import Cache, digest, tree_digest
from host.process import remove_tree
from host.progress import Progress

from image import bootloader, coreos, deployment, efi, filesystem, guest_tree, partitions, rootfs, secure_boot, selinux, storage, tree
from image.traits import Traits
from orchestrator.rules import grub

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parent.parent
BUILD = CHECKOUT / "build"

#: What decides about the bytes of the image; the harness around it does not.
SOURCES = (
    "bootloader.py", "builder.py", "coreos.py", "deployment.py", "efi.py", "filesystem.py", "foreign.py", "guest_tree.py", "initramfs.py",
    "kola.py", "mdraid.py", "partitions.py", "rootfs.py", "secure_boot.py", "selinux.py", "storage.py", "traits.py", "tree.py",
)  # fmt: skip


def key(traits: Traits, product: Path | None) -> str:
    """What the image depends on."""
    return digest(
        rootfs.key(traits),
        rootfs.key(rootfs.lending(traits)),
        repr(traits),
        tree_digest(product) if product else "no product",
        tree_digest(tree.IMAGE_FILES),
        inspect.getsource(grub),
        *((HERE / name).read_bytes() for name in SOURCES),
    )


def build(traits: Traits | None = None, product: Path | None = None, directory: Path = BUILD) -> Path:
    """The image of a machine that contains the tree `product`: a sparse raw disk, never written to."""
    traits = traits or Traits()
    cache = Cache(directory / "cache")
    progress = Progress("image")
    name = f"machine-{key(traits, product)}.raw"

    def fill(partial: Path) -> None:
        packages, lent = (rootfs.tar(each, cache, progress) for each in (traits, rootfs.lending(traits)))
        shutil.copyfile(rootfs.list_beside(packages), rootfs.list_beside(cache.directory / name))
        work = Path(tempfile.mkdtemp(prefix="image-", dir=directory))
        try:
            shim = secure_boot.fetch_shim(cache, progress) if traits.firmware == "secureboot" else None
            _Build(traits, product, progress, work, shim).run(packages, lent, partial)
        finally:
            remove_tree(work)

    path = cache.get(name, fill)
    progress.step(f"ready: {path}")
    return path


@dataclass(frozen=True)
class _Build:
    traits: Traits
    product: Path | None
    progress: Progress
    work: Path
    #: For Secure Boot.
    shim: Path | None = None

    @property
    def tools(self) -> Path:
        return self.work / "tools"

    @property
    def sysroot(self) -> Path:
        return self.tools / "sysroot"

    def run(self, packages: Path, lent: Path, disk: Path) -> None:
        guest = guest_tree.make(self.tools, packages, self.traits, self.product, self.progress, lent=lent)
        self.progress.step("ostree commit and deploy")
        deployment.deploy(self.tools, guest, self.sysroot, self.traits)
        self.progress.step("file systems and boot loader")
        self._write_disk(disk)

    def _write_disk(self, disk: Path) -> None:
        boot = self.sysroot / "boot"
        bootloader.write_configuration(boot, self.traits)
        (boot / "ignition.firstboot").touch()
        if self.traits.selinux:
            selinux.label(self.tools, self.sysroot)
        made = partitions.create(disk, partitions.planned(self.traits))
        holder = partitions.named(made, self.traits.boot_label)
        self._place("vfat", "EFI-SYSTEM", made, disk, self._system_partition(holder))
        if self.traits.boot_partition:
            apart = boot.rename(self.work / "boot-tree")
            boot.mkdir()
            self._place(self.traits.boot_fs, "boot", made, disk, apart)
        self._place("ext4", "root", made, disk, self.sysroot)
        if self.traits.firmware == "bios":
            bios = partitions.named(made, "BIOS-BOOT")
            bootloader.install(self.tools, disk, bios, holder, self.traits)
        storage.finish(disk, made, self.traits)

    def _system_partition(self, boot: partitions.Partition) -> Path | None:
        """Nothing for a machine that starts from its BIOS."""
        if self.traits.firmware == "bios":
            return None
        if self.shim is None:
            return efi.system_partition(self.tools, boot.number, self.traits)
        return secure_boot.system_partition(self.tools, boot.number, self.traits, self.shim)

    def _place(
        self, kind: str, name: str, made: tuple[partitions.Partition, ...], disk: Path, content: Path | None
    ) -> None:
        partition = partitions.named(made, name)
        image = self.work / "filesystem.img"
        filesystem.make(kind, name, storage.room(partition, self.traits), image, content)
        if self.traits.coreos and name == "boot":
            coreos.give_built_uuid(image)
        filesystem.place(image, disk, partition.start)
        image.unlink()


def main() -> None:
    """Build the image that was asked for."""
    parser = argparse.ArgumentParser(prog="python3 -m image.builder")
    parser.add_argument("--kola", action="store_true", help="with the trait kola")
    parser.add_argument("product", type=Path, nargs="?", help="the product's tree")
    asked = parser.parse_args()
    print(build(Traits(kola=asked.kola), asked.product))


if __name__ == "__main__":
    main()
