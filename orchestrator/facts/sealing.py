# SPDX-License-Identifier: Apache-2.0
"""What may depend on the command line besides kdump: volumes whose keys are sealed to it; and where this boot took it from."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.errors import Refusal
from orchestrator.facts import luks, volumes
from orchestrator.rules import cmdline
from orchestrator.system import tree
from orchestrator.system.target import provisioned_root

CRYPTTAB = "etc/crypttab"
PCRS_OPTION = "tpm2-pcrs="
LUKS_OPTIONS = ("rd.luks.options", "luks.options")
# systemd-stub tells the booted system of itself by this variable (systemd-stub(7)).
STUB_INFO = "sys/firmware/efi/efivars/StubInfo-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"


@dataclass(frozen=True)
class Touched:
    """The facts. `line`: the running command line; `stub`: the kernel came out of a UKI; `options`: (where, TPM registers)
    of every setting that binds a volume outside its header."""

    line: str
    entry: str
    volumes: tuple[luks.Volume, ...] = ()
    options: tuple[tuple[str, tuple[int, ...]], ...] = ()
    stub: bool = False


def read(root: str, line: str, entry: str) -> Touched:
    """The facts below `root`, for the running command line and the entry's text."""
    return Touched(line, entry, volumes.read(root), crypt_options(_crypttab(root), line), tree.exists(root, STUB_INFO))


def _crypttab(root: str) -> str:
    """The provisioned /etc/crypttab; nothing where there is none that can be read."""
    try:
        return tree.read_text(provisioned_root(root), CRYPTTAB) or ""
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
