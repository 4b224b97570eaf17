# SPDX-License-Identifier: Apache-2.0
"""An update: a disk with a repository whose branch has a later commit of the image, with another kernel.

    PYTHONPATH=vm-tests python3 -m image.update [PRODUCT-TREE]      builds, and prints the path
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from host.apt import Apt
from host.cache import Cache, digest
from host.process import remove_tree, run, run_in_tree
from host.progress import Progress

from image import builder, deployment, filesystem, guest_tree, rootfs, tree
from image.partitions import MIB
from image.traits import Traits

#: Debian's oldest kernel that gets nothing but point releases, the smallest flavour.
SUITE, ARCHITECTURE, PACKAGE = "bookworm", "amd64", "linux-image-cloud-amd64"
#: What a guest finds on the disk, and where.
LABEL, REPOSITORY = "update", "repo"
VERSION = "2"
#: Later than that of the image's commit.
TIMESTAMP = "2026-02-01 00:00:00 +0000"
SIZE = 1024 * MIB

SOURCE = Path(__file__).read_bytes()


def build(traits: Traits | None = None, product: Path | None = None, directory: Path = builder.BUILD) -> Path:
    """The disk: a file system with the label LABEL and the repository. Its tree is that of the image of these traits and product."""
    traits = traits or Traits()
    cache = Cache(directory / "cache")
    progress = Progress("update")

    def fill(partial: Path) -> None:
        packages, modules = rootfs.tar(traits, cache, progress), kernel(cache, progress)
        work = Path(tempfile.mkdtemp(prefix="update-", dir=directory))
        try:
            disk = _Build(traits, product, progress, work).run(packages, modules)
            progress.step("file system")
            filesystem.make("ext4", LABEL, SIZE, partial, disk)
        finally:
            remove_tree(work)

    path = cache.get(f"update-{digest(builder.key(traits, product), SOURCE)}.raw", fill)
    progress.step(f"ready: {path}")
    return path


@dataclass(frozen=True)
class _Build:
    traits: Traits
    product: Path | None
    progress: Progress
    work: Path

    def run(self, packages: Path, modules: Path) -> Path:
        """The directory with the repository."""
        tools = self.work / "tools"
        disk = tools / "disk"
        guest = guest_tree.make(
            tools, packages, self.traits, self.product, self.progress, lambda guest: self._replace_kernel(guest, modules)
        )
        self.progress.step("ostree commit")
        disk.mkdir()
        run_in_tree(tools, ["ostree", "init", f"--repo=/{disk.name}/{REPOSITORY}", "--mode=bare"])
        deployment.commit(tools, guest, disk / REPOSITORY, TIMESTAMP, VERSION)
        return disk

    def _replace_kernel(self, guest: Path, modules: Path) -> None:
        unpacked = self.work / "kernel"
        unpacked.mkdir()
        run(["tar", "-xf", modules, "-C", unpacked])
        (files,) = unpacked.iterdir()
        tree.replace_kernel(guest, files)


def kernel(cache: Cache, progress: Progress) -> Path:
    """A tar of the kernel's one directory VERSION: the modules, and `vmlinuz` beside them."""

    def fetch(partial: Path) -> None:
        progress.step(f"apt: the kernel of {SUITE}")
        directory = Path(tempfile.mkdtemp(prefix="kernel-", dir=cache.directory))
        try:
            apt = Apt(SUITE, ARCHITECTURE, directory)
            (package,) = apt.depends(PACKAGE, "linux-image-")
            files = apt.unpack(package)
            (modules,) = (files / "lib/modules").iterdir()
            _check(modules.name)
            (files / f"boot/vmlinuz-{modules.name}").rename(modules / "vmlinuz")
            run(["tar", "-cf", partial, "-C", modules.parent, modules.name])
        finally:
            remove_tree(directory)

    return cache.get(f"modules-{digest(SUITE, ARCHITECTURE, PACKAGE)}.tar", fetch)


def _check(release: str) -> None:
    """Is the name as long as the image's entry allows for?"""
    if len(release) != deployment.UPDATED_LENGTH:
        place = "UPDATED_LENGTH in image/deployment.py"
        raise RuntimeError(f"{SUITE} has the kernel {release}, whose name has {len(release)} characters: correct {place}")


if __name__ == "__main__":
    print(build(product=Path(sys.argv[1]) if len(sys.argv) > 1 else None))
