# SPDX-License-Identifier: Apache-2.0
"""decision.py: a table for each of the five decisions, from facts alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.decide import decision
from orchestrator.decide.decision import Decision, Kind
from orchestrator.errors import Refusal
from orchestrator.facts.backend import Backend
from orchestrator.facts.bootstate import BootState
from orchestrator.facts.intent import Intent
from orchestrator.facts.machine import Machine, Surroundings
from orchestrator.rules import arch, bls
from orchestrator.rules.defaults import Default
from orchestrator.rules.memory import Memory
from tests.sample import AUTO, FIRST_BOOT_LINE, GIB, LATER_LINE, MIB, OPTIONS, entry_text

PATH = "loader/entries/ostree-1.conf"
MEMORY = Memory(((0, 3 * GIB), (4 * GIB, 9 * GIB)))
MACHINE = Machine(arch.named("x86_64"), MEMORY, Default(AUTO, "the default"))
SMALL = replace(MACHINE, memory=Memory(((0, GIB),)))
HERE = Surroundings(FIRST_BOOT_LINE, initramfs=True, live_image=False, capture_kernel=False)
IMPLIED = Intent(("auto",), "kdump.service enabled by /x", implied=True)
SIZE = Intent(("256M",), "/etc/kdump-karg.conf:1")
HIGH = Intent(("256M,high",), "/etc/kdump-karg.conf:1")
OWN_AUTO = Intent(("auto",), "/etc/kdump-karg.conf:1")
KARGS = Intent(("1G,high", "64M,low"), "kernelArguments in /run/ignition.json", by_ignition=True)
ONE_KARG = Intent(("1G",), "kernelArguments in /run/ignition.json", by_ignition=True)


def here(line: str) -> Surroundings:
    """The sample's surroundings with something more on the command line."""
    return replace(HERE, cmdline=f"{FIRST_BOOT_LINE} {line}".rstrip())


def state(options: str = OPTIONS, *, stamp: bool = True, marker: bool = False, free: int | None = GIB) -> BootState:
    """The boot file system with these options in the entry."""
    text = entry_text(options)
    return BootState(PATH, text, bls.options(text, PATH), stamp, marker, config_dir=True, free_bytes=free)


def decide(
    intent: Intent, boot: BootState, *, at: Surroundings = HERE, on: Machine = MACHINE, by: Backend = Backend.NONE
) -> Decision:
    """The decision from all facts, as planning.py puts them together."""
    return decision.decide(intent, at, on, decision.want(intent, on), boot, by)


SKIPPED = [
    ("capture kernel", replace(HERE, capture_kernel=True), "capture kernel"),
    ("live image", replace(HERE, live_image=True), "live image"),
    ("switched off", here("rd.kdump_karg=0"), "rd.kdump_karg=0"),
    ("switched off, word", here("rd.kdump_karg=no"), "rd.kdump_karg=0"),
    ("switched off, the last one counts", here("rd.kdump_karg=1 rd.kdump_karg=0"), "rd.kdump_karg=0"),
]


@pytest.mark.parametrize(("at", "reason"), [row[1:] for row in SKIPPED], ids=[row[0] for row in SKIPPED])
def test_skip(at: Surroundings, reason: str) -> None:
    found = decision.switched_off(at)
    assert found is not None and found.kind is Kind.SKIP and reason in found.reason and found.wanted is None


@pytest.mark.parametrize(
    "line", ["", "rd.kdump_karg", "rd.kdump_karg=1", "rd.kdump_karg=0 rd.kdump_karg=1", "rd.kdump_karg.debug"]
)
def test_not_switched_off(line: str) -> None:
    assert decision.switched_off(here(line)) is None


def test_skip_where_nothing_asks() -> None:
    found = decision.nothing_asked(Intent())
    assert found is not None and found.kind is Kind.SKIP
    assert decision.nothing_asked(SIZE) is None


