# SPDX-License-Identifier: Apache-2.0
"""Waits for units that systemd is still stopping, because some of them write when they are stopped.

Units that are ordered before initrd-switch-root.target have ended when kdump-karg-write.service starts. A unit that nobody
ordered against the pivot (none of Fedora CoreOS', but an image builder's own) may still be running.
"""

from __future__ import annotations

import time

from orchestrator import log
from orchestrator.errors import Failure
from orchestrator.system import process

WAIT_SECONDS = 120.0  # more than DefaultTimeoutStopSec=, after which systemd ends a stop itself (systemd-system.conf(5))
POLL_SECONDS = 0.2


def stopping(listed: str) -> tuple[str, ...]:
    """The units with a stop job in what `systemctl list-jobs --no-legend` prints: number, unit, type and state in a line."""
    jobs = [line.split() for line in listed.splitlines()]
    return tuple(job[1] for job in jobs if len(job) >= 4 and job[2] == "stop")


def wait_for_stops() -> None:
    """Return when no unit is being stopped any more.

    After WAIT_SECONDS, or where systemd does not answer, log that and return: the pivot would not have waited at all.
    """
    end = time.monotonic() + WAIT_SECONDS
    while left := _still_stopping():
        if time.monotonic() > end:
            names = " ".join(left)
            log.say(log.WARNING, f"{names} did not stop within {WAIT_SECONDS:.0f} s; what it had to write may be missing")
            return
        log.debug(f"still stopping: {' '.join(left)}")
        time.sleep(POLL_SECONDS)


def _still_stopping() -> tuple[str, ...]:
    """The units with a stop job now; none where systemd does not answer."""
    try:
        return stopping(process.run("systemctl", "list-jobs", "--no-legend", "--no-pager", "--full"))
    except Failure as failure:
        log.say(log.WARNING, f"{failure}; units that are still being stopped are not waited for")
        return ()
