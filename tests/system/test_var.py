# SPDX-License-Identifier: Apache-2.0
"""var.py and var_mount.py: the provisioned /var, mounted or not any more."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator.decide.decision import Decision, Kind
from orchestrator.facts import bootstate
from orchestrator.system import var, var_mount
from orchestrator.system.var_mount import Volume
from orchestrator.write import outcome
from tests.conftest import Make
from tests.isolated import command, ext4, in_namespace, mounted, root_only
from tests.sample import Sample

STATEROOT = "ostree/deploy/fcos/var"


def test_a_path_of_var_lies_in_the_directory_that_is_var() -> None:
    assert var.inside("/mnt/some", bootstate.BEGUN) == "/mnt/some/lib/kdump-karg/write-begun"


@root_only
def test_the_stateroots_var_is_reached_after_it_was_unmounted(make: Make, tmp_path: Path) -> None:
    """As on Fedora CoreOS: a directory of the physical root, bind mounted, and unmounted before the pivot."""
    sample = make(extra={"etc/initrd-release": ""})
    image = ext4(tmp_path / "image")
    provisioned = sample.root / "sysroot/var"
    provisioned.mkdir(parents=True, exist_ok=True)

    def whole() -> None:
        with mounted(str(image), sample.root / "physical", "-o", "loop") as physical:
            (physical / STATEROOT).mkdir(parents=True)
            command("mount", "--bind", str(physical / STATEROOT), str(provisioned))
            loop = known_to_sysfs(sample, physical)
            found = var_mount.volume(str(sample.root))
            command("umount", str(provisioned))
            assert found == Volume(loop, "ext4", f"/{STATEROOT}")
            with var_mount.reach(str(sample.root), found) as place:
                outcome.record(str(sample.root), place, Decision(Kind.CHANGE, "because"))
            assert (physical / STATEROOT / "lib/kdump-karg/report-pending").exists()
        assert list(provisioned.iterdir()) == []

    in_namespace(whole)


@root_only
def test_a_var_of_its_own_is_mounted_again(make: Make, tmp_path: Path) -> None:
    """As an Ignition config can ask for: its mount is gone, and nobody has the file system mounted any more."""
    sample = make(extra={"etc/initrd-release": ""})
    image = ext4(tmp_path / "image")

    def whole() -> None:
        loop = command("losetup", "--find", "--show", str(image)).strip()
        try:
            with mounted(loop, sample.root / "sysroot/var") as provisioned:
                known_to_sysfs(sample, provisioned)
                found = var_mount.volume(str(sample.root))
            assert found == Volume(loop, "ext4", "/")
            with var_mount.reach(str(sample.root), found) as place:
                outcome.begin(place)
            with mounted(loop, sample.root / "look") as there:
                assert (there / "lib/kdump-karg/write-begun").exists()
        finally:
            command("losetup", "--detach", loop)

    in_namespace(whole)


@root_only
def test_the_kernels_name_of_a_device_counts(make: Make, tmp_path: Path) -> None:
    """The source of a mount can be a link that udev made, or /dev/root."""
    sample = make()

    def look() -> None:
        with mounted(str(ext4(tmp_path / "image")), sample.root / "sysroot/var", "-o", "loop") as provisioned:
            number = os.stat(provisioned).st_dev
            sample.link(f"sys/dev/block/{os.major(number)}:{os.minor(number)}", "../../block/dm-7")
            assert var_mount.volume(str(sample.root)) == Volume("/dev/dm-7", "ext4", "/")

    in_namespace(look)


def known_to_sysfs(sample: Sample, mount_point: Path) -> str:
    """The device that is mounted there; the sample's /sys knows it afterwards."""
    device = command("findmnt", "--noheadings", "--output=SOURCE", "--first-only", "--mountpoint", str(mount_point)).strip()
    number = os.stat(device).st_rdev
    sample.link(f"sys/dev/block/{os.major(number)}:{os.minor(number)}", f"../../block/{device.removeprefix('/dev/')}")
    return device


@root_only
def test_a_plain_directory_is_used_where_it_is(make: Make) -> None:
    sample = make()
    assert var_mount.volume(str(sample.root)) is None
    with var_mount.reach(str(sample.root), None) as place:
        assert place == f"{sample.root}/sysroot/var"


@root_only
def test_a_volume_that_cannot_be_mounted_stops_nothing(make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    """The words are lost, and the log says so."""
    sample = make()
    with var_mount.reach(str(sample.root), Volume("/dev/no-such-device", "ext4", "/var")) as place:
        outcome.begin(place)
    assert place == f"{sample.root}/run/kdump-karg/var"
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "the first boot's journal and the request for its report may be missing" in said