ACTIVE = [
    ("the size", SIZE, "crashkernel=256M", "256M", 256 * MIB),
    ("the size, last of several", SIZE, "crashkernel=1G crashkernel=256M", "256M", 256 * MIB),
    ("auto written out", OWN_AUTO, f"crashkernel={AUTO}", AUTO, 256 * MIB),
    ("auto raised", OWN_AUTO, "crashkernel=2G-64G:304M,64G-:512M", "2G-64G:304M,64G-:512M", 304 * MIB),
    ("any size where none was named", IMPLIED, "crashkernel=512M", "512M", 512 * MIB),
    ("any pair where none was named", IMPLIED, "crashkernel=512M,high crashkernel=64M,low", "512M,high", 576 * MIB),
    ("high", HIGH, "crashkernel=256M,high", "256M,high", 512 * MIB),
    ("all of Ignition's", KARGS, "crashkernel=1G,high x crashkernel=64M,low", "1G,high", GIB + 64 * MIB),
]


@pytest.mark.parametrize(("intent", "line", "value", "size"), [row[1:] for row in ACTIVE], ids=[row[0] for row in ACTIVE])
def test_active(intent: Intent, line: str, value: str, size: int) -> None:
    found = decision.running(intent, here(line), MACHINE)
    assert found is not None and found.kind is Kind.ACTIVE and found.wanted is not None
    assert (found.wanted.crashkernel, found.wanted.reserved_bytes) == (value, size)
    assert f"crashkernel={value}" in found.reason


UNSETTLED = [
    ("nothing there", SIZE, ""),
    ("another size", SIZE, "crashkernel=512M"),
    ("overridden", SIZE, "crashkernel=256M crashkernel=512M"),
    ("one of Ignition's two", KARGS, "crashkernel=1G,high"),
    ("one that reserves nothing, and no size was named", IMPLIED, "crashkernel=64G-:1G"),
    ("one that is malformed, and no size was named", IMPLIED, "crashkernel=auto"),
    ("auto is not any size", OWN_AUTO, "crashkernel=512M"),
    ("auto is not less than the default", OWN_AUTO, "crashkernel=2G-64G:255M,64G-:512M"),
]


@pytest.mark.parametrize(("intent", "line"), [row[1:] for row in UNSETTLED], ids=[row[0] for row in UNSETTLED])
def test_the_running_command_line_does_not_settle_it(intent: Intent, line: str) -> None:
    assert decision.running(intent, here(line), MACHINE) is None


def test_a_named_size_that_runs_and_reserves_nothing_is_refused() -> None:
    found = decision.running(replace(SIZE, values=("64G-:1G",)), here("crashkernel=64G-:1G"), MACHINE)
    assert found is not None and found.kind is Kind.REFUSE
    assert "reserves nothing" in found.reason and SIZE.source in found.reason


CHANGED = [
    ("a size", SIZE, OPTIONS, "256M", 256 * MIB),
    ("auto", IMPLIED, OPTIONS, AUTO, 256 * MIB),
    ("another size is in the entry", SIZE, OPTIONS + " crashkernel=512M", "256M", 256 * MIB),
    ("one that reserves nothing is in the entry", IMPLIED, OPTIONS + " crashkernel=64G-:1G", AUTO, 256 * MIB),
    ("auto is not any size", OWN_AUTO, OPTIONS + " crashkernel=512M", AUTO, 256 * MIB),
    ("high", HIGH, OPTIONS, "256M,high", 512 * MIB),
    ("Ignition's one, which its helper did not set", ONE_KARG, OPTIONS, "1G", GIB),
]


@pytest.mark.parametrize(("intent", "options", "value", "size"), [row[1:] for row in CHANGED], ids=[row[0] for row in CHANGED])
def test_change(intent: Intent, options: str, value: str, size: int) -> None:
    found = decide(intent, state(options))
    assert found.kind is Kind.CHANGE and found.wanted is not None
    assert (found.wanted.crashkernel, found.wanted.reserved_bytes) == (value, size)
    assert f"crashkernel={value} will reserve {size >> 20} MiB" in found.reason


PENDING = [
    ("the size", SIZE, "crashkernel=256M", "256M"),
    ("any where none was named", IMPLIED, "crashkernel=512M", "512M"),
    ("a pair where none was named", IMPLIED, "crashkernel=512M,high crashkernel=64M,low", "512M,high"),
]


@pytest.mark.parametrize(("intent", "words", "value"), [row[1:] for row in PENDING], ids=[row[0] for row in PENDING])
def test_pending(intent: Intent, words: str, value: str) -> None:
    found = decide(intent, state(f"{OPTIONS} {words}"))
    assert found.kind is Kind.PENDING and found.wanted is not None and found.wanted.crashkernel == value
    assert f"/boot/{PATH} has crashkernel={value}" in found.reason


