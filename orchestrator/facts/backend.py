# SPDX-License-Identifier: Apache-2.0
"""Which backend derives a file from the BLS entries, by ostree's own rules (_ostree_sysroot_query_bootloader())."""

from __future__ import annotations

from enum import Enum

from orchestrator.system import tree

REPO_CONFIG = "sysroot/ostree/repo/config"
GRUB = ("grub/grub.cfg", "grub2/grub.cfg")
OSTREE_SCRIPT = b"15_ostree"  # grub-mkconfig names every script between what they wrote


class Backend(Enum):
    """The values of sysroot.bootloader (ostree.repo-config(5)), but for `auto`."""

    NONE = "none"
    GRUB2 = "grub2"
    SYSLINUX = "syslinux"
    UBOOT = "uboot"
    ZIPL = "zipl"
    ABOOT = "aboot"


def configured(text: str) -> Backend | None:
    """sysroot.bootloader in the text of an ostree repository's config; None for `auto`, unset and unknown."""
    section = ""
    found = None
    for line in text.splitlines():
        line = line.strip()
        if line.startswith("["):
            section = line
        key, equals, name = (part.strip() for part in line.partition("="))
        if section == "[sysroot]" and key == "bootloader" and equals:
            found = name
    return next((backend for backend in Backend if backend.value == found), None)


def probe(boot: str) -> Backend:
    """What `auto` means for this boot file system: the first that is active of syslinux, grub2, uboot."""
    if tree.exists(boot, "syslinux/syslinux.cfg"):
        return Backend.SYSLINUX
    grub = (*GRUB, *_efi_grub(boot))
    if not _static_grub(boot) and any(tree.exists(boot, path) for path in grub):
        return Backend.GRUB2
    if tree.exists(boot, "loader/uEnv.txt"):
        return Backend.UBOOT
    return Backend.NONE


def without_root(boot: str, arch: str) -> Backend:
    """As read(), while the root file system with ostree's repository is not mounted: what is on /boot tells it.

    A grub.cfg that reads the entries itself (blscfg) and that ostree's script had no part in (grub2/15_ostree) is no derived file.
    """
    if arch == "s390x":
        return Backend.ZIPL
    found = probe(boot)
    texts = [tree.read_bytes(boot, path, above="/boot/") or b"" for path in (*GRUB, *_efi_grub(boot))]
    if found is Backend.GRUB2 and all(b"blscfg" in text and OSTREE_SCRIPT not in text for text in texts if text):
        return Backend.NONE
    return found


def _efi_grub(boot: str) -> list[str]:
    """Where a vendor keeps a grub.cfg on the EFI system partition, as far as that is mounted."""
    return [f"efi/EFI/{vendor}/grub.cfg" for vendor in tree.names(boot, "efi/EFI") if vendor != "BOOT"]


def _static_grub(boot: str) -> bool:
    """bootupd's static GRUB configuration reads the BLS entries itself (ostree-bootloader-grub2.c)."""
    state = (tree.read_text(boot, "bootupd-state.json") or "").replace(" ", "")
    return '"static-configs"' in state and '"static-configs":null' not in state


def read(provisioned: str, boot: str, arch: str) -> Backend:
    """The backend in use; on s390x ostree's default is zipl."""
    chosen = configured(tree.read_text(provisioned, REPO_CONFIG) or "")
    return chosen or (Backend.ZIPL if arch == "s390x" else probe(boot))
