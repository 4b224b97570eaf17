# SPDX-License-Identifier: Apache-2.0
"""What a changed command line would break or not reach: sealed volumes, and boots that do not take it from the entry."""

from __future__ import annotations

from orchestrator.facts.sealing import Touched
from orchestrator.rules import cmdline

# What is measured there changes with the entry (UAPI group, Linux TPM PCR Registry).
MEASURED = {
    8: "GRUB measures the kernel command line",
    9: "GRUB measures every file that it reads, the entry too, and the kernel its load options",
    12: "systemd-boot measures the kernel command line",
}
NETWORK_DEVICES = ("(tftp", "(http", "(pxe")  # GRUB's names of what it read the kernel from
LIVE = ("rd.live.image", "coreos.live.rootfs_url", "coreos.liveiso")


def danger(touched: Touched) -> str:
    """Why the command line must not be changed, in one sentence; "" where it may."""
    return _other_source(touched) or _locked(touched)


def _other_source(touched: Touched) -> str:
    """Does the command line come from elsewhere than the entry?"""
    keys = {line.split(maxsplit=1)[0] for line in touched.entry.split("\n") if line.strip()}
    if touched.stub or ("linux" not in keys and keys & {"uki", "efi"}):
        return (
            "the command line is sealed into a unified kernel image; build crashkernel= into the image, or sign an addon for it"
        )
    image = cmdline.value(touched.line, "BOOT_IMAGE") or ""
    pxelinux = cmdline.value(touched.line, "BOOTIF") is not None and "BOOTIF=" not in touched.entry
    if image.startswith(NETWORK_DEVICES) or pxelinux:
        return (
            "this boot took its kernel and command line from the network; add crashkernel= to the boot server's configuration"
        )
    live = next((key for key in LIVE if cmdline.value(touched.line, key) is not None), None)
    if live or (cmdline.value(touched.line, "root") or "").startswith("live:"):
        return f"this is a live system ({live or 'root=live:'}); add crashkernel= to the boot menu of its medium"
    return ""


def _locked(touched: Touched) -> str:
    """Would a volume that unlocks by itself today ask for a passphrase after the change?"""
    for volume in touched.volumes:
        bound = [token for token in volume.tokens if _changes(token.pcrs)]
        if bound and len(bound) == len(volume.tokens):
            return _sealed(f"{volume.device} unlocks by {bound[0].kind}", bound[0].pcrs)
    if touched.volumes and any(volume.tokens for volume in touched.volumes):
        return ""  # the header's own word goes before that of the options (crypttab(5), tpm2-pcrs=)
    for where, pcrs in touched.options:
        if _changes(pcrs):
            return _sealed(where, pcrs)
    return ""


def _changes(pcrs: tuple[int, ...]) -> tuple[int, ...]:
    """Those of the registers that the change gives another value."""
    return tuple(number for number in pcrs if number in MEASURED)


def _sealed(what: str, pcrs: tuple[int, ...]) -> str:
    """The sentence for a volume that would not unlock."""
    number = _changes(pcrs)[0]
    return (
        f"{what} with TPM register {number}, into which {MEASURED[number]}: it would not unlock after the change; "
        "bind it to registers that do not change, such as 7"
    )
