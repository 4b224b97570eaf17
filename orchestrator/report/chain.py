# SPDX-License-Identifier: Apache-2.0
"""The chain from the intent to the dump, and its first broken link.

intent -> provisioning -> entry -> command line -> reserved -> loaded -> capture command line -> target -> proof; the last vmcore, if
any, is shown as well.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.decide import sizing
from orchestrator.decide.proof import Standing
from orchestrator.errors import Refusal
from orchestrator.facts import capture_kernel, dumps, intent, machine
from orchestrator.report import links, pending, proof_link, target_link
from orchestrator.report.links import Capture, Link
from orchestrator.report.pending import Pending
from orchestrator.report.target_link import Room
from orchestrator.rules import cmdline
from orchestrator.system import tree
from orchestrator.system.target import Target
from orchestrator.write import outcome

NOT_ARMED = 4  # exit status


@dataclass(frozen=True)
class Chain:
    """All links in order up to and with the first broken one, and what is shown as well.

    `reserved` is what the kernel set aside and `needed` what the capture kernel is estimated to need, in bytes; None where
    there is no number. `room`: how much is free where the dump goes; `proof`: what a crash has proven.
    """

    wanted: bool
    links: tuple[Link, ...]
    vmcore: str | None
    reserved: int | None = None
    needed: int | None = None
    capture: Capture | None = None
    room: Room | None = None
    proof: Standing | None = None
    pending: Pending | None = None  # what is written and not in force yet

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
        return (*self._shortage, *(self.capture.warnings if self.capture else ()))

    @property
    def _shortage(self) -> tuple[str, ...]:
        """Less is reserved than is needed."""
        if not self.reserved or self.needed is None or self.reserved >= self.needed:
            return ()
        return (
            f"about {-(-self.needed >> 20)} MiB are needed and {self.reserved >> 20} MiB are reserved, "
            "so that a dump may fail: give a larger crashkernel=",
        )

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
    place = target_link.read(target, line, reserved)
    known = None if isinstance(line, Link) else line
    proof = proof_link.read(root, known, reserved)
    needed = _needed(root)
    due = pending.read(target, here)
    walk: tuple[Callable[[], Link], ...] = (
        lambda: links.intent_link(wish),
        lambda: links.provisioning_link(outcome.read(root)),
        lambda: links.entry_link(target, here),
        lambda: links.cmdline_link(values, due),
        lambda: links.reserved_link(root, here, reserved, needed),
        lambda: links.loaded_link(loaded, reserved),
        lambda: line if isinstance(line, Link) else links.capture_link(line),
        lambda: target_link.link(place, line),
        lambda: proof_link.link(proof),
    )
    found: list[Link] = []
    for link in walk:
        found.append(link())
        if not found[-1].ok:
            break
    return Chain(True, tuple(found), vmcore, reserved, needed, known, target_link.room(place), proof, due)


def _needed(root: str) -> int | None:
    """What the capture kernel is estimated to need, in bytes; None where that is not known."""
    try:
        line = machine.surroundings(root).cmdline
        found = capture_kernel.read(root, tree.resolve(root, "boot"), line)
        return sizing.needed(found, machine.architecture(root)) if found else None
    except Refusal:
        return None


def exit_status(chain: Chain) -> int:
    """0 armed or not wanted, NOT_ARMED wanted and not armed."""
    return 0 if chain.armed or not chain.wanted else NOT_ARMED
