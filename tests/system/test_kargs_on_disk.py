# SPDX-License-Identifier: Apache-2.0
"""Ignition's kargs stage and the end of the same boot on a labelled file system, as in a running initramfs: mounted, frozen, unmounted."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator import ignition_kargs, run
from orchestrator.decide.decision import Kind
from orchestrator.errors import Refusal
from orchestrator.facts.bootstate import STAMP
from orchestrator.facts.machine import ARGUMENTS_DUE
from orchestrator.rules import kargs
from orchestrator.rules.kargs import Asked
from orchestrator.system import bootfs, var
from orchestrator.system.target import Target
from orchestrator.write import handover
from tests.conftest import Make
from tests.isolated import ext4, in_namespace, root_only
from tests.sample import NO_WISH, OPTIONS, Sample, entry_text
from tests.system.test_bootfs import RECORD, UDEV, disk, is_clean, read_back, remove_udevs_database

ASKED = Asked(("rig.a=1", "quiet"), ("mitigations=auto,nosmt",))
EDITED = kargs.edit(OPTIONS, ASKED)
LINE = OPTIONS.replace("$ignition_firstboot", "ignition.firstboot")


def first_boot(make: Make, line: str = LINE) -> Sample:
    """An initramfs in which nothing asks for kdump."""
    return make(cmdline=line + "\n", ignition=NO_WISH, preset=None, extra={"etc/initrd-release": ""})


@root_only
def test_the_whole_boot(make: Make, tmp_path: Path) -> None:
    sample = first_boot(make)
    image = ext4(tmp_path / "image")

    def whole() -> None:
        with disk(sample, image):
            mounts = Path("/proc/self/mountinfo").read_text()
            target = Target(str(sample.root), live=True)
            assert ignition_kargs.honour(target, ASKED).reboot
            assert is_clean(image), "GRUB would not find it"
            assert Path("/proc/self/mountinfo").read_text() == mounts
            assert run.apply(target).decision.kind is Kind.CHANGE
            remove_udevs_database(sample)
            left = handover.read(target.root)
            assert left is not None and left.boot.startswith("/dev/loop")
            assert left.kdump is not None and left.kdump.kind is Kind.SKIP
            assert run.resume(target, left, var.place(target.root)).reboot
            assert Path("/proc/self/mountinfo").read_text() == mounts
        assert is_clean(image)
        assert read_back(image, sample) == [entry_text(EDITED), "loader", "loader.1", "lost+found"]

    in_namespace(whole)


@root_only
def test_the_stage_alone_leaves_a_first_boot(make: Make, tmp_path: Path) -> None:
    sample = first_boot(make)
    image = ext4(tmp_path / "image")

    def stage() -> None:
        with disk(sample, image):
            ignition_kargs.honour(Target(str(sample.root), live=True), ASKED)
        assert read_back(image, sample) == [entry_text(EDITED), "ignition", STAMP, "loader", "loader.1", "lost+found"]

    in_namespace(stage)


@root_only
def test_what_is_there_already_leaves_the_disk_as_it_is(make: Make, tmp_path: Path) -> None:
    sample = make(cmdline=f"{LINE} quiet\n", options=f"{OPTIONS} quiet", extra={"etc/initrd-release": ""})
    image = ext4(tmp_path / "image")

    def stage() -> None:
        with disk(sample, image):
            before = image.read_bytes()
            assert ignition_kargs.honour(Target(str(sample.root), live=True), Asked(("quiet",))).decision.kind is Kind.ACTIVE
            assert image.read_bytes() == before
        assert not sample.has(ARGUMENTS_DUE)

    in_namespace(stage)


def test_two_file_systems_with_the_label(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused at once: to wait would not help."""
    monkeypatch.setattr(bootfs, "SETTLE_SECONDS", 3600)
    sample = first_boot(make)
    for number in (3, 5):
        sample.write(f"{UDEV}/b254:{number}", RECORD)
    with pytest.raises(Refusal, match="^2 file systems are labelled boot"):
        ignition_kargs.honour(Target(str(sample.root), live=True), ASKED)