@pytest.mark.parametrize("by", [backend for backend in Backend if backend is not Backend.NONE], ids=lambda by: str(by.value))
def test_refuse_a_derived_file(by: Backend) -> None:
    found = decide(SIZE, state(), by=by)
    assert found.kind is Kind.REFUSE and by.value in found.reason and "bootloader=none" in found.reason


def test_refuse_s390x_whatever_ostree_is_told() -> None:
    found = decide(SIZE, state(), on=replace(MACHINE, arch=arch.named("s390x")))
    assert found.kind is Kind.REFUSE and "zipl is not run here" in found.reason


def test_a_warning_is_a_part_of_the_reason() -> None:
    wanted = replace(decision.want(SIZE, MACHINE), warning="too small: it is")
    found = decision.decide(SIZE, HERE, MACHINE, wanted, state(), Backend.NONE)
    assert found.kind is Kind.CHANGE and found.reason.endswith("will reserve 256 MiB, which is too small: it is")


LONG = OPTIONS + " x=" + "y" * 2048
REFUSED = [
    ("the kernel would prefer another", HIGH, state(OPTIONS + ' x="a crashkernel=1M"'), "would prefer"),
    ("another key ends in it", SIZE, state(OPTIONS + " crashkernel=1M nocrashkernel=2M"), "would prefer"),
    ("a quote that is not closed", SIZE, state(OPTIONS + ' x="y z'), "not closed"),
    ("ignition.firstboot for good", SIZE, state(OPTIONS + " ignition.firstboot"), "every boot is a first boot"),
    (
        "no variable to end the first boot by",
        SIZE,
        state(OPTIONS.replace("$ignition_firstboot ", "")),
        "lacks $ignition_firstboot",
    ),
    ("full", SIZE, state(free=1000), "/boot is full: 1000 bytes are free"),
]


