# SPDX-License-Identifier: Apache-2.0
"""crashkernel=: is it written right, does it reserve anything, and is that enough? The kernel's rules are those of rules/."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from orchestrator.errors import Refusal
from orchestrator.facts.conf import AUTO, Setting
from orchestrator.facts.unit import KDUMP_UNITS
from orchestrator.lint import assumed, limits, packages
from orchestrator.lint.assumed import Assumed
from orchestrator.lint.checks import own_conf
from orchestrator.lint.findings import Finding, shown
from orchestrator.lint.manifest import Manifest
from orchestrator.lint.place import Place
from orchestrator.rules import crashkernel_value, defaults
from orchestrator.rules.arch import GIB, MIB, Arch
from orchestrator.rules.capture_cmdline import Package
from orchestrator.rules.cmdline import KEY, in_force, is_plain
from orchestrator.rules.crashkernel import ULLONG_MAX, Rejected, memparse, parse_range
from orchestrator.rules.defaults import Hardware
from orchestrator.rules.memory import Memory

TINY = 64 * MIB
ADVICE = 300 * MIB
PARTS = (",low", ",cma")  # add to another value and reserve nothing by themselves
MOST_RANGES = 40  # nobody has so many kinds of machines
USUAL_MEMORIES = tuple(GIB << shift for shift in (0, 1, 2, 4, 6, 10, 13))  # 1 GiB to 8 TiB


@dataclass(frozen=True)
class Value:
    """A value and where it is asked for."""

    text: str
    place: Place


def findings(config: Manifest, machine: Assumed) -> Iterator[Finding]:
    """All of this theme."""
    arguments = [Value(each.text[len(KEY) :], each.place) for each in config.arguments if each.text.startswith(KEY)]
    own = own_conf.size(config)
    yield from _wanted_at_all(config, arguments, own)
    if own is not None and arguments:
        yield _two_places(arguments, own)
    yield from _removed(config, [each.text for each in arguments] + ([own[0].value] if own is not None else []))
    yield from _several(arguments)
    wrong = [finding for each in arguments for finding in _written(each, arguments)]
    yield from wrong
    if not arguments and own is not None and own[0].value != AUTO:
        arguments = [Value(own[0].value, own[1])]  # which is well written: own_conf.py has passed it
    if arguments and not wrong:
        yield from _enough(arguments, machine, packages.package(config))


def _wanted_at_all(config: Manifest, arguments: list[Value], own: tuple[Setting, Place] | None) -> Iterator[Finding]:
    """A reservation without kdump, or kdump without one."""
    units = packages.enabled(config)
    masked = any(unit.enabled and unit.masked for unit in config.units if unit.name in KDUMP_UNITS)
    ours = own_conf.enable(config)
    enables = ours is not None and ours[0].value == "yes"
    if arguments and not (units or masked or enables or config.elsewhere):
        yield Finding("crashkernel-unused", arguments[0].place, "crashkernel= takes memory, and no kdump unit is enabled here")
    if units and not arguments and own is None and not config.elsewhere:
        unit = config.unit(units[0])
        place = unit.place if unit is not None else config.place
        yield Finding("crashkernel-missing", place, f"{units[0]} is enabled, and nothing here names a size")


def _two_places(arguments: list[Value], own: tuple[Setting, Place]) -> Finding:
    """The same thing said twice, or two things."""
    setting, place = own
    if setting.value in [each.text for each in arguments]:
        return Finding("crashkernel-repeats", place, "kernelArguments ask for the same crashkernel=")
    sentence = f"kernelArguments ask for another crashkernel= ({arguments[0].place}), and it decides"
    return Finding("crashkernel-contradicts", place, sentence)


def _removed(config: Manifest, wanted: list[str]) -> Iterator[Finding]:
    """A value that is asked for and taken away."""
    for each in config.absent:
        if each.text.startswith(KEY) and each.text[len(KEY) :] in wanted:
            yield Finding("crashkernel-removed", each.place, "shouldNotExist takes away the crashkernel= that is asked for")


def _several(values: list[Value]) -> Iterator[Finding]:
    """Values of one kind, of which the last counts. A plain one makes the kernel pass over ,high."""
    seen: dict[str, Value] = {}
    for each in values[: limits.MOST_ALIKE]:
        kind = "" if is_plain(each.text) else each.text[each.text.rindex(",") :]
        if kind in seen or (kind == ",high" and "" in seen) or (not kind and ",high" in seen):
            first = seen.get(kind) or seen.get("") or seen[",high"]
            yield Finding("crashkernel-twice", each.place, f"this is a second crashkernel= beside that of {first.place}")
        seen[kind] = each


def _written(value: Value, beside: list[Value]) -> Iterator[Finding]:
    """Is the value one that says the same to every reader?"""
    text = value.text
    if len(text) > limits.LONGEST_LINE:
        yield Finding("crashkernel-malformed", value.place, "the value is longer than any kernel's command line")
    elif text.split() != [text] and text:
        # What follows is another argument, which may be a secret: it is not repeated.
        sentence = "one entry holds more than the value of crashkernel="
        yield Finding("crashkernel-malformed", value.place, sentence, "write every argument as an entry of its own")
    elif text == AUTO:
        yield Finding("crashkernel-auto", value.place, "crashkernel=auto reserves nothing with an upstream kernel")
    else:
        # A size with ,low is right beside one with ,high, and is written by the same rules.
        part = next((part for part in PARTS if text.endswith(part)), "")
        lonely = not part or len(beside) < 2
        checked = text if lonely else text.removesuffix(part) + ",high"
        yield from _refused(checked, value.place)


def _refused(text: str, place: Place) -> Iterator[Finding]:
    """What crashkernel_value.py says of it."""
    try:
        crashkernel_value.check(text, "")
    except Refusal as refusal:
        sentence, _, mend = str(refusal).removeprefix(": ").rpartition("; ")
        yield Finding(_sort(text), place, _shorter(sentence), _shorter(mend))


def _shorter(sentence: str) -> str:
    """A sentence that quotes a value, without an end that is longer than a line."""
    return sentence if len(sentence) <= 240 else f"{sentence[:240]}..."


def _sort(text: str) -> str:
    """Which check a malformed value belongs to."""
    for number in crashkernel_value.numbers(text):
        if number[0] == "0" and number[1:2].isdigit():
            return "crashkernel-octal"
        end = memparse(number, 0)[1]
        if 0 < end < len(number) and number[end:].isalpha():
            return "crashkernel-unit"
    return "crashkernel-malformed"


def _enough(values: list[Value], machine: Assumed, package: Package | None) -> Iterator[Finding]:
    """What values that are well written come to, at the place of the one in force."""
    texts = tuple(each.text for each in values[-limits.MOST_ALIKE :])
    force = in_force(texts)
    if force is None:
        yield Finding("crashkernel-nothing", values[-1].place, "no value here reserves anything by itself")
        return
    place = next(each.place for each in reversed(values) if each.text == force)
    ranges = _ranges(force)
    memories = [machine.memory] if machine.memory else _memories(ranges)
    arches = machine.arches()
    if not any(assumed.reserved(texts, memory, rules) for memory in memories for rules in arches):
        yield Finding("crashkernel-nothing", place, f"crashkernel={shown(force)} reserves nothing on {_whom(machine)}")
        return
    if machine.memory is None:
        yield from _holes(ranges, place)
    least = min((size for _, _, size in ranges), default=memparse(force, 0)[0])
    if least < TINY:
        yield Finding("crashkernel-tiny", place, f"crashkernel={shown(force)} asks for {_size(least)}")
        return
    asked = memories if machine.memory else _asked_of(ranges)
    small = next((each for each in (_small(texts, memory, arches, package) for memory in asked) if each), "")
    if small:
        yield Finding("crashkernel-small", place, f"crashkernel={shown(force)} {small}")
    elif package is Package.KDUMP_TOOLS:
        return  # what is advised beyond the default is advised for Fedora's
    elif min(_large_enough(texts, memory, arches) for memory in asked) < ADVICE and not _is_default(force):
        sentence = f"crashkernel={shown(force)} is less than the {ADVICE // MIB} MiB that are advised"
        yield Finding("crashkernel-advice", place, sentence)


def _ranges(text: str) -> list[tuple[int, int, int]]:
    """Start, end and size of every range; none for a plain size."""
    if ":" not in text:
        return []
    found: list[tuple[int, int, int]] = []
    for piece in text.partition("@")[0].split(",")[:MOST_RANGES]:
        try:
            start, end, size, _ = parse_range(piece, 0)
        except Rejected:
            return found
        found.append((start, end, size))
    return found


def _memories(ranges: list[tuple[int, int, int]]) -> list[Memory]:
    """Machines that tell whether a value ever holds: usual ones, and one in every range."""
    sizes = {*USUAL_MEMORIES, *(min(max(start, 2 * size, GIB), USUAL_MEMORIES[-1]) for start, _, size in ranges)}
    return [assumed.of_size(size) for size in sorted(sizes)]


def _asked_of(ranges: list[tuple[int, int, int]]) -> list[Memory]:
    """Machines of which a value must hold whichever it is for: the smallest of every range, or the smallest of all."""
    starts = [start for start, _, _ in ranges if 2 * GIB <= start <= USUAL_MEMORIES[-1]]
    return [assumed.of_size(start) for start in sorted(set(starts))] or [assumed.of_size(2 * GIB)]


def _holes(ranges: list[tuple[int, int, int]], place: Place) -> Iterator[Finding]:
    """Between ranges, above the last and below the first."""
    if not ranges:
        return
    reached = ranges[0][0]
    for start, end, _ in sorted(ranges):
        if start > reached:
            yield Finding(
                "crashkernel-hole", place, f"a machine with {_size(reached)} to {_size(start)} of memory gets nothing"
            )
        reached = max(reached, end)
    if reached != ULLONG_MAX:
        yield Finding("crashkernel-hole", place, f"a machine with {_size(reached)} of memory or more gets nothing")
    first = min(start for start, _, _ in ranges)
    if first > GIB:
        yield Finding("crashkernel-start", place, f"a machine with less than {_size(first)} of memory gets nothing")


def _small(texts: tuple[str, ...], memory: Memory, arches: tuple[Arch, ...], package: Package | None) -> str:
    """What is too little there on every architecture that has a default; "" where it is enough on one of them."""
    known = [(assumed.reserved(texts, memory, rules), assumed.usual(memory, rules, package)) for rules in arches]
    known = [(ours, usual) for ours, usual in known if usual and ours]
    if not known or any(ours >= usual for ours, usual in known):
        return ""
    ours, usual = min(known, key=lambda pair: pair[1])
    return f"reserves {_size(ours)} on a machine with {_size(memory.total)}, where {_size(usual)} are the default"


def _large_enough(texts: tuple[str, ...], memory: Memory, arches: tuple[Arch, ...]) -> int:
    """The most that is reserved there on any of the architectures; enough where that is nothing."""
    return max(assumed.reserved(texts, memory, rules) for rules in arches) or ADVICE


def _is_default(text: str) -> bool:
    """Is it a default of kdump-utils', or one with larger sizes?"""
    found = (defaults.kdump_utils(name, Hardware()).value for name in defaults.KDUMP_UTILS)
    return any(defaults.is_raised(text, value) for value in found)


def _whom(machine: Assumed) -> str:
    """The machines in question."""
    memory = f"a machine with {_size(machine.memory.total)}" if machine.memory else "any machine"
    return f"{memory}{f' ({machine.arch})' if machine.arch else ''}"


def _size(size: int) -> str:
    """Bytes as a person writes them."""
    for letter, shift in (("T", 40), ("G", 30), ("M", 20), ("K", 10)):
        if size and size % (1 << shift) == 0:
            return f"{size >> shift}{letter}"
    return f"{size >> 20}M" if size >= MIB else f"{size} bytes"
