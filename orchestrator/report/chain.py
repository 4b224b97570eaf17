# SPDX-License-Identifier: Apache-2.0
"""The chain from the intent to the dump, and its first broken link.

intent -> provisioning -> entry -> command line -> reserved -> loaded -> capture command line -> target -> proof; the last
vmcore, if any, is shown as well.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.decide.proof import Standing
from orchestrator.decide.room import Room
from orchestrator.errors import Refusal
from orchestrator.facts import dumps, intent, lockdown, machine
from orchestrator.facts.capture_files import CaptureFiles
from orchestrator.report import links, pending, proof_link, rooms, target_link
from orchestrator.report.links import Capture, Link
from orchestrator.report.pending import Pending
from orchestrator.report.target_link import Space
from orchestrator.rules import cmdline
from orchestrator.system.target import Target
from orchestrator.write import outcome

NOT_ARMED = 4  # exit status


@dataclass(frozen=True)
class Chain:
    """All links in order up to and with the first broken one, and what is shown as well.

    `reserved` is what the kernel set aside and `needed` what the capture kernel is estimated to need, in bytes; None where
    there is no number. `files`: what the capture kernel is loaded from. `rooms`: reserved beside needed, for the booted
    deployment and for the one that is booted next, if that is another. `space`: how much is free where the dump goes.
    `proof`: what a crash has proven. `pending`: what is written and not in force yet.
    """

    wanted: bool
    links: tuple[Link, ...]
    vmcore: str | None
    reserved: int | None = None
    needed: int | None = None
    capture: Capture | None = None
    files: CaptureFiles | None = None
    rooms: tuple[Room, ...] = ()
    space: Space | None = None
    proof: Standing | None = None
    pending: Pending | None = None

    @property
    def broken(self) -> Link | None:
        """The first broken link."""
        return next((link for link in self.links if not link.ok), None)

    @property
    def armed(self) -> bool:
        """Does every link hold?"""
        return self.broken is None and bool(self.links)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What may cost a dump some day, a sentence each."""
        if not self.wanted:
            return ()
        return (*self.shortages, *(self.capture.warnings if self.capture else ()))

    @property
    def shortages(self) -> tuple[str, ...]:
        """Of which deployments less is reserved than is needed, and what mends it; a sentence each."""
        return tuple(each.warning for each in self.rooms if each.short)

    @property
    def verdict(self) -> str:
        """The state of the whole chain in one sentence."""
        broken = self.broken
        if not self.wanted:
            return "kdump is not wanted: nothing in the provisioned system asks for it"
        if broken is None:
            loaded = next((link.detail for link in self.links if link.name == "loaded"), "every link holds")
            return f"kdump is armed: {loaded}" + (f"; PENDING: {self.pending.sentence}" if self.pending else "")
        return f"kdump is NOT armed: {broken.name}: {'; '.join(filter(None, (broken.detail, broken.mend)))}"


def read(target: Target) -> Chain:
    """Walk the chain on a system; a link that cannot be read is a broken one."""
    root = target.root
    here = machine.surroundings(root)
    vmcore = dumps.last(root)
    try:
        wish = intent.read(root)
    except Refusal as refusal:
        return Chain(True, (Link("intent", False, str(refusal), "correct that, then run kdump-karg status again"),), vmcore)
    values = cmdline.crashkernel_values(here.cmdline)
    if not wish.wanted and not values:
        return Chain(False, (), vmcore)
    reserved = links.kexec(root, links.CRASH_SIZE)
    loaded = links.kexec(root, links.CRASH_LOADED) == 1
    line = links.read_capture(root, loaded)
    known = None if isinstance(line, Link) else line
    beside = rooms.read(root, wish, here.cmdline, reserved)
    needed = beside[0].needed
    files = links.read_files(root, loaded)
    place = target_link.read(target, line, reserved)
    proof = proof_link.read(root, known, reserved)
    due = pending.read(target, here)
    walk: tuple[Callable[[], Link], ...] = (
        lambda: links.intent_link(wish),
        lambda: links.provisioning_link(outcome.read(root)),
        lambda: links.entry_link(target, here),
        lambda: links.cmdline_link(values, due),
        lambda: links.reserved_link(root, here, reserved, needed),
        lambda: links.loaded_link(loaded, reserved, files, lockdown.level(root)),
        lambda: line if isinstance(line, Link) else links.capture_link(line),
        lambda: target_link.link(place, line),
        lambda: proof_link.link(proof),
    )
    space = target_link.space(place)
    return Chain(True, _walked(walk), vmcore, reserved, needed, known, files, beside, space, proof, due)


def _walked(walk: tuple[Callable[[], Link], ...]) -> tuple[Link, ...]:
    """The links up to and with the first broken one."""
    found: list[Link] = []
    for link in walk:
        found.append(link())
        if not found[-1].ok:
            break
    return tuple(found)


def exit_status(chain: Chain) -> int:
    """0 armed or not wanted, NOT_ARMED wanted and not armed."""
    return 0 if chain.armed or not chain.wanted else NOT_ARMED
