# SPDX-License-Identifier: Apache-2.0
"""The guest's packages, installed into a tar by mmdebstrap. Knows nothing of ostree."""

from __future__ import annotations

from pathlib import Path

from host import archive
from host.cache import Cache, digest
from host.process import Word, run
from host.progress import Progress

from image.traits import Traits

PACKAGES = Path(__file__).parent / "files" / "packages.txt"

OPTIONS = (
    "--variant=minbase",
    "--mode=root",
    "--format=tar",
    # A mirror may lag behind; a test machine must still be built.
    '--aptopt=Acquire::Check-Valid-Until "false"',
)
# Keeps the kernel's dracut hook from making an initramfs: ours is made later, with the product.
ENVIRONMENT = {"INITRD": "No"}


def packages(path: Path = PACKAGES) -> tuple[str, ...]:
    """The names listed in a file; `#` starts a comment line."""
    lines = (line.strip() for line in path.read_text().splitlines())
    return tuple(line for line in lines if line and not line.startswith("#"))


def key(traits: Traits) -> str:
    """What the tar depends on. The archive's address is left out: it may differ per machine."""
    return digest(traits.suite, *packages(), *OPTIONS)


def tar(traits: Traits, cache: Cache, progress: Progress) -> Path:
    """The tar of the root file system, from the cache or from the archive."""

    def build(partial: Path) -> None:
        progress.step(f"mmdebstrap: {len(packages())} packages of {traits.suite}")
        include = f"--include={','.join(packages())}"
        argv: list[Word] = ["mmdebstrap", *OPTIONS, include, traits.suite, partial, archive.address()]
        run(argv, environment=ENVIRONMENT)

    return cache.get(f"rootfs-{key(traits)}.tar", build)
