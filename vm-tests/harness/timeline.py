# SPDX-License-Identifier: Apache-2.0
"""When things happened, in seconds since power-on. For people: no test passes because of it."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

#: What the serial console says, and what to call it. The first match of a line counts.
MILESTONES = (
    (re.compile(r"\] Linux version (\S+)"), "kernel {0} starts"),
    (re.compile(r"\] Command line: .*elfcorehdr="), "this is the capture kernel"),
    # aarch64's is told of the dead kernel's memory by the device tree.
    (re.compile(r"\] Kernel command line: (?!.*elfcorehdr=).*kdump-tools-dump"), "this is the capture kernel"),
    (re.compile(r"Finished.*Ignition \((\w[\w-]*)\)"), "Ignition {0} done"),
    (re.compile(r"(Finished|Failed to start).*(kdump-karg[\w.-]*\.service)"), "{1}: {0}"),
    (re.compile(r"(Starting|Finished|Failed to start).*(kdump-tools[\w-]*\.service)"), "{1}: {0}"),
    (re.compile(r"(sysrq: Trigger a crash)"), "{0}"),
    (re.compile(r"(Kernel panic - not syncing.*)"), "{0}"),
    (re.compile(r"Starting.*initrd-switch-root.service"), "switch-root"),
    (re.compile(r"Reached target.*(multi-user.target)"), "{0}"),
    (re.compile(r"saved vmcore in ([\w/]+)"), "dump saved in {0}"),
    (re.compile(r"(Entering emergency mode|You are in emergency mode)"), "{0}"),
)


@dataclass(frozen=True)
class Event:
    """One line of a timeline."""

    seconds: float
    text: str

    def __str__(self) -> str:
        return f"{self.seconds:7.1f} s  {self.text}"


class Timeline:
    """A list of events that grows."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self.events: list[Event] = []

    def add(self, text: str) -> None:
        """Something happens now."""
        self.events.append(Event(time.monotonic() - self._start, text))

    def add_console_line(self, line: str) -> None:
        """Add what a line of the serial console stands for, if it is a milestone."""
        for pattern, label in MILESTONES:
            match = pattern.search(line)
            if match:
                self.add(label.format(*match.groups()))
                return

    def __str__(self) -> str:
        return "\n".join(str(event) for event in self.events)
