# SPDX-License-Identifier: Apache-2.0
"""shortage.py and rooms.py: too small a reservation is shown in every status, and reported once per change."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator.decide.room import Room, Whose
from orchestrator.report import chain, delivery, shortage, show
from orchestrator.report.chain import Chain
from orchestrator.system.target import Target
from tests.conftest import Make
from tests.facts.test_next_deployment import OTHER, RUNNING, SHIPPED, updated
from tests.facts.test_deployments import NEXT, SECOND
from tests.invocation import Output, call
from tests.sample import FIRST_BOOT_LINE, MIB, OPTIONS, Sample, entry_text, iomem

SIZE = "crashkernel=512M-:192M"
LINE = f"{FIRST_BOOT_LINE.replace(' ignition.firstboot', '')} root=UUID=1 {SIZE}\n"
NEXT_OPTIONS = f"{OPTIONS.replace('/5d6a2c/', '/ffffff/')} {SIZE}"
SMALL, LARGE = 10 * MIB, 60 * MIB  # of a file of no known compression, four times as large unpacked


def machine(make: Make, *, booted: int = SMALL, following: int = SMALL, **overrides: Any) -> Sample:
    """An armed machine with an update that is booted next; the sizes are those of the shipped capture initramfs images."""
    settings: dict[str, Any] = {
        "cmdline": LINE,
        "options": f"{OPTIONS} {SIZE}",
        "crash_size": f"{192 * MIB}\n",
        "crash_loaded": "1\n",
        "ignition": None,
        "stamp": False,
        "config": False,
        "iomem": iomem((0, 4 << 30)) + "  01000000-01ffffff : Kernel code\n",
    }
    extra = {
        f"sysroot/{SHIPPED}": _packed(booted),
        "sysroot/etc/default/grub.d/kdump-tools.cfg": f'X="$X {SIZE}"\n',
        "sysroot/usr/sbin/kdump-config": "",
    }
    sample = make(**{**settings, **overrides}, extra=extra)
    updated(sample, kernel=50 * MIB, settings=f"KDUMP_INITRD=/{SHIPPED}\n")
    sample.write(f"sysroot/sysroot/{SECOND}/{SHIPPED}", _packed(following))
    sample.write(NEXT, entry_text(NEXT_OPTIONS).replace("version 1\n", "version 2\n"))
    return sample


def _packed(size: int) -> bytes:
    """An initramfs of that many bytes, of which nothing but the start is looked at."""
    return b"?" * size


def read(sample: Sample) -> Chain:
    """As `status` reads it."""
    return chain.read(Target(str(sample.root), live=False))


def test_both_deployments_are_shown(make: Make, capsys: Output) -> None:
    sample = machine(make, following=LARGE)
    found = read(sample)
    assert found.armed and [each.whose for each in found.rooms] == [Whose.BOOTED, Whose.PENDING]
    (warning,) = found.warnings
    assert f"for the pending deployment (kernel {OTHER}) and 192 MiB are reserved" in warning
    assert warning.endswith("run kdump-karg apply and reboot")
    assert f"pending deployment    kernel {OTHER}: 192 MiB will be reserved, about " in show.chain_text(found)
    assert call(sample, "status", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    following = document["next"]
    assert (following["state"], following["directory"], following["kernel"]) == ("pending", f"/{SECOND}", OTHER)
    assert following["reserved_bytes"] == 192 * MIB < following["needed_bytes"] and following["kernel_sized"]
    assert following["warning"] == warning and document["needed_bytes"] < 192 * MIB


def test_no_warning_where_both_have_enough(make: Make) -> None:
    found = read(machine(make))
    assert found.warnings == () and len(found.rooms) == 2


def test_what_cannot_be_read_is_no_number(make: Make) -> None:
    sample = machine(make, iomem=None)
    found = read(sample)
    assert len(found.rooms) == 1
    (sample.root / "boot/loader").unlink()
    sample.link("boot/loader", "loader")
    assert read(sample).rooms[0].needed is None


def test_a_warning_is_reported_once(make: Make, capsys: Output) -> None:
    sample = machine(make, booted=LARGE)
    for told in (True, False, False):
        assert call(sample, "report") == 0
        said = capsys.readouterr()
        assert ("run kdump-karg apply and reboot" in said.err) is told and bool(said.out) is told
    assert sample.text(f"sysroot/{shortage.WARNED}").startswith(f"booted {RUNNING} 192 ")


def test_a_change_is_reported_again(make: Make) -> None:
    """The other deployment as well; the note of what is over goes, so that it would be said again."""
    sample = machine(make, booted=LARGE)
    assert len(_report(sample).unsaid) == 1
    sample.write(f"sysroot/sysroot/{SECOND}/{SHIPPED}", _packed(LARGE))
    (warning,) = _report(sample).unsaid
    assert "pending deployment" in warning
    for path in (f"sysroot/{SHIPPED}", f"sysroot/sysroot/{SECOND}/{SHIPPED}"):
        sample.write(path, _packed(SMALL))
    given = _report(sample)
    assert not given.news and not given.unsaid and not sample.has(f"sysroot/{shortage.WARNED}")
    sample.write(f"sysroot/{SHIPPED}", _packed(LARGE))
    assert len(_report(sample).unsaid) == 1


def _report(sample: Sample) -> delivery.Report:
    """One boot's report."""
    return delivery.give(Target(str(sample.root), live=False))


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (Room(Whose.BOOTED, "7.2", 192 * MIB, 210 * MIB), True),
        (Room(Whose.BOOTED, "7.2", 192 * MIB, 230 * MIB), False),
        (Room(Whose.BOOTED, "7.2", 176 * MIB, 215 * MIB), False),
        (Room(Whose.BOOTED, "7.3", 192 * MIB, 215 * MIB), False),
        (Room(Whose.STAGED, "7.2", 192 * MIB, 215 * MIB), False),
    ],
    ids=["within a step", "needs more", "reserves less", "another kernel", "another deployment"],
)
def test_what_makes_a_change(other: Room, same: bool) -> None:
    assert (shortage.key(other) == shortage.key(Room(Whose.BOOTED, "7.2", 192 * MIB, 215 * MIB))) is same


def test_a_note_that_cannot_be_left_costs_nothing_else(make: Make, capsys: Output) -> None:
    sample = machine(make, booted=LARGE)
    sample.write("sysroot/var/lib/kdump-karg", "")
    assert _report(sample).news
    assert "the next boot will give the same warning again" in capsys.readouterr().err


def test_an_initramfs_of_another_kernel_is_a_broken_link(make: Make) -> None:
    """It would be armed by the kernel's word, and the capture kernel would find no driver for its disks."""
    sample = machine(make)
    line = LINE.replace(SIZE, "systemd.unit=kdump-tools-dump.service").strip()
    command = f'kexec --command-line="{line}" --initrd=/var/lib/kdump/initrd.img-{RUNNING} /usr/lib/modules/{OTHER}/vmlinuz\n'
    sample.write("sysroot/var/crash/kexec_cmd", command)
    found = read(sample)
    assert found.broken is not None and found.broken.name == "loaded"
    assert f"the capture kernel is {OTHER} and its initramfs /var/lib/kdump/initrd.img-{RUNNING} was made for" in found.broken.detail
    sample.write("sysroot/var/crash/kexec_cmd", command.replace(f"img-{RUNNING}", f"img-{OTHER}"))
    found = read(sample)
    assert found.armed and f"made for kernel {OTHER}" in found.verdict
    assert f"/var/lib/kdump/initrd.img-{OTHER}, built on this machine for kernel {OTHER}" in show.chain_text(found)
