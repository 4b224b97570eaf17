# SPDX-License-Identifier: Apache-2.0
"""A full or read-only /boot, really full and really read-only: refused with the numbers, nothing left, and no sooner than needed."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator import run
from orchestrator.decide.decision import SPARE_BYTES, Kind
from orchestrator.errors import Refusal
from orchestrator.system import free_space, var
from orchestrator.system.target import Target
from orchestrator.write import handover
from tests.conftest import Make
from tests.invocation import one_line, program
from tests.isolated import command, ext4, fail_at, in_child, in_namespace, mounted, root_only, xfs
from tests.powercut import FINAL
from tests.sample import AUTO, Sample, entry_text
from tests.system.test_bootfs import RECORD, UDEV

pytestmark = root_only
NEEDED = len(entry_text()) + len(AUTO) + SPARE_BYTES
BLOCK = 4096


def ext4_of_small_blocks(image: Path) -> Path:
    """An ext4 with blocks of 1 KiB, which need more of them for everything."""
    ext4(image)
    command("mkfs.ext4", "-q", "-F", "-b", "1024", str(image))
    return image


def ext4_of_large_blocks(image: Path) -> Path:
    """An ext4 with blocks of 4 KiB."""
    ext4(image)
    command("mkfs.ext4", "-q", "-F", "-b", "4096", str(image))
    return image


def ext4_of_few_inodes(image: Path) -> Path:
    """An ext4 on which names run out before space does."""
    ext4(image)
    command("mkfs.ext4", "-q", "-F", "-N", "32", str(image))
    return image


def on_disk(sample: Sample, image: Path, action: Callable[[], None]) -> None:
    """Run the action with the sample's /boot on the file system in the image."""

    def moved() -> None:
        files = f"{sample.boot}.files"
        os.rename(sample.boot, files)
        with mounted(str(image), Path(sample.boot), "-o", "loop"):
            command("cp", "-a", f"{files}/.", sample.boot)
            action()

    in_namespace(moved)


def free(sample: Sample) -> int:
    """Bytes that root may still write."""
    found = free_space.free_bytes(sample.boot)
    assert found is not None
    return found


def fill(sample: Sample, left: int) -> None:
    """Fill /boot up to the least number of free bytes that is not below `left`."""
    with open(f"{sample.boot}/filler", "wb") as filler:
        size = free(sample) - left
        while free(sample) > left + 2 * BLOCK or free(sample) < left:
            os.truncate(filler.fileno(), 0)
            try:
                os.posix_fallocate(filler.fileno(), 0, size)
            except OSError:
                size -= BLOCK  # for what describes the blocks
            size += min(0, free(sample) - left)


FILE_SYSTEMS = [ext4_of_small_blocks, ext4_of_large_blocks, xfs]


@pytest.mark.parametrize("make_image", FILE_SYSTEMS, ids=["ext4 1k", "ext4 4k", "XFS"])
def test_a_full_boot_is_refused_with_the_numbers(make: Make, tmp_path: Path, make_image: Callable[[Path], Path]) -> None:
    sample = make()

    def look() -> None:
        fill(sample, NEEDED - 4 * BLOCK)
        before = sample.snapshot("boot")
        for name in ("plan", "apply"):
            done = program(name, "--root", str(sample.root))
            assert done.returncode == 3
            said = one_line(done.stderr)
            numbers = re.search(r"^/boot is full: (\d+) bytes are free and (\d+) are needed; remove what", said)
            assert numbers and (int(numbers[1]), int(numbers[2])) == (free(sample), NEEDED), said
        assert sample.snapshot("boot") == before

    on_disk(sample, make_image(tmp_path / "image"), look)


@pytest.mark.parametrize("make_image", FILE_SYSTEMS, ids=["ext4 1k", "ext4 4k", "XFS"])
def test_what_is_said_to_be_needed_is_enough(make: Make, tmp_path: Path, make_image: Callable[[Path], Path]) -> None:
    """With a label, which on a small inode is a block of its own."""
    sample = make()

    def look() -> None:
        os.setxattr(f"{sample.boot}/loader/entries/ostree-1.conf", "user.label", b"x" * 900)
        fill(sample, NEEDED)
        assert run.apply(Target(str(sample.root), live=True)).reboot
        assert sample.text() == entry_text(FINAL)

    on_disk(sample, make_image(tmp_path / "image"), look)


def test_a_boot_without_inodes_is_refused(make: Make, tmp_path: Path) -> None:
    sample = make()

    def look() -> None:
        for number in range(os.statvfs(sample.boot).f_ffree):
            sample.write(f"boot/{number}", "")
        before = sample.snapshot("boot")
        with pytest.raises(OSError, match="No space left"):
            sample.write("boot/one-more", "")
        made = run.apply(Target(str(sample.root), live=False))
        assert made.decision.kind is Kind.REFUSE
        assert made.decision.reason.startswith("/boot is full: no inode is free and 1 is needed; remove")
        assert sample.snapshot("boot") == before

    on_disk(sample, ext4_of_few_inodes(tmp_path / "image"), look)


def test_space_that_goes_after_the_plan_is_told_with_the_numbers(make: Make, tmp_path: Path) -> None:
    sample = make()

    def at_the_last_moment(event: str, arguments: tuple[object, ...]) -> bool:
        return event == "open" and str(arguments[0]).endswith(".kdump-karg.tmp")

    def fill_up() -> None:
        fill(sample, 0)

    def action() -> None:
        fail_at(0, at_the_last_moment, fill_up)
        try:
            run.apply(Target(str(sample.root), live=False))
        except Exception as error:
            needed = len(entry_text(FINAL)) + SPARE_BYTES + len("kdump_karg_first_boot_ended") - len("ignition_firstboot")
            expected = rf"^/boot is full: \d+ bytes and \d+ inodes are free, {needed} bytes and 1 inode are needed; remove"
            assert re.search(expected, str(error)), error
            assert isinstance(error, Refusal)
            raise SystemExit(5) from None

    def look() -> None:
        assert in_child(action) == 5
        os.unlink(f"{sample.boot}/filler")
        assert os.listdir(f"{sample.boot}/loader/entries") == ["ostree-1.conf"]
        assert sample.text() == entry_text()

    on_disk(sample, ext4_of_small_blocks(tmp_path / "image"), look)


def test_a_write_protected_device_is_refused(make: Make, tmp_path: Path) -> None:
    """mount(8) mounts it read-only and calls that a success."""
    sample = make(extra={"etc/initrd-release": ""})
    image = ext4(tmp_path / "image")

    def look() -> None:
        with mounted(str(image), sample.root / "mnt", "-o", "loop") as boot:
            command("cp", "-a", f"{sample.boot}/.", str(boot))
        device = command("losetup", "--read-only", "--find", "--show", str(image)).strip()
        try:
            number = device.removeprefix("/dev/loop")
            sample.write(f"{UDEV}/b7:{number}", RECORD)
            sample.link(f"sys/dev/block/7:{number}", f"../../devices/virtual/block/loop{number}")
            before = image.read_bytes()
            target = Target(str(sample.root), live=True)
            run.apply(target)
            left = handover.read(target.root)
            assert left is not None
            with pytest.raises(Refusal, match="^/boot is on a read-only file system; make it and its device writable"):
                run.resume(target, left, var.place(target.root))
            assert image.read_bytes() == before
        finally:
            command("losetup", "--detach", device)

    in_namespace(look)