@pytest.mark.parametrize(("intent", "boot", "words"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_refuse_an_entry(intent: Intent, boot: BootState, words: str) -> None:
    found = decide(intent, boot)
    assert found.kind is Kind.REFUSE
    assert words in found.reason and "; " in found.reason


@pytest.mark.parametrize(("spare", "kind"), [(0, Kind.CHANGE), (-1, Kind.REFUSE)], ids=["just fits", "one byte too long"])
def test_the_command_line_has_a_limit(spare: int, kind: Kind) -> None:
    room = 2047 - len(" crashkernel=256M") - spare
    line = FIRST_BOOT_LINE + " " + "x" * (room - len(FIRST_BOOT_LINE) - 1)
    found = decide(SIZE, state(), at=replace(HERE, cmdline=line))
    assert found.kind is kind
    assert kind is Kind.CHANGE or "2048 bytes, the kernel takes 2047" in found.reason


@pytest.mark.parametrize(("spare", "kind"), [(0, Kind.CHANGE), (-1, Kind.REFUSE)], ids=["just fits", "one byte too long"])
def test_the_limit_holds_for_the_entry_where_the_running_line_is_short(spare: int, kind: Kind) -> None:
    """kexec or a truncation makes it short. A variable of GRUB counts nothing: it may stand for nothing."""
    known = OPTIONS.replace("$ignition_firstboot ", "")
    filler = "x" * (2047 - len(" crashkernel=256M") - spare - len(known) - 1)
    found = decide(SIZE, state(f"{OPTIONS} {filler}"))
    assert found.kind is kind
    assert kind is Kind.CHANGE or "2048 bytes, the kernel takes 2047" in found.reason


def test_what_an_entry_that_is_too_long_has_is_not_waited_for() -> None:
    """The kernel would cut it off."""
    assert decide(SIZE, state(f"{OPTIONS} {'x' * 2047} crashkernel=256M")).kind is Kind.REFUSE
    assert decide(SIZE, state(f"{OPTIONS} {'x' * 1047} crashkernel=256M")).kind is Kind.PENDING


def test_a_replaced_value_counts_with_the_difference() -> None:
    room = FIRST_BOOT_LINE + " " + "x" * (2047 - len(FIRST_BOOT_LINE) - 1)
    assert decide(SIZE, state(OPTIONS + " crashkernel=512M"), at=replace(HERE, cmdline=room)).kind is Kind.CHANGE


def test_unknown_room_is_no_obstacle() -> None:
    assert decide(SIZE, state(free=None)).kind is Kind.CHANGE


def test_no_variable_is_needed_where_no_first_boot_is_to_end() -> None:
    plain = OPTIONS.replace("$ignition_firstboot ", "")
    assert decide(SIZE, state(plain, stamp=False)).kind is Kind.CHANGE
    assert decide(SIZE, state(plain), at=replace(HERE, cmdline=LATER_LINE)).kind is Kind.CHANGE


WANTED = [
    ("a size", SIZE, MACHINE, "256M", 256 * MIB),
    ("auto", IMPLIED, MACHINE, AUTO, 256 * MIB),
    ("high", HIGH, MACHINE, "256M,high", 512 * MIB),
]


@pytest.mark.parametrize(("intent", "on", "value", "size"), [row[1:] for row in WANTED], ids=[row[0] for row in WANTED])
def test_want(intent: Intent, on: Machine, value: str, size: int) -> None:
    found = decision.want(intent, on)
    assert (found.crashkernel, found.reserved_bytes) == (value, size)
    assert found.rule.startswith(intent.source)


HOPELESS = [
    ("more than memory", replace(SIZE, values=("8G",)), MACHINE, ["crashkernel=8G", "8192 MiB", "give a size that fits"]),
    ("below the range", IMPLIED, SMALL, [f"crashkernel={AUTO}", "1024 MiB", "zero bytes"]),
    ("zero", replace(SIZE, values=("0",)), MACHINE, ["crashkernel=0", "reserve nothing"]),
    ("offset in a hole", replace(SIZE, values=("256M@3G",)), MACHINE, ["memory is in use"]),
]


@pytest.mark.parametrize(("intent", "on", "words"), [row[1:] for row in HOPELESS], ids=[row[0] for row in HOPELESS])
def test_what_would_reserve_nothing(intent: Intent, on: Machine, words: list[str]) -> None:
    wanted = decision.want(intent, on)
    found = decision.reserves_nothing(wanted, on)
    assert found is not None and found.kind is Kind.REFUSE and found.wanted == wanted
    assert found.wanted.reserved_bytes == 0
    for word in [intent.source, *words]:
        assert word in found.reason


def test_what_fits_is_not_hopeless() -> None:
    assert decision.reserves_nothing(decision.want(SIZE, MACHINE), MACHINE) is None


UNWANTED = [
    ("no default", IMPLIED, replace(MACHINE, default=None), ["no default", "x86_64", "/etc/kdump-karg.conf"]),
    ("two from Ignition", KARGS, MACHINE, ["crashkernel=1G,high", "crashkernel=64M,low", "kargs stage"]),
    ("auto from Ignition", replace(ONE_KARG, values=("auto",)), MACHINE, ["kernelArguments", "auto", "not a size"]),
    ("newline from Ignition", replace(ONE_KARG, values=("1M\nx",)), MACHINE, ["'\\n'"]),
    ("two with half a character", replace(KARGS, values=("1M", "\ud800")), MACHINE, ["\\ud800"]),
    ("Debian's with a quote", replace(IMPLIED), replace(MACHINE, default=Default("1M'", "d")), ['"\'"']),
]


@pytest.mark.parametrize(("intent", "on", "words"), [row[1:] for row in UNWANTED], ids=[row[0] for row in UNWANTED])
def test_what_cannot_be_wanted(intent: Intent, on: Machine, words: list[str]) -> None:
    with pytest.raises(Refusal) as caught:
        decision.want(intent, on)
    message = str(caught.value)
    assert intent.source in message
    for word in words:
        assert word in message
    message.encode()


FIRST_BOOTS = [
    ("ignition.firstboot", True),
    ("ignition.firstboot=1", True),
    ("ignition.firstboot=false", True),
    ("ignition.firstboot=0", False),
    ("ignition.firstboot=no", False),
    ("ignition.firstboot=off", False),
    ("ignition.firstboot ignition.firstboot=0", False),
    ("ignition.firstboot=0 ignition.firstboot", True),
    ("", False),
]


@pytest.mark.parametrize(("words", "expected"), FIRST_BOOTS, ids=[words or "none" for words, _ in FIRST_BOOTS])
def test_first_boot_as_ignitions_generator_tells_it(words: str, expected: bool) -> None:
    assert decision.is_first_boot(replace(HERE, cmdline=f"{LATER_LINE} {words}")) is expected
