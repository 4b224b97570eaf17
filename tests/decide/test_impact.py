# SPDX-License-Identifier: Apache-2.0
"""sealing.py and impact.py: what else a changed command line touches, and where it would lock the machine."""

from __future__ import annotations

import json

import pytest

from orchestrator.decide import impact
from orchestrator.facts import sealing
from orchestrator.facts.luks import Token, Volume
from orchestrator.facts.sealing import STUB_INFO, Touched
from tests.conftest import Make
from tests.facts.test_luks import OPEN, area, clevis, header, systemd
from tests.invocation import Output, call, one_line
from tests.sample import FIRST_BOOT_LINE, entry_text

ENTRY = entry_text()
LINE = FIRST_BOOT_LINE


def volume(*tokens: Token) -> Touched:
    """A machine with one volume."""
    return Touched(LINE, ENTRY, (Volume("/dev/vda4", tokens),))


def pcrs(*numbers: int) -> Token:
    """A token that depends on these registers."""
    return Token("systemd-tpm2", numbers)


LOCKED = [
    ("PCR 8", volume(pcrs(7, 8)), ["/dev/vda4 unlocks by systemd-tpm2", "register 8", "GRUB measures the kernel command line"]),
    ("PCR 9", volume(pcrs(9)), ["register 9", "the entry too"]),
    ("PCR 12", volume(pcrs(0, 12)), ["register 12", "systemd-boot"]),
    ("two ways, both", volume(pcrs(8), Token("clevis tpm2", (7, 9))), ["register 8"]),
    ("one of two volumes", Touched(LINE, ENTRY, (Volume("/dev/a", (pcrs(7),)), Volume("/dev/b", (pcrs(8),)))), ["/dev/b"]),
    ("crypttab", Touched(LINE, ENTRY, (), (("/etc/crypttab:1", (7, 8)),)), ["/etc/crypttab:1 with TPM register 8"]),
    ("UKI", Touched(LINE, ENTRY, stub=True), ["unified kernel image", "build crashkernel= into the image"]),
    ("entry of a UKI", Touched(LINE, "title x\noptions y\nuki /x.efi\n"), ["unified kernel image"]),
    ("PXE, by GRUB", Touched(LINE.replace("(hd0,gpt3)", "(tftp,10.0.2.2)"), ENTRY), ["from the network", "boot server"]),
    ("HTTP, by GRUB", Touched(LINE.replace("(hd0,gpt3)", "(http,10.0.2.2)"), ENTRY), ["from the network"]),
    ("PXELINUX", Touched(f"{LINE} BOOTIF=01-52-54-00", ENTRY), ["from the network"]),
    ("live", Touched(f"{LINE} rd.live.image", ENTRY), ["live system (rd.live.image)"]),
    ("live root", Touched(f"{LINE} root=live:CDLABEL=x", ENTRY), ["live system (root=live:)"]),
]


@pytest.mark.parametrize(("touched", "words"), [row[1:] for row in LOCKED], ids=[row[0] for row in LOCKED])
def test_danger(touched: Touched, words: list[str]) -> None:
    found = impact.danger(touched)
    for word in words:
        assert word in found
    assert "; " in found and "\n" not in found


HARMLESS = [
    ("nothing", Touched(LINE, ENTRY)),
    ("PCR 7", volume(pcrs(7))),
    ("no registers", volume(pcrs())),
    ("another way is left", volume(pcrs(8), Token("clevis tang"))),
    ("a passphrase is asked for today too", volume()),
    ("the header goes before crypttab", Touched(LINE, ENTRY, (Volume("/dev/a", (pcrs(7),)),), (("/etc/crypttab:1", (8,)),))),
    ("BOOTIF in the entry", Touched(f"{LINE} BOOTIF=x", entry_text("BOOTIF=x ostree=/x"))),
    ("an EFI program beside a kernel", Touched(LINE, ENTRY + "efi /x.efi\n")),
]


@pytest.mark.parametrize("touched", [row[1] for row in HARMLESS], ids=[row[0] for row in HARMLESS])
def test_no_danger(touched: Touched) -> None:
    assert impact.danger(touched) == ""


OPTIONS = [
    ("root UUID=1 none tpm2-device=auto,tpm2-pcrs=7+8\n", "", (("/etc/crypttab:1", (7, 8)),)),
    ("# root UUID=1 none tpm2-pcrs=8\n\nroot UUID=1 - tpm2-pcrs=7:sha256=ab+12\n", "", (("/etc/crypttab:3", (7, 12)),)),
    ("root UUID=1 none luks\nshort\n", "", ()),
    ("root UUID=1 none tpm2-pcrs=\n", "", ()),
    ("", "rd.luks.options=0123=tpm2-device=auto,tpm2-pcrs=8", (("rd.luks.options= on the kernel command line", (8,)),)),
    ("", "luks.options=tpm2-pcrs=8 x=tpm2-pcrs=9", (("luks.options= on the kernel command line", (8,)),)),
]


@pytest.mark.parametrize(("crypttab", "line", "expected"), OPTIONS, ids=[row[0].strip() or row[1] for row in OPTIONS])
def test_crypt_options(crypttab: str, line: str, expected: tuple[tuple[str, tuple[int, ...]], ...]) -> None:
    assert sealing.crypt_options(crypttab, line) == expected


SEALED: list[tuple[str, dict[str, str | bytes], str]] = [
    ("systemd", {**OPEN, "dev/vda4": header(area(systemd(8)))}, "register 8"),
    ("clevis", {**OPEN, "dev/vda4": header(area(clevis("tpm2", pcr_ids="8")))}, "register 8"),
    ("crypttab", {"sysroot/etc/crypttab": "root UUID=1 none tpm2-pcrs=8\n"}, "/etc/crypttab:1"),
    ("UKI", {STUB_INFO: b"\7\0\0\0s\0"}, "unified kernel image"),
]


@pytest.mark.parametrize(("files", "words"), [row[1:] for row in SEALED], ids=[row[0] for row in SEALED])
def test_a_dangerous_change_is_refused_before_anything_is_written(
    make: Make, capsys: Output, files: dict[str, str | bytes], words: str
) -> None:
    sample = make(extra=files)
    before = sample.snapshot()
    assert call(sample, "apply") == 3
    assert words in one_line(capsys.readouterr().err)
    assert sample.snapshot() == before
    assert call(sample, "plan", "--json") == 3
    assert json.loads(capsys.readouterr().out)["decision"] == "REFUSE"


def test_a_volume_that_stays_unlocked_is_no_obstacle(make: Make) -> None:
    sample = make(extra={**OPEN, "dev/vda4": header(area(systemd(7)))})
    assert call(sample, "apply") == 0
    assert "crashkernel=" in sample.options
