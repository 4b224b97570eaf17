# SPDX-License-Identifier: Apache-2.0
"""unit.py: enabled by provisioning, and by nobody else."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from orchestrator.facts import unit
from tests.sample import Sample

KDUMP = "kdump.service"
ADMIN, VENDOR = unit.PRESET_DIR, unit.VENDOR_PRESET_DIR
WANTS = f"{unit.UNIT_DIR}/multi-user.target.wants"


def make_null(place: Path) -> None:
    """The device; the test is skipped where we may not make it, or may not open it."""
    place.parent.mkdir()
    try:
        os.mknod(place, stat.S_IFCHR | 0o666, os.makedev(1, 3))
        place.read_bytes()
    except PermissionError:
        pytest.skip("no device can be made here")


PRESETS = [
    ("none", {}, None),
    ("as Ignition writes it", {f"{ADMIN}/20-ignition.preset": "enable kdump.service\n"}, "20-ignition"),
    ("another unit", {f"{ADMIN}/20-ignition.preset": "enable sshd.service\n"}, None),
    ("disabled", {f"{ADMIN}/20-ignition.preset": "disable kdump.service\n"}, None),
    ("ignored", {f"{ADMIN}/20-ignition.preset": "ignore kdump.service\nenable kdump.service\n"}, None),
    ("first line of a file", {f"{ADMIN}/a.preset": "enable kdump.service\ndisable kdump.service\n"}, "a"),
    ("first file", {f"{ADMIN}/b.preset": "enable kdump.service\n", f"{ADMIN}/a.preset": "disable kdump.service\n"}, None),
    ("first file, other way", {f"{ADMIN}/a.preset": "enable kdump.service\n", f"{ADMIN}/b.preset": "disable *\n"}, "a"),
    ("vendor's is not a wish", {f"{VENDOR}/90-default.preset": "enable kdump.service\n"}, None),
    (
        "vendor's enables all before",
        {f"{VENDOR}/10-all.preset": "enable *\n", f"{ADMIN}/20.preset": "enable kdump.service\n"},
        None,
    ),
    (
        "vendor disables before",
        {f"{VENDOR}/10.preset": "disable kdump*\n", f"{ADMIN}/20.preset": "enable kdump.service\n"},
        None,
    ),
    ("vendor disables after", {f"{VENDOR}/99.preset": "disable *\n", f"{ADMIN}/20.preset": "enable kdump.service\n"}, "20"),
    (
        "admin's hides vendor's of that name",
        {
            f"{VENDOR}/10.preset": "disable *\n",
            f"{ADMIN}/10.preset": "# nothing\n",
            f"{ADMIN}/20.preset": "enable kdump.service\n",
        },
        "20",
    ),
    ("glob", {f"{ADMIN}/a.preset": "enable kdump*\n"}, "a"),
    ("glob of one character", {f"{ADMIN}/a.preset": "enable kdum?.service\n"}, "a"),
    ("glob of a class", {f"{ADMIN}/a.preset": "enable [jk]dump.service\n"}, "a"),
    ("glob that does not fit", {f"{ADMIN}/a.preset": "enable kdump-*\n"}, None),
    ("everything", {f"{ADMIN}/a.preset": "enable *\n"}, "a"),
    ("comments and blanks", {f"{ADMIN}/a.preset": "# x\n; y\n\n \t enable \t kdump.service \n"}, "a"),
    ("words that mean nothing", {f"{ADMIN}/a.preset": "enable\nEnable kdump.service\nkdump.service\n"}, None),
    ("another suffix", {f"{ADMIN}/a.conf": "enable kdump.service\n"}, None),
    ("hidden", {f"{ADMIN}/.a.preset": "enable kdump.service\n"}, None),
    (
        "shipped below /etc",
        {f"{ADMIN}/a.preset": "enable kdump.service\n", f"usr/{ADMIN}/a.preset": "enable kdump.service\n"},
        None,
    ),
    ("shipped, then changed", {f"{ADMIN}/a.preset": "enable kdump.service\n", f"usr/{ADMIN}/a.preset": "# x\n"}, "a"),
]


@pytest.mark.parametrize(("files", "expected"), [row[1:] for row in PRESETS], ids=[row[0] for row in PRESETS])
def test_preset(tmp_path: Path, files: dict[str, str], expected: str | None) -> None:
    for path, text in files.items():
        Sample(tmp_path).write(path, text)
    assert unit.preset(str(tmp_path), KDUMP) == (f"{ADMIN}/{expected}.preset" if expected else None)


@pytest.mark.parametrize("device", [False, True], ids=["captured tree", "real root"])
def test_a_preset_masked_by_dev_null_says_nothing(tmp_path: Path, device: bool) -> None:
    sample = Sample(tmp_path)
    if device:
        make_null(tmp_path / "dev/null")
    sample.write(f"{VENDOR}/10.preset", "disable *\n")
    sample.link(f"{ADMIN}/10.preset", "/dev/null")
    sample.write(f"{ADMIN}/20.preset", "enable kdump.service\n")
    assert unit.preset(str(tmp_path), KDUMP) == f"{ADMIN}/20.preset"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (f"{WANTS}/{KDUMP}", True),
        (f"{unit.UNIT_DIR}/local-fs.target.requires/{KDUMP}", True),
        (f"{WANTS}/kdump-tools.service", False),
        (f"{unit.UNIT_DIR}/{KDUMP}", False),
        (f"{unit.UNIT_DIR}/{KDUMP}.d/{KDUMP}", False),
        (f"usr/lib/systemd/system/multi-user.target.wants/{KDUMP}", False),
    ],
    ids=["wants", "requires", "another unit", "the unit itself", "drop-in directory", "vendor's wants"],
)
def test_symlink(tmp_path: Path, path: str, expected: bool) -> None:
    Sample(tmp_path).link(path, f"/usr/lib/systemd/system/{KDUMP}")
    assert unit.symlink(str(tmp_path), KDUMP) == (path if expected else None)


def test_a_link_that_the_image_ships_is_not_a_wish(tmp_path: Path) -> None:
    sample = Sample(tmp_path)
    path = f"{WANTS}/{KDUMP}"
    sample.link(path, f"/usr/lib/systemd/system/{KDUMP}")
    sample.link(f"usr/{path}", f"/usr/lib/systemd/system/{KDUMP}")
    assert unit.symlink(str(tmp_path), KDUMP) is None
    (tmp_path / "usr" / path).unlink()
    sample.link(f"usr/{path}", "/usr/lib/systemd/system/other.service")
    assert unit.symlink(str(tmp_path), KDUMP) == path


@pytest.mark.parametrize(("target", "masked"), [("/dev/null", True), ("/usr/lib/systemd/system/kdump.service", False)])
def test_masked(tmp_path: Path, target: str, masked: bool) -> None:
    Sample(tmp_path).link(f"{unit.UNIT_DIR}/{KDUMP}", target)
    assert unit.is_masked(str(tmp_path), KDUMP) is masked
    assert not unit.is_masked(str(tmp_path), "kdump-tools.service")


def test_a_pattern_longer_than_any_name_is_not_looked_at() -> None:
    assert unit.preset_verdict("enable k*" + "*" * 246 + "\n", unit.KDUMP_UNITS[0]) is True
    assert unit.preset_verdict("enable " + "[" * 100_000 + "\n", unit.KDUMP_UNITS[0]) is None


ANY: list[tuple[str, dict[str, str], bool]] = [
    ("nothing", {}, False),
    ("a link", {f"{WANTS}/{KDUMP}": ""}, True),
    ("a link that the image shipped", {f"{WANTS}/{KDUMP}": "", f"usr/{WANTS}/{KDUMP}": ""}, True),
    ("a link of the package", {f"usr/lib/systemd/system/basic.target.requires/{KDUMP}": ""}, True),
    ("a link to another", {f"{WANTS}/x.service": ""}, False),
    ("a drop-in directory", {f"{unit.UNIT_DIR}/x.d/{KDUMP}": ""}, False),
    ("provisioning's preset", {f"{ADMIN}/20-ignition.preset": "enable kdump.service\n"}, True),
    ("vendor's preset", {f"{VENDOR}/90-default.preset": "enable kdump.service\n"}, True),
    (
        "vendor's preset is hidden",
        {f"{VENDOR}/90.preset": "enable kdump.service\n", f"{ADMIN}/90.preset": "disable *\n"},
        False,
    ),
    (
        "vendor's preset, disabled before",
        {f"{VENDOR}/90.preset": "enable *\n", f"{ADMIN}/10.preset": "disable kdump*\n"},
        False,
    ),
    ("a preset that cannot be read", {f"{VENDOR}/90.preset": "\ufffe"}, True),
    ("no preset speaks of it, systemd's first boot", {"etc/machine-id": "uninitialized\n"}, True),
    (
        "a preset disables it, systemd's first boot",
        {"etc/machine-id": "uninitialized\n", f"{VENDOR}/90.preset": "disable *\n"},
        False,
    ),
]


@pytest.mark.parametrize(("files", "expected"), [row[1:] for row in ANY], ids=[row[0] for row in ANY])
def test_enabled_by_anything(tmp_path: Path, files: dict[str, str], expected: bool) -> None:
    for path, text in {"etc/machine-id": "5d6a2c\n", **files}.items():
        Sample(tmp_path).write(path, b"\xff" if text == "\ufffe" else text)
    assert unit.is_enabled(str(tmp_path), KDUMP) is expected


def test_without_a_machine_id_systemd_has_its_first_boot_to_come(tmp_path: Path) -> None:
    assert unit.is_enabled(str(tmp_path), KDUMP)
