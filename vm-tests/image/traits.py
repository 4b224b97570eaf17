# SPDX-License-Identifier: Apache-2.0
"""What may differ between two machines under test."""

from __future__ import annotations

import os
from dataclasses import dataclass

#: Debian's stable suite: it stays as it is, and a gate on it does.
DEFAULT_SUITE = "trixie"
#: Where no suite is named. The environment can have the tests run on forky, which changes every day.
SUITE = os.environ.get("KDUMP_KARG_SUITE", DEFAULT_SUITE)
#: So that any test can run on such a machine.
BOOT_FS = os.environ.get("KDUMP_KARG_BOOT_FS", "ext4")
FIRMWARE = os.environ.get("KDUMP_KARG_FIRMWARE", "bios")


class UnsupportedTraitError(ValueError):
    """The image builder cannot make such a machine (yet)."""


@dataclass(frozen=True)
class Traits:
    """One kind of machine. A value that cannot be built is refused on construction."""

    #: Debian's. trixie takes a few packages from forky, those of image/packages-forky.txt.
    suite: str = SUITE
    boot_fs: str = BOOT_FS
    #: False: /boot is a directory of the root file system.
    boot_partition: bool = True
    #: ostree's sysroot.bootloader.
    backend: str = "none"
    #: uefi: image/efi.py; secureboot: image/secure_boot.py.
    firmware: str = FIRMWARE
    #: What stock kola asks of a machine (image/kola.py).
    kola: bool = False
    #: What the root and /boot lie on (image/storage.py).
    storage: str = "plain"
    #: The first boot takes the way of Fedora CoreOS' (image/coreos.py).
    coreos: bool = False
    #: Debian's SELinux policy, enforcing (image/selinux.py).
    selinux: bool = False
    #: The kernel's name of it (image/foreign.py).
    arch: str = "x86_64"

    def __post_init__(self) -> None:
        known = {
            "suite": ("trixie", "forky"),
            "boot_fs": ("ext4", "xfs"),
            "backend": ("none",),
            "firmware": ("bios", "uefi", "secureboot"),
            "storage": ("plain", "composefs", "mirror", "multipath", "luks"),
            "arch": ("x86_64", "aarch64"),
        }
        for name, values in known.items():
            value = getattr(self, name)
            if value not in values:
                raise UnsupportedTraitError(f"{name}={value!r}: only {', '.join(values)} can be built")
        if self.boot_fs != "ext4" and not self.boot_partition:
            raise UnsupportedTraitError("boot_fs other than ext4 needs boot_partition=True")
        if self.storage == "composefs" and self.suite != "forky":
            raise UnsupportedTraitError("storage='composefs' needs suite='forky': trixie's ostree is built without composefs")
        if self.coreos and (self.boot_fs != "ext4" or not self.boot_partition):
            raise UnsupportedTraitError("coreos=True needs a partition for /boot, with ext4")
        if self.selinux and self.boot_fs != "ext4":
            # mkfs.xfs -p takes no extended attributes.
            raise UnsupportedTraitError("selinux needs boot_fs=ext4")
        if self.arch != "x86_64" and self.firmware != "uefi":
            raise UnsupportedTraitError(f"arch={self.arch!r} needs firmware='uefi'")

    @property
    def boot_dir(self) -> str:
        """Where GRUB finds /boot inside the file system that holds it."""
        return "" if self.boot_partition else "/boot"

    @property
    def boot_label(self) -> str:
        """The label of the file system that holds /boot."""
        return "boot" if self.boot_partition else "root"
