# SPDX-License-Identifier: Apache-2.0
"""bootstate.py: the entry of the running deployment and the marks of a first boot."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.errors import Refusal
from orchestrator.facts import bootstate
from tests.conftest import Make
from tests.sample import ENTRY, FIRST_BOOT_LINE, OPTIONS, TARGET, entry_text

OTHER = "boot/loader.1/entries/ostree-2.conf"
OTHER_TEXT = entry_text(OPTIONS.replace("boot.1/fedora-coreos/5d6a2c/0", "boot.1/fedora-coreos/ffffff/0"))


def test_the_booted_entry_is_found(make: Make) -> None:
    sample = make(extra={OTHER: OTHER_TEXT, "boot/loader.0/entries/ostree-9.conf": entry_text()})
    found = bootstate.read(sample.boot, FIRST_BOOT_LINE)
    assert found.path == "loader/entries/ostree-1.conf"
    assert found.text == entry_text()
    assert found.options.text == OPTIONS
    assert found.free_bytes is not None and found.free_bytes > 0


@pytest.mark.parametrize(
    "name", ["ostree-1-fedora-coreos.conf", "ostree-fedora-coreos-0.conf", "ostree-1+3-0.conf", "zzz.conf"]
)
def test_every_way_ostree_has_named_entries(make: Make, name: str) -> None:
    sample = make()
    (sample.root / ENTRY).rename(sample.root / f"boot/loader.1/entries/{name}")
    assert bootstate.read(sample.boot, FIRST_BOOT_LINE).path == f"loader/entries/{name}"


@pytest.mark.parametrize("name", [".ostree-3.conf", "ostree-3.conf~", ".kdump-karg.tmp", "ostree-3"])
def test_files_that_no_boot_loader_reads_do_not_count(make: Make, name: str) -> None:
    sample = make(extra={f"boot/loader.1/entries/{name}": entry_text()})
    assert bootstate.read(sample.boot, FIRST_BOOT_LINE).path == "loader/entries/ostree-1.conf"


def test_a_separator_that_is_no_line_end_does_not_hide_the_target(make: Make) -> None:
    sample = make(options=f"a\x0cb\u2028c ostree={TARGET}")
    assert bootstate.read(sample.boot, FIRST_BOOT_LINE).options.text.startswith("a\x0cb\u2028c")


def test_an_absolute_loader_link_of_another_tree_is_not_followed(make: Make) -> None:
    sample = make(loader="/boot/loader.1")
    with pytest.raises(Refusal, match="^/boot/loader links to /boot/loader.1, but"):
        bootstate.read(sample.boot, FIRST_BOOT_LINE)


REFUSED: list[tuple[str, dict[str, Any], str, str]] = [
    ("empty command line", {}, "", "^/proc/cmdline is empty, .*; boot an ostree deployment$"),
    ("no ostree=", {}, "quiet ro", "^/proc/cmdline has no ostree= argument"),
    ("no such target", {}, "ostree=/ostree/boot.0/x/y/0", "has no entry that boots ostree=/ostree/boot.0/x/y/0"),
    ("loader missing", {"loader": None}, FIRST_BOOT_LINE, "^/boot/loader is missing"),
    (
        "loader is a directory",
        {"loader": None, "extra": {"boot/loader/entries/ostree-1.conf": entry_text()}},
        FIRST_BOOT_LINE,
        "^/boot/loader is not a symbolic link",
    ),
    ("loader elsewhere", {"loader": "loader.2"}, FIRST_BOOT_LINE, "^/boot/loader links to loader.2"),
    ("loader with a slash", {"loader": "loader.1/"}, FIRST_BOOT_LINE, "^/boot/loader links to loader.1/"),
    ("loader dangles", {"loader": "loader.0"}, FIRST_BOOT_LINE, "has no entry that boots"),
    ("two entries", {"extra": {OTHER: entry_text()}}, FIRST_BOOT_LINE, "ostree-1.conf and ostree-2.conf both boot"),
    (
        "no options",
        {"entry": "title x\nlinux /x\n"},
        FIRST_BOOT_LINE,
        "^/boot/loader/entries/ostree-1.conf has no options line",
    ),
    ("two options lines", {"entry": entry_text() + "options x\n"}, FIRST_BOOT_LINE, "has 2 options lines"),
    ("CR LF", {"entry": entry_text().replace("\n", "\r\n")}, FIRST_BOOT_LINE, "CR LF"),
    ("no final newline", {"entry": entry_text()[:-1]}, FIRST_BOOT_LINE, "does not end in a newline"),
    ("empty entry", {"entry": ""}, FIRST_BOOT_LINE, "^/boot/loader/entries/ostree-1.conf does not end in a newline"),
]


@pytest.mark.parametrize(("overrides", "line", "message"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_refused(make: Make, overrides: dict[str, Any], line: str, message: str) -> None:
    with pytest.raises(Refusal, match=message):
        bootstate.read(make(**overrides).boot, line)


@pytest.mark.parametrize("unfinished", ["marker", "variable", ""], ids=["marker", "variable", "neither"])
def test_marks_of_a_first_boot(make: Make, unfinished: str) -> None:
    options = OPTIONS.replace("$ignition_firstboot", "$kdump_karg_first_boot_ended") if unfinished == "variable" else OPTIONS
    sample = make(options=options, config=False)
    if unfinished == "marker":
        sample.write(f"boot/{bootstate.MARKER}", "")
    found = bootstate.read(sample.boot, FIRST_BOOT_LINE)
    assert found.unfinished is bool(unfinished)
    assert (found.stamp, found.config_dir, found.marker) == (True, False, unfinished == "marker")
