# SPDX-License-Identifier: Apache-2.0
"""What a change of the kernel command line touches besides kdump: what is sealed to it, and boots that do not take it from the entry.

Facts are read by `read`; `danger` judges them and touches nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator import cmdline, intent, tree, volumes
from orchestrator.errors import Refusal
from orchestrator.volumes import Volume

# What is measured there changes with the entry (UAPI group, Linux TPM PCR Registry).
MEASURED = {
    8: "GRUB measures the kernel command line",
    9: "GRUB measures every file that it reads, the entry too, and the kernel its load options",
    12: "systemd-boot measures the kernel command line",
}
CRYPTTAB = "etc/crypttab"
PCRS_OPTION = "tpm2-pcrs="
LUKS_OPTIONS = ("rd.luks.options", "luks.options")
# systemd-stub tells the booted system of itself by this variable (systemd-stub(7)).
STUB_INFO = "sys/firmware/efi/efivars/StubInfo-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
NETWORK_DEVICES = ("(tftp", "(http", "(pxe")  # GRUB's names of what it read the kernel from
LIVE = ("rd.live.image", "coreos.live.rootfs_url", "coreos.liveiso")


@dataclass(frozen=True)
class Touched:
    """The facts. `line`: the running command line; `stub`: the kernel came out of a UKI; `options`: (where, TPM registers)
    of every setting that binds a volume outside its header."""

    line: str
    entry: str
    volumes: tuple[Volume, ...] = ()
    options: tuple[tuple[str, tuple[int, ...]], ...] = ()
    stub: bool = False


def read(root: str, line: str, entry: str) -> Touched:
    """The facts below `root`, for the running command line and the entry's text."""
    return Touched(line, entry, volumes.read(root), crypt_options(_crypttab(root), line), tree.exists(root, STUB_INFO))


def _crypttab(root: str) -> str:
    """The provisioned /etc/crypttab; nothing where there is none that can be read."""
    try:
        return tree.read_text(intent.provisioned_root(root), CRYPTTAB) or ""
    except Refusal:
        return ""


def crypt_options(crypttab: str, line: str) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Every tpm2-pcrs= of /etc/crypttab (crypttab(5), fourth field) and of rd.luks.options= on the command line."""
    found = []
    for number, text in enumerate(crypttab.splitlines(), start=1):
        fields = text.split()
        if len(fields) >= 4 and not fields[0].startswith("#"):
            found.append((f"/{CRYPTTAB}:{number}", fields[3]))
    for word in cmdline.words(line):
        key, _, value = word.text.partition("=")
        if key in LUKS_OPTIONS:
            found.append((f"{key}= on the kernel command line", value))
    return tuple((where, pcrs) for where, text in found if (pcrs := _pcrs(text)))


def _pcrs(options: str) -> tuple[int, ...]:
    """The registers of the last tpm2-pcrs= in a list of options: 7+8, each perhaps with :bank=digest after it."""
    found: tuple[int, ...] = ()
    for option in options.split(","):
        # A command line may give the volume's UUID in front: UUID=option,option.
        _, key, value = option.rpartition(PCRS_OPTION)
        if key:
            numbers = (word.partition(":")[0] for word in value.split("+"))
            found = tuple(int(number) for number in numbers if number.isdecimal())
    return found


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
        "bind it to registers that stay, such as 7"
    )
