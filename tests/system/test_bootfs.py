# SPDX-License-Identifier: Apache-2.0
"""bootfs.py: /boot is found by its label, mounted where no other process sees it, and unmounted."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestrator import planning, run
from orchestrator.decide.decision import Kind
from orchestrator.errors import Failure, Refusal
from orchestrator.system import bootfs, var
from orchestrator.system.target import Target
from orchestrator.write import handover, outcome
from tests.conftest import Make
from tests.isolated import command, ext4, in_namespace, mounted, root_only
from tests.powercut import FINAL
from tests.sample import ENTRY, Sample, entry_text

UDEV = "run/udev/data"
RECORD = "S:disk/by-uuid/1\nS:disk/by-label/boot\nE:ID_FS_TYPE=ext4\n"


def test_claimants_come_from_udevs_database(tmp_path: Path) -> None:
    sample = Sample(tmp_path)
    sample.write(f"{UDEV}/b254:3", RECORD)
    sample.write(f"{UDEV}/b254:4", "S:disk/by-label/boot2\nS:disk/by-label/root\n")
    sample.write(f"{UDEV}/c1:3", RECORD)
    sample.write(f"{UDEV}/b8:1", b"E:ID_FS_LABEL=\xff\nS:disk/by-label/boot\n")
    sample.link("sys/dev/block/254:3", "../../devices/pci0000:00/virtio1/block/vda/vda3")
    assert bootfs.claimants(str(tmp_path)) == ["/dev/vda3", "b8:1"]


def test_no_claimant(tmp_path: Path) -> None:
    assert bootfs.claimants(str(tmp_path)) == []
    assert bootfs.device(str(tmp_path)) is None


def test_two_file_systems_with_the_label_are_refused(tmp_path: Path) -> None:
    for number in (3, 5):
        Sample(tmp_path).write(f"{UDEV}/b254:{number}", RECORD)
        Sample(tmp_path).link(f"sys/dev/block/254:{number}", f"../../block/vda/vda{number}")
    with pytest.raises(Refusal, match=r"^2 file systems are labelled boot \(/dev/vda3, /dev/vda5\), .*; relabel or detach"):
        bootfs.device(str(tmp_path))


@pytest.mark.parametrize(("uuid", "found"), [("mpath-0rig", ["/dev/dm-3"]), ("LVM-0rig", ["/dev/dm-3", "/dev/sda3"])])
def test_partitions_of_a_multipath_disks_paths_are_not_counted(tmp_path: Path, uuid: str, found: list[str]) -> None:
    """As in a machine with dont_del_part_nodes: the partition is there once as a device mapper's, and once on each path."""
    sample = Sample(tmp_path)
    for number in ("8:3", "253:3"):
        sample.write(f"{UDEV}/b{number}", RECORD)
    sample.write("sys/devices/pci0/block/sda/sda3/partition", "3\n")
    sample.write("sys/devices/virtual/block/dm-0/dm/uuid", f"{uuid}\n")
    sample.write("sys/devices/virtual/block/dm-3/dm/uuid", "part3-mpath-0rig\n")
    sample.link("sys/devices/pci0/block/sda/holders/dm-0", "../../../../virtual/block/dm-0")
    sample.link("sys/dev/block/8:3", "../../devices/pci0/block/sda/sda3")
    sample.link("sys/dev/block/253:3", "../../devices/virtual/block/dm-3")
    assert bootfs.claimants(str(tmp_path)) == found


@pytest.mark.parametrize("target", [None, "/real", "../../../../real"], ids=["directory", "absolute link", "link by dots"])
def test_a_captured_trees_boot_is_inside_of_it(tmp_path: Path, target: str | None) -> None:
    sample = Sample(tmp_path / "tree")
    sample.write("real/file" if target else "boot/file", "")
    if target:
        sample.link("boot", target)
    with bootfs.reach(str(sample.root), live=False, initramfs=True, write=True) as boot:
        assert boot == f"{sample.root}/{'real' if target else 'boot'}"


