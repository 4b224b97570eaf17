# SPDX-License-Identifier: Apache-2.0
"""The chain from the wish to the dump, and its first broken link.

intent -> provisioning -> entry -> command line -> reserved -> loaded; the last vmcore, if any, is told beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from orchestrator import bootfs, bootstate, capture, cmdline, decision, intent, machine, outcome, tree, unit
from orchestrator.decision import Kind
from orchestrator.errors import KdumpKargError, Refusal
from orchestrator.intent import Intent
from orchestrator.machine import Surroundings
from orchestrator.run import Target

CRASH_SIZE = "sys/kernel/kexec_crash_size"
CRASH_LOADED = "sys/kernel/kexec_crash_loaded"
CRASH_DIR = "var/crash"
DUMP_PREFIXES = ("vmcore.", "dump.")


@dataclass(frozen=True)
class Link:
    """One link of the chain; `detail` says what was found, and for a broken one how to mend it."""

    name: str
    ok: bool
    detail: str


@dataclass(frozen=True)
class Chain:
    """All links in order up to and with the first broken one, and the path of the last dump."""

    wanted: bool
    links: tuple[Link, ...]
    vmcore: str | None
    needed_bytes: int | None = None  # what the capture kernel is expected to need; None where that cannot be told

    @property
    def broken(self) -> Link | None:
        """The first broken link."""
        return next((link for link in self.links if not link.ok), None)

    @property
    def armed(self) -> bool:
        """Is the capture kernel loaded?"""
        return self.broken is None and bool(self.links)

    @property
    def verdict(self) -> str:
        """The whole in one sentence."""
        broken = self.broken
        if not self.links:
            return "kdump is not wanted: nothing in the provisioned system asks for it"
        if broken is None:
            return f"kdump is armed: {self.links[-1].detail}"
        return f"kdump is NOT armed: {broken.name}: {broken.detail}"


def read(target: Target) -> Chain:
    """Walk the chain on a system; a link that cannot be read is a broken one."""
    root = target.root
    here = machine.surroundings(root)
    try:
        wish = intent.read(root)
    except Refusal as refusal:
        return Chain(True, (Link("intent", False, str(refusal)),), last_vmcore(root))
    values = cmdline.crashkernel_values(here.cmdline)
    if not wish.wanted and not values:
        return Chain(False, (), last_vmcore(root))
    walk: tuple[Callable[[], Link], ...] = (
        lambda: intent_link(wish),
        lambda: provisioning_link(outcome.read(root)),
        lambda: entry_link(target, here),
        lambda: cmdline_link(values),
        lambda: reserved_link(root, here),
        lambda: loaded_link(root),
    )
    links: list[Link] = []
    for link in walk:
        links.append(link())
        if not links[-1].ok:
            break
    return Chain(wish.wanted, tuple(links), last_vmcore(root), capture.estimate(root))


def intent_link(wish: Intent) -> Link:
    """Who asks."""
    if not wish.wanted:
        return Link("intent", True, "nothing asks, but the command line has crashkernel=")
    return Link("intent", True, f"{wish.source}: crashkernel={' '.join(wish.values)}")


def provisioning_link(found: outcome.Outcome | None) -> Link:
    """What this boot's run of `apply` came to, where there was one."""
    if found is None:
        return Link("provisioning", True, "nothing was done in this boot")
    ok = found.kind in (Kind.SKIP.value, Kind.ACTIVE.value, Kind.CHANGE.value)
    return Link("provisioning", ok, found.reason)


def entry_link(target: Target, here: Surroundings) -> Link:
    """Does the entry of the booted deployment have it? A machine that runs with it needs no readable /boot."""
    try:
        with bootfs.reach(target.root, live=target.live, initramfs=here.initramfs, write=False) as boot:
            state = bootstate.read(boot, here.cmdline)
    except KdumpKargError as error:
        active = bool(cmdline.crashkernel_values(here.cmdline))
        return Link("entry", active, f"not looked at ({error})" if active else str(error))
    values = cmdline.crashkernel_values(state.options.text)
    if not values:
        return Link("entry", False, f"/boot/{state.path} has no crashkernel=; run kdump-karg plan to see why")
    return Link("entry", True, f"/boot/{state.path} has crashkernel={cmdline.in_force(values)}")


def cmdline_link(values: tuple[str, ...]) -> Link:
    """Did the running kernel get it?"""
    if not values:
        return Link("command line", False, "/proc/cmdline has no crashkernel=; reboot once, or check the boot loader")
    return Link("command line", True, f"/proc/cmdline has crashkernel={cmdline.in_force(values)}")


def reserved_link(root: str, here: Surroundings) -> Link:
    """Did the running kernel set memory aside? It says so in bytes (kernel Documentation/ABI/testing/sysfs-kernel-...)."""
    text = (tree.read_text(root, CRASH_SIZE) or "").strip()
    if text.isdecimal() and int(text) > 0:
        return Link("reserved", True, f"{int(text)} bytes ({int(text) >> 20} MiB) are reserved{_beside(root, int(text))}")
    reason = "the kernel reserved nothing" if text == "0" else f"/{CRASH_SIZE} cannot be read"
    return Link("reserved", False, f"{reason}; {_prediction(root, here)}")


def _beside(root: str, reserved: int) -> str:
    """What is needed, beside what is reserved; nothing where that cannot be told."""
    needed = capture.estimate(root)
    if needed is None:
        return ""
    short = reserved < needed
    return f", {-(-needed >> 20)} MiB are needed" + (": a dump may fail, give a larger crashkernel=" if short else "")


def _prediction(root: str, here: Surroundings) -> str:
    """Why the kernel reserved nothing, as far as its rules tell."""
    from orchestrator import crashkernel

    try:
        found = machine.read(root)
    except Refusal as refusal:
        return str(refusal)
    problem = crashkernel.evaluate(here.cmdline, found.memory, found.arch).problem
    return f'its rules say "{problem}": give a size that fits' if problem else "look for crashkernel in the kernel's log"


def loaded_link(root: str) -> Link:
    """Is the capture kernel in place?"""
    if (tree.read_text(root, CRASH_LOADED) or "").strip() == "1":
        size = (tree.read_text(root, CRASH_SIZE) or "0").strip()
        return Link("loaded", True, f"the capture kernel is loaded into {int(size) >> 20} MiB of reserved memory")
    names = " or ".join(unit.KDUMP_UNITS)
    return Link("loaded", False, f"no capture kernel is loaded; look at the log of {names}, and enable it if it did not run")


def last_vmcore(root: str) -> str | None:
    """The newest dump below /var/crash, None where there is none or we may not look.

    kdump-utils names it vmcore or vmcore.flat, kdump-tools dump.<time>.
    """
    try:
        return max(_dumps(root), default=None)
    except Refusal:
        return None


def _dumps(root: str) -> list[str]:
    """Every complete dump."""
    return [
        f"/{CRASH_DIR}/{directory}/{name}"
        for directory in tree.names(root, CRASH_DIR)
        for name in tree.names(root, f"{CRASH_DIR}/{directory}")
        if f"{name}.".startswith(DUMP_PREFIXES) and "incomplete" not in name
    ]


def exit_status(chain: Chain) -> int:
    """0 armed or not wanted, 1 wanted and not armed."""
    return 0 if chain.armed or not chain.links else 1
