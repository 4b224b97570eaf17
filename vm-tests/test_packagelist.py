# SPDX-License-Identifier: Apache-2.0
"""The lists of packages, the lines that tell them apart, and a suite nobody can build; where no machine is needed."""

from __future__ import annotations

from pathlib import Path

import pytest
from image import packagelist, rootfs
from image.deployment import CONTINUED, FILL, at_good_length
from image.traits import DEFAULT_SUITE, Traits, UnsupportedTraitError

from orchestrator.rules import bls, grub

GREEN = "dracut 106-6 all trixie\ngrub-pc-bin 2.14-4 amd64 forky\nold 1 amd64 trixie\n"
TODAY = "dracut 106-6 all trixie\ngrub-pc-bin 2.14-5 amd64 forky\nnew 2 amd64 trixie\n"
ENTRY = "title rig\noptions $ignition_firstboot root=LABEL=root {fill}\nlinux /ostree/debian-0/vmlinuz-6.12\n"


def test_what_differs_is_told_by_name_old_and_new() -> None:
    assert packagelist.differences(GREEN, TODAY) == (
        "grub-pc-bin 2.14-4 (forky) -> 2.14-5 (forky)", "new (none) -> 2 (trixie)", "old 1 (trixie) -> (none)",
    )  # fmt: skip
    assert packagelist.differences(GREEN, GREEN) == ()


def test_a_package_of_another_suite_differs() -> None:
    assert packagelist.differences("a 1 all trixie\n", "a 1 all forky\n") == ("a 1 (trixie) -> 1 (forky)",)


def test_advice(tmp_path: Path) -> None:
    """No machine was built, all the same, some differ, no list to compare with."""
    committed, built = tmp_path / "packages.lock", tmp_path / "rootfs.packages"
    committed.write_text(GREEN)
    assert packagelist.advice(DEFAULT_SUITE, built, committed) == ""
    built.write_text(GREEN)
    assert "are those of the last green gate" in packagelist.advice(DEFAULT_SUITE, built, committed)
    built.write_text(TODAY)
    assert "grub-pc-bin 2.14-4 (forky) -> 2.14-5 (forky)" in packagelist.advice(DEFAULT_SUITE, built, committed)
    assert "nothing is kept to compare them with" in packagelist.advice("forky", built, committed)


def test_the_committed_list_takes_no_more_from_forky_than_is_named() -> None:
    listed = packagelist.parse(packagelist.COMMITTED.read_text())
    newer = {name for name, package in listed.items() if package.suite != DEFAULT_SUITE}
    assert newer == set(rootfs.packages(rootfs.FROM_NEWER))
    assert set(rootfs.packages()) <= listed.keys()


def test_every_suite_has_a_tar_of_its_own_and_an_unknown_one_is_refused() -> None:
    assert rootfs.name(Traits("trixie")) != rootfs.name(Traits("forky"))
    with pytest.raises(UnsupportedTraitError, match="suite='sid'"):
        Traits("sid")


@pytest.mark.parametrize("length", range(grub.BLOCK))
def test_the_entry_is_of_a_length_that_grub_reads(length: int) -> None:
    """Whatever the length of the kernel's name; nothing but the options is touched."""
    entry = ENTRY.format(fill="x" * length)
    filled = at_good_length(entry)
    options = bls.first_value(filled, "options")
    assert options.startswith(bls.first_value(entry, "options") + FILL)
    assert filled.replace(options, options.partition(FILL)[0]) == entry
    assert all(grub.is_read_whole(options + more, bls.first_value(entry, "linux")) for more in CONTINUED)
