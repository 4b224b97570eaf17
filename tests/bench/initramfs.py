# SPDX-License-Identifier: Apache-2.0
"""By how much the product makes a dracut initramfs grow: systemd in it, no kernel modules, zstd as dracut calls it."""

from __future__ import annotations

import glob
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.freeze import install

MODULES = "0"  # the kernel version of an image without kernel modules
CHROOT = "/usr/sbin/chroot"
IMAGE = "initramfs.img"
UNITS = "dracut/99kdump-karg/*.service"
PYTHON_PACKAGES = ("python3.*-minimal_*.deb", "libpython3.*-minimal_*.deb", "libexpat1_*.deb")


@dataclass(frozen=True)
class Image:
    """The size of one initramfs in bytes."""

    raw: int
    zstd: int

    def __sub__(self, other: Image) -> Image:
        return Image(self.raw - other.raw, self.zstd - other.zstd)


@dataclass(frozen=True)
class Growth:
    """A base image and what the product adds to it."""

    name: str
    base: Image
    added: Image


def measure(frozen: str, packages: str, checkout: str) -> tuple[Growth, ...]:
    """The growth of a plain image, and of one that has a Python already; `packages` holds that Python's .deb files."""
    with tempfile.TemporaryDirectory() as scratch:
        python = os.path.join(scratch, "python")
        unpack_python(packages, python)
        found = []
        for name, included in (("an initramfs with systemd", ()), ("the same with python3-minimal", (python,))):
            base = build(scratch, included)
            product = stage(frozen, checkout, scratch)
            found.append(Growth(name, base, build(scratch, (*included, product)) - base))
            check_starts(scratch)
    return tuple(found)


def check_starts(scratch: str) -> None:
    """Run the program in the image just built, as dracut left it and with the image's own C library."""
    root = unpack(scratch)
    subprocess.run([CHROOT, root, "/usr/bin/kdump-karg", "--version"], env={}, check=True, stdout=subprocess.DEVNULL)


def unpack(scratch: str) -> str:
    """A directory with the files of the image just built."""
    root = os.path.join(scratch, "unpacked")
    shutil.rmtree(root, ignore_errors=True)
    os.makedirs(root)
    command = 'zstd --decompress --stdout "$0" | cpio --extract --quiet --make-directories'
    subprocess.run(["sh", "-c", command, os.path.join(scratch, IMAGE)], cwd=root, check=True)
    return root


def stage(frozen: str, checkout: str, scratch: str) -> str:
    """What the dracut module adds to the image just built: the program, the libraries that are not there, the units."""
    product = os.path.join(scratch, "product")
    shutil.rmtree(product, ignore_errors=True)
    root = unpack(scratch)
    for path in install.install(frozen, root).paths:
        os.renames(os.path.join(root, path), os.path.join(product, path))
    units = os.path.join(product, "usr/lib/systemd/system")
    os.makedirs(units)
    for path in glob.glob(os.path.join(checkout, UNITS)):
        shutil.copy(path, units)
    return product


def unpack_python(packages: str, target: str) -> None:
    """Debian's python3-minimal, without its documentation."""
    for pattern in PYTHON_PACKAGES:
        for path in glob.glob(os.path.join(packages, pattern)):
            subprocess.run(["dpkg-deb", "--extract", path, target], check=True)
    shutil.rmtree(os.path.join(target, "usr/share"))
    for name in ("lib", "lib64"):  # of a suite from before merged-/usr; the image has links there
        old = os.path.join(target, name)
        if os.path.isdir(old):
            shutil.copytree(old, os.path.join(target, "usr", name), symlinks=True, dirs_exist_ok=True)
            shutil.rmtree(old)


def build(scratch: str, included: Sequence[str]) -> Image:
    """Make an initramfs with those directories in it, by this machine's dracut."""
    modules = os.path.join(scratch, "lib/modules", MODULES)
    os.makedirs(modules, exist_ok=True)
    image = os.path.join(scratch, IMAGE)
    options = ["--force", "--no-hostonly", "--no-kernel", "--no-early-microcode", "--reproducible", "--zstd", "--quiet"]
    for source in included:
        options += ["--include", source, "/"]
    environment = {**os.environ, "DRACUT_KMODDIR_OVERRIDE": "1"}
    command = ["dracut", *options, "--tmpdir", scratch, "--kmoddir", modules, "--kver", MODULES, image]
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    raw = subprocess.run(["zstd", "--decompress", "--stdout", image], check=True, stdout=subprocess.PIPE).stdout
    return Image(len(raw), os.path.getsize(image))