@pytest.mark.parametrize("place", ["sysroot/sysroot/boot", "sysroot/boot"])
def test_a_boot_that_is_a_directory_of_the_root_file_system(tmp_path: Path, place: str) -> None:
    Sample(tmp_path).link(f"{place}/loader", "loader.0")
    with bootfs.reach(str(tmp_path), live=True, initramfs=True, write=False) as boot:
        assert boot == f"{tmp_path}/{place}"


def test_in_the_real_root_it_is_in_place(tmp_path: Path) -> None:
    (tmp_path / "boot").mkdir()
    with bootfs.reach(str(tmp_path), live=True, initramfs=False, write=False) as boot:
        assert boot == f"{tmp_path}/boot"


def test_the_root_of_the_system_does_not_depend_on_the_working_directory(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(make().root)
    with bootfs.reach("", live=True, initramfs=False, write=False) as boot:
        assert boot == "/boot"


def test_mount_point() -> None:
    assert bootfs.mount_of("/proc/self/fd").point == "/proc"
    assert bootfs.mount_of("/proc").point == "/proc"
    assert bootfs.mount_of("/no/such/place").point == "/"


@root_only
def test_a_mount_point_with_a_blank_and_one_below_a_like_name(tmp_path: Path) -> None:
    def look() -> None:
        with mounted("tmpfs", tmp_path / "a b", "-t", "tmpfs"), mounted("tmpfs", tmp_path / "a", "-t", "tmpfs"):
            (tmp_path / "a b/x").mkdir()
            assert bootfs.mount_of(str(tmp_path / "a b/x")).point == str(tmp_path / "a b")
            assert bootfs.mount_of(str(tmp_path / "ab")).point != str(tmp_path / "a")

    in_namespace(look)


@root_only
def test_a_read_only_boot_is_writable_for_the_length_of_a_write(tmp_path: Path) -> None:
    def look() -> None:
        with mounted("tmpfs", tmp_path / "boot", "-t", "tmpfs", "-o", "ro") as boot:
            with bootfs.reach(str(tmp_path), live=True, initramfs=False, write=False):
                assert os.statvfs(boot).f_flag & os.ST_RDONLY
            with bootfs.reach(str(tmp_path), live=True, initramfs=False, write=True) as reached:
                Path(reached, "file").write_text("x")
            assert os.statvfs(boot).f_flag & os.ST_RDONLY

    in_namespace(look)


@root_only
def test_a_read_only_view_of_the_root_file_system_leaves_the_rest_writable(tmp_path: Path) -> None:
    """ostree-prepare-root gives the initramfs a read-only bind of the root, whose other mounts are being written to."""

    def look() -> None:
        with mounted("tmpfs", tmp_path / "physical", "-t", "tmpfs") as physical:
            (physical / "boot").mkdir()
            with mounted(str(physical), tmp_path / "view", "--bind") as view:
                command("mount", "-o", "remount,bind,ro", str(view))
                (tmp_path / "boot").symlink_to("view/boot")
                with bootfs.reach(str(tmp_path), live=True, initramfs=False, write=True) as reached:
                    Path(reached, "file").write_text("x")
                assert os.statvfs(view).f_flag & os.ST_RDONLY
                (physical / "still-writable").write_text("x")

    in_namespace(look)


@contextmanager
def disk(sample: Sample, image: Path) -> Iterator[str]:
    """The sample's /boot on a labelled file system of its own, as udev tells of it in an initramfs."""
    with mounted(str(image), sample.root / "mnt", "-o", "loop"):
        command("cp", "-a", f"{sample.boot}/.", str(sample.root / "mnt"))
    command("rm", "-r", sample.boot)
    device = command("losetup", "--find", "--show", str(image)).strip()
    try:
        number = device.removeprefix("/dev/loop")
        sample.write(f"{UDEV}/b7:{number}", RECORD)
        sample.link(f"sys/dev/block/7:{number}", f"../../devices/virtual/block/loop{number}")
        yield device
    finally:
        command("losetup", "--detach", device)


def is_clean(image: Path) -> bool:
    """Has the file system nothing left in its journal? (ext4: EXT4_FEATURE_INCOMPAT_RECOVER of the superblock)"""
    with open(image, "rb") as file:
        file.seek(1024 + 0x60)
        return not struct.unpack("<I", file.read(4))[0] & 4


def read_back(image: Path, sample: Sample) -> list[str]:
    """The entry's text and the names in /boot, from the image."""
    with mounted(str(image), sample.root / "mnt", "-o", "loop,ro") as boot:
        return [(boot / ENTRY.removeprefix("boot/")).read_text(), *sorted(os.listdir(boot))]


@root_only
def test_the_whole_run_on_a_labelled_file_system(make: Make, tmp_path: Path) -> None:
    sample = make(extra={"etc/initrd-release": ""})
    image = ext4(tmp_path / "image")

    def whole() -> None:
        with disk(sample, image):
            mounts = Path("/proc/self/mountinfo").read_text()
            target = Target(str(sample.root), live=True)
            assert planning.plan(target).decision.kind is Kind.CHANGE
            assert run.apply(target).reboot
            remove_udevs_database(sample)
            left = handover.read(target.root)
            assert left is not None and left.boot.startswith("/dev/loop")
            assert run.resume(target, left, var.place(target.root)).reboot
            assert Path("/proc/self/mountinfo").read_text() == mounts
        assert is_clean(image)
        assert read_back(image, sample) == [entry_text(FINAL), "loader", "loader.1", "lost+found"]

    in_namespace(whole)


def remove_udevs_database(sample: Sample) -> None:
    """What initrd-udevadm-cleanup-db.service does on the way to the pivot."""
    for record in (sample.root / UDEV).iterdir():
        record.unlink()


@root_only
def test_in_the_initramfs_apply_writes_nothing(make: Make, tmp_path: Path) -> None:
    """Others still write to the real root: the change is handed over, and asks for no reboot by itself."""
    sample = make(extra={"etc/initrd-release": ""})
    image = ext4(tmp_path / "image")

    def whole() -> None:
        with disk(sample, image):
            before = image.read_bytes()
            assert run.apply(Target(str(sample.root), live=True)).decision.kind is Kind.CHANGE
            assert image.read_bytes() == before
        assert sample.has(handover.PATH) and not sample.has(outcome.REBOOT_REQUIRED)

    in_namespace(whole)


@root_only
def test_a_plan_mounts_read_only_and_leaves_no_trace(make: Make, tmp_path: Path) -> None:
    sample = make(extra={"etc/initrd-release": ""})
    image = ext4(tmp_path / "image")

    def look() -> None:
        with disk(sample, image):
            before = image.read_bytes()
            assert planning.plan(Target(str(sample.root), live=True)).reboot
            assert image.read_bytes() == before

    in_namespace(look)


@root_only
def test_it_is_unmounted_after_an_error_too(make: Make, tmp_path: Path) -> None:
    sample = make(extra={"etc/initrd-release": ""})
    image = ext4(tmp_path / "image")

    def failing() -> None:
        with disk(sample, image):
            mounts = Path("/proc/self/mountinfo").read_text()
            with pytest.raises(Failure, match="^stop$"), bootfs.reach(str(sample.root), live=True, initramfs=True, write=True):
                raise Failure("stop")
            assert Path("/proc/self/mountinfo").read_text() == mounts

    in_namespace(failing)


@root_only
def test_a_device_that_cannot_be_mounted_is_named(make: Make, tmp_path: Path) -> None:
    sample = make(extra={f"{UDEV}/b254:3": RECORD})
    sample.link("sys/dev/block/254:3", "../../block/no-such-device")

    def look() -> None:
        with (
            pytest.raises(Failure, match="^mount .*/dev/no-such-device .* failed with status"),
            bootfs.reach(str(sample.root), live=True, initramfs=True, write=False),
        ):
            pass

    in_namespace(look)
