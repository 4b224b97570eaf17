# SPDX-License-Identifier: Apache-2.0
"""backend.py: ostree's own rules for who derives a file from the entries."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.facts import backend
from orchestrator.facts.backend import Backend
from tests.sample import Sample

CONFIGURED = [
    ("none", "[core]\nrepo_version=1\n[sysroot]\nbootloader=none\n", Backend.NONE),
    ("blanks", "[sysroot]\n bootloader = grub2 \n", Backend.GRUB2),
    ("last one", "[sysroot]\nbootloader=none\nbootloader=zipl\n", Backend.ZIPL),
    ("auto", "[sysroot]\nbootloader=auto\n", None),
    ("unknown", "[sysroot]\nbootloader=lilo\n", None),
    ("unset", "[sysroot]\nreadonly=true\n", None),
    ("another section", "[core]\nbootloader=none\n[sysroot]\n", None),
    ("comment", "[sysroot]\n#bootloader=none\n", None),
    ("empty", "", None),
]


@pytest.mark.parametrize(("text", "expected"), [row[1:] for row in CONFIGURED], ids=[row[0] for row in CONFIGURED])
def test_configured(text: str, expected: Backend | None) -> None:
    assert backend.configured(text) is expected


STATIC = '{"static-configs": {"timestamp": "2026"}}'
PROBED: list[tuple[str, dict[str, str], Backend]] = [
    ("nothing", {}, Backend.NONE),
    ("grub", {"grub/grub.cfg": ""}, Backend.GRUB2),
    ("grub2", {"grub2/grub.cfg": ""}, Backend.GRUB2),
    ("grub on the ESP", {"efi/EFI/fedora/grub.cfg": ""}, Backend.GRUB2),
    ("the fallback directory of the ESP does not count", {"efi/EFI/BOOT/grub.cfg": ""}, Backend.NONE),
    ("static grub reads entries itself", {"grub2/grub.cfg": "", "bootupd-state.json": STATIC}, Backend.NONE),
    ("static grub on the ESP", {"efi/EFI/fedora/grub.cfg": "", "bootupd-state.json": STATIC}, Backend.NONE),
    ("static is null", {"grub2/grub.cfg": "", "bootupd-state.json": '{"static-configs": null}'}, Backend.GRUB2),
    ("bootupd without static", {"grub2/grub.cfg": "", "bootupd-state.json": "{}"}, Backend.GRUB2),
    ("syslinux before grub2", {"syslinux/syslinux.cfg": "", "grub2/grub.cfg": ""}, Backend.SYSLINUX),
    ("uboot", {"loader/uEnv.txt": ""}, Backend.UBOOT),
    ("grub2 before uboot", {"grub2/grub.cfg": "", "loader/uEnv.txt": ""}, Backend.GRUB2),
]


@pytest.mark.parametrize(("files", "expected"), [row[1:] for row in PROBED], ids=[row[0] for row in PROBED])
def test_probe(tmp_path: Path, files: dict[str, str], expected: Backend) -> None:
    for path, text in files.items():
        Sample(tmp_path).write(path, text)
    assert backend.probe(str(tmp_path)) is expected


@pytest.mark.parametrize(
    ("config", "arch", "expected"),
    [
        ("[sysroot]\nbootloader=none\n", "x86_64", Backend.NONE),
        (None, "x86_64", Backend.GRUB2),
        ("[sysroot]\nbootloader=none\n", "s390x", Backend.NONE),
        (None, "s390x", Backend.ZIPL),
    ],
    ids=["configured", "probed", "s390x configured", "s390x default"],
)
def test_read(tmp_path: Path, config: str | None, arch: str, expected: Backend) -> None:
    sample = Sample(tmp_path)
    sample.write("boot/grub2/grub.cfg", "")
    if config is not None:
        sample.write(f"root/{backend.REPO_CONFIG}", config)
    assert backend.read(f"{tmp_path}/root", sample.boot, arch) is expected


STATIC_GRUB = "set x=y\nblscfg --path /loader/entries\n"
MADE_BY_OSTREE = "### BEGIN /etc/grub.d/15_ostree ###\nmenuentry x { linux /y }\n"
WITHOUT_ROOT: list[tuple[str, dict[str, str], str, Backend]] = [
    ("nothing", {}, "x86_64", Backend.NONE),
    ("a grub.cfg that reads entries", {"grub/grub.cfg": STATIC_GRUB}, "x86_64", Backend.NONE),
    ("one that does not", {"grub/grub.cfg": "menuentry x\n"}, "x86_64", Backend.GRUB2),
    ("ostree's", {"grub2/grub.cfg": MADE_BY_OSTREE}, "x86_64", Backend.GRUB2),
    ("ostree's beside blscfg", {"grub2/grub.cfg": STATIC_GRUB + MADE_BY_OSTREE}, "x86_64", Backend.GRUB2),
    ("two, of which one is ostree's", {"grub/grub.cfg": STATIC_GRUB, "efi/EFI/x/grub.cfg": MADE_BY_OSTREE}, "x86_64", Backend.GRUB2),
    ("not UTF-8", {"grub/grub.cfg": STATIC_GRUB + "\udcff"}, "x86_64", Backend.NONE),
    ("syslinux", {"syslinux/syslinux.cfg": "", "grub/grub.cfg": STATIC_GRUB}, "x86_64", Backend.SYSLINUX),
    ("s390x", {}, "s390x", Backend.ZIPL),
]


@pytest.mark.parametrize(("files", "arch", "expected"), [row[1:] for row in WITHOUT_ROOT], ids=[row[0] for row in WITHOUT_ROOT])
def test_before_the_root_file_system_is_mounted(tmp_path: Path, files: dict[str, str], arch: str, expected: Backend) -> None:
    for path, text in files.items():
        Sample(tmp_path).write(path, text.encode("utf-8", "surrogateescape"))
    assert backend.without_root(str(tmp_path), arch) is expected
