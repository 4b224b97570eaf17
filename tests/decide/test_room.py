# SPDX-License-Identifier: Apache-2.0
"""room.py, and sizing.py's outgrown() and mend(): too small now, and the exact command that mends it."""

from __future__ import annotations

import pytest

from orchestrator.decide import room, sizing
from orchestrator.decide.decision import Wanted
from orchestrator.decide.room import Room, Whose
from orchestrator.facts.capture_kernel import CaptureKernel
from orchestrator.facts.initrd import Initrd
from orchestrator.facts.intent import Intent
from orchestrator.facts.machine import Machine
from orchestrator.facts.next_deployment import NextDeployment
from orchestrator.rules import arch
from orchestrator.rules.defaults import Default
from orchestrator.rules.memory import Memory
from tests.sample import GIB, MIB

DEFAULT = "512M-:192M"
MACHINE = Machine(arch.named("x86_64"), Memory(((0, 4 * GIB),)), Default(DEFAULT, "the default"))
UNIT = Intent(("auto",), "kdump.service enabled by /etc/systemd/system/x.wants/kdump.service", implied=True)
AUTO = Intent(("auto",), "/etc/kdump-karg.conf:1")
NAMED = Intent(("192M",), "/etc/kdump-karg.conf.d/50-size.conf:2")
VENDOR = Intent(("192M",), "/usr/lib/kdump-karg.conf.d/10.conf:1")
NOBODY = Intent()
APPLY = "run kdump-karg apply and reboot"

MENDS = [
    ("auto by the unit", UNIT, DEFAULT, 230, APPLY),
    ("auto by the config", AUTO, DEFAULT, 230, APPLY),
    ("auto, raised before", AUTO, "512M-:208M", 230, APPLY),
    ("somebody's own size", UNIT, "192M", 230, "write crashkernel=240M into /etc/kdump-karg.conf, run kdump-karg apply, and reboot"),
    ("a drop-in", NAMED, "192M", 230, "write crashkernel=240M into /etc/kdump-karg.conf.d/50-size.conf, run kdump-karg apply, and reboot"),
    ("the vendor's", VENDOR, "192M", 230, "write crashkernel=240M into /etc/kdump-karg.conf, run kdump-karg apply, and reboot"),
    ("nobody asks", NOBODY, "1G-:192M", 230, "write crashkernel=1G-:240M into /etc/kdump-karg.conf, run kdump-karg apply, and reboot"),
    ("more than half of the memory", AUTO, DEFAULT, 2500, "make that initramfs smaller, or add memory"),
]


@pytest.mark.parametrize(("wish", "running", "least", "words"), [row[1:] for row in MENDS], ids=[row[0] for row in MENDS])
def test_the_command_that_mends_it(wish: Intent, running: str, least: int, words: str) -> None:
    assert sizing.mend(wish, MACHINE, running, least * MIB) == words
    found = sizing.outgrown(wish, MACHINE, Wanted(running, "x", 192 * MIB), least * MIB)
    assert found.needed_bytes == least * MIB
    if words == APPLY:
        assert found.crashkernel == "512M-:240M" and found.reserved_bytes == 240 * MIB and not found.warning
        assert found.rule == f"{wish.source}, raised because the capture kernel needs about {least} MiB now"
    else:
        assert found.crashkernel == running
        assert found.warning == f"too small: the capture kernel needs about {least} MiB now; {words}"


def test_what_is_enough_is_left_alone() -> None:
    found = sizing.outgrown(AUTO, MACHINE, Wanted(DEFAULT, "x", 192 * MIB), 192 * MIB)
    assert found == Wanted(DEFAULT, "x", 192 * MIB, needed_bytes=192 * MIB)


def test_a_default_that_has_changed_is_somebodys_own() -> None:
    """What was written by the default of an older package has another form: it is named, not touched."""
    assert not sizing.chosen_by_auto(UNIT, MACHINE, "2G-64G:256M,64G-:512M")
    assert not sizing.chosen_by_auto(UNIT, Machine(MACHINE.arch, MACHINE.memory, None), DEFAULT)
    assert not sizing.chosen_by_auto(NAMED, MACHINE, DEFAULT)


ROOMS: list[tuple[str, Room, str]] = [
    ("enough", Room(Whose.BOOTED, "7.2", 192 * MIB, 192 * MIB), ""),
    ("not known", Room(Whose.BOOTED, "7.2", 192 * MIB, None), ""),
    ("nothing reserved has a link", Room(Whose.BOOTED, "7.2", 0, 192 * MIB), ""),
    ("the kernel does not say", Room(Whose.BOOTED, "7.2", None, 192 * MIB), ""),
    (
        "too small",
        Room(Whose.BOOTED, "7.2", 192 * MIB, 200 * MIB + 1, "do this"),
        "about 201 MiB are needed and 192 MiB are reserved, so that a dump may fail: do this",
    ),
    (
        "too small for the next",
        Room(Whose.STAGED, "7.3", 192 * MIB, 200 * MIB, "do this"),
        "about 200 MiB are needed for the staged deployment (kernel 7.3) and 192 MiB are reserved, so that a dump may fail: do this",
    ),
    (
        "older than the argument",
        Room(Whose.PENDING, "", 0, None, "do this"),
        "the pending deployment reserves nothing, so that nothing will be dumped: do this",
    ),
]


@pytest.mark.parametrize(("found", "words"), [row[1:] for row in ROOMS], ids=[row[0] for row in ROOMS])
def test_warnings(found: Room, words: str) -> None:
    assert found.warning == words and found.short is bool(words)


CAPTURE = CaptureKernel(40 * MIB, Initrd(20 * MIB, 80 * MIB), "/x", in_tmpfs=False)  # needs 40 + 20 + 85 + 64 MiB
BOOT_IT = "boot it, run kdump-karg apply, and reboot"


@pytest.mark.parametrize(
    ("options", "reserved", "expected", "mend"),
    [
        (f"crashkernel={DEFAULT}", 192, 192, APPLY),
        (f"crashkernel={DEFAULT}", 256, 192, BOOT_IT),
        ("crashkernel=512M-:256M", 256, 256, BOOT_IT),
        ("", 192, 0, BOOT_IT),
        ("crashkernel=8G-:1G", 192, 0, BOOT_IT),
    ],
    ids=["as little as now", "less than now", "enough", "no argument", "an argument that reserves nothing"],
)
def test_the_deployment_that_is_booted_next(options: str, reserved: int, expected: int, mend: str) -> None:
    other = NextDeployment("ostree/deploy/x/deploy/y.0", True, "7.3", options, CAPTURE, sized=False)
    found = room.following(UNIT, MACHINE, other, DEFAULT, reserved * MIB)
    assert (found.whose, found.release, found.directory, found.sized) == (Whose.STAGED, "7.3", other.directory, False)
    assert (found.reserved, found.needed, found.mend) == (expected * MIB, 209 * MIB, mend)


