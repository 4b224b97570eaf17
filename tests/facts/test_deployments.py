# SPDX-License-Identifier: Apache-2.0
"""deployments.py: which deployments there are, which is booted, which is staged."""

from __future__ import annotations

import pytest

from orchestrator.facts import deployments
from tests.conftest import Make
from tests.sample import OPTIONS, Sample, entry_text

FIRST, SECOND, THIRD = (f"ostree/deploy/fedora-coreos/deploy/{digit * 64}.0" for digit in "abc")
NEXT = "boot/loader.1/entries/ostree-2.conf"


def deployed(sample: Sample) -> Sample:
    """The tree with two deployments that have entries, as ostree lays them out; the first is booted, the second is newer."""
    other = entry_text(OPTIONS.replace("/5d6a2c/", "/ffffff/")).replace("version 1\n", "version 2\n")
    sample.write(NEXT, other)
    sample.link("sysroot/ostree", "sysroot/ostree")
    sample.link("sysroot/sysroot/ostree/boot.1", "boot.1.1")
    for bootcsum, directory in (("5d6a2c", FIRST), ("ffffff", SECOND)):
        sample.write(f"sysroot/sysroot/{directory}/usr/lib/os-release", "ID=fedora\n")
        link = f"sysroot/sysroot/ostree/boot.1.1/fedora-coreos/{bootcsum}/0"
        sample.link(link, f"../../../deploy/fedora-coreos/deploy/{directory.rpartition('/')[2]}")
    return sample


def test_the_next_one_comes_first_and_the_booted_one_is_known(make: Make) -> None:
    sample = deployed(make())
    second, first = deployments.read(str(sample.root), sample.boot)
    assert (second.directory, second.entry, second.number, second.booted) == (SECOND, "loader/entries/ostree-2.conf", 2, False)
    assert (first.directory, first.entry, first.number, first.booted) == (FIRST, "loader/entries/ostree-1.conf", 1, True)
    assert first.options == OPTIONS and not first.staged


def test_a_staged_one_has_a_directory_and_no_entry(make: Make) -> None:
    sample = deployed(make())
    sample.write(f"sysroot/sysroot/{THIRD}/usr/lib/os-release", "ID=fedora\n")
    assert [each.directory for each in deployments.read(str(sample.root), sample.boot)] == [SECOND, FIRST]
    sample.write("run/ostree/staged-deployment", b"\0target\0" + b"c" * 64 + b"\0merge-deployment\0" + b"a" * 64 + b"\0")
    staged, *others = deployments.read(str(sample.root), sample.boot)
    assert (staged.directory, staged.staged, staged.follows) == (THIRD, True, FIRST)
    assert [each.directory for each in others] == [SECOND, FIRST]


def test_an_entry_that_leads_nowhere_is_left_out(make: Make) -> None:
    sample = make()
    assert deployments.read(str(sample.root), sample.boot) == ()


def test_other_names_are_no_deployment(make: Make) -> None:
    sample = deployed(make())
    sample.write("boot/loader.1/entries/zzz.conf", sample.text())
    sample.write("sysroot/sysroot/ostree/deploy/fedora-coreos/deploy/" + "c" * 64 + ".0.origin", "[origin]\n")
    sample.write("run/ostree/staged-deployment", b"c" * 64)
    assert len(deployments.read(str(sample.root), sample.boot)) == 2
    assert deployments.directory(str(sample.root), "/ostree/deploy/fedora-coreos") == ""


MOUNTINFO = "22 1 0:20 / /proc rw - proc proc rw\n30 1 254:4 {} {} ro shared:1 - ext4 /dev/vda4 rw\n"
BOOTED: list[tuple[str, str, str, str]] = [
    ("the root", f"/{SECOND}", "/", SECOND),
    ("a composefs", f"/{SECOND}/etc", "/etc", SECOND),
    ("in a subvolume", f"/root/{SECOND}", "/", SECOND),
    ("elsewhere", f"/{SECOND}", "/mnt", FIRST),
    ("no deployment", "/ostree/deploy/x", "/", FIRST),
]


@pytest.mark.parametrize(("directory", "point", "expected"), [row[1:] for row in BOOTED], ids=[row[0] for row in BOOTED])
def test_what_is_mounted_says_which_is_booted_and_the_link_where_nothing_does(make: Make, directory: str, point: str, expected: str) -> None:
    """A later deploy can have the link of the running command line lead to another deployment."""
    sample = deployed(make(extra={"proc/1/mountinfo": MOUNTINFO.format(directory, point)}))
    sample.link("proc/self", "1")
    assert deployments.booted(str(sample.root), sample.text("proc/cmdline")) == expected
    assert [each.directory for each in deployments.read(str(sample.root), sample.boot) if each.booted] == [expected]


def test_the_command_line_has_what_the_entry_is_called_now(make: Make) -> None:
    sample = deployed(make(extra={"proc/1/mountinfo": MOUNTINFO.format(f"/{SECOND}", "/")}))
    line = sample.text("proc/cmdline").strip()
    assert deployments.entry_line(str(sample.root), sample.boot, line) == line  # nothing is mounted that tells of another
    sample.link("proc/self", "1")
    found = deployments.entry_line(str(sample.root), sample.boot, line)
    assert found == line.replace("/5d6a2c/", "/ffffff/") != line
    assert deployments.entry_line(str(sample.root), sample.boot, found) == found
    assert deployments.entry_line(str(sample.root), sample.boot, "quiet") == "quiet"


def test_the_arguments_of_a_staged_one(make: Make) -> None:
    sample = deployed(make())
    sample.write(f"sysroot/sysroot/{THIRD}/usr/lib/os-release", "ID=fedora\n")
    named = b"\x05target\0" + b"c" * 64 + b"\0merge-deployment\0" + b"a" * 64 + b"\0\x07"
    sample.write("run/ostree/staged-deployment", named)
    follower, *_ = deployments.read(str(sample.root), sample.boot)
    assert (follower.staged, follower.follows, follower.options) == (True, FIRST, OPTIONS)
    sample.write("run/ostree/staged-deployment", named + b"kargs\0\0\0quiet\0crashkernel=256M\0root=1\0\x07\x0e")
    own, *_ = deployments.read(str(sample.root), sample.boot)
    assert (own.staged, own.follows, own.options) == (True, "", "crashkernel=256M")


def test_a_staged_one_follows_the_booted_one_where_the_file_names_others_too(make: Make) -> None:
    sample = deployed(make())
    sample.write(f"sysroot/sysroot/{THIRD}/usr/lib/os-release", "ID=fedora\n")
    sample.write("run/ostree/staged-deployment", b"\0".join(digit * 64 for digit in (b"c", b"b", b"a")) + b"\0")
    assert deployments.read(str(sample.root), sample.boot)[0].follows == FIRST
