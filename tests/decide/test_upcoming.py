# SPDX-License-Identifier: Apache-2.0
"""upcoming.py: another deployment that is booted next is named, where it will not have the value."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.decide import upcoming
from orchestrator.facts.deployments import Deployment
from tests.sample import OPTIONS, entry_text

BOOTED = Deployment("ostree/deploy/os/deploy/a.0", "loader/entries/ostree-1.conf", entry_text(f"{OPTIONS} crashkernel=256M"), 1, True)
NEWER = Deployment("ostree/deploy/os/deploy/b.0", "loader/entries/ostree-2.conf", entry_text(), 2)
WITH = Deployment(NEWER.directory, NEWER.entry, BOOTED.text, 2)
STAGED = Deployment("ostree/deploy/os/deploy/c.0", own="")


def staged(own: str) -> Deployment:
    """One that was staged with arguments of its own."""
    return replace(STAGED, own=own)


FOLLOWING = replace(STAGED, own=None, text=BOOTED.text, follows=BOOTED.directory)
OTHERS = replace(FOLLOWING, text=NEWER.text, follows=NEWER.directory)


ROWS: list[tuple[str, tuple[Deployment, ...], str | None, str]] = [
    ("none known", (), "256M", ""),
    ("the booted one", (BOOTED, NEWER), "256M", ""),
    ("not known which is booted", (NEWER,), "256M", ""),
    ("newer, without", (NEWER, BOOTED), "256M", "b.0, whose entry is /boot/loader/entries/ostree-2.conf, with no crashkernel=: run kdump-karg"),
    ("newer, with it", (WITH, BOOTED), "256M", ""),
    ("newer, with another", (WITH, BOOTED), "1G", "with crashkernel=256M"),
    ("newer, though taken back", (WITH, BOOTED), None, "with crashkernel=256M"),
    ("staged, without", (STAGED, NEWER, BOOTED), "256M", "c.0, which is staged, with no crashkernel="),
    ("staged, with it", (staged("crashkernel=256M"), BOOTED), "256M", ""),
    ("staged, with another", (staged("crashkernel=1G"), BOOTED), "256M", "with crashkernel=1G"),
    ("staged, and gets what the booted one has", (FOLLOWING, BOOTED), "512M", ""),
    ("staged, and gets what another has", (OTHERS, NEWER, BOOTED), "256M", "c.0, which is staged, with no crashkernel="),
]


@pytest.mark.parametrize(("found", "value", "words"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_notice(found: tuple[Deployment, ...], value: str | None, words: str) -> None:
    said = upcoming.notice(found, value)
    assert words in said and bool(words) == bool(said)
    assert "reboot once to" not in said
