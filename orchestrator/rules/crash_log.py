# SPDX-License-Identifier: Apache-2.0
"""What the kernel's log says of a panic on purpose. Pure.

Sources: linux drivers/tty/sysrq.c sysrq_handle_crash(), kernel/panic.c vpanic(), kernel/printk/printk.c devkmsg_write().
"""

from __future__ import annotations

PANIC = "Kernel panic - not syncing: "
BY_SYSRQ = "sysrq triggered crash"


def line(test: str) -> str:
    """The line that announces the test of this id in the log."""
    return f"kdump-karg: test {test}: this panic is on purpose"


def problem(log: str, test: str) -> str:
    """Why the log does not end in the panic of this test, in half a sentence about the log; "" where it does."""
    _, found, rest = log.rpartition(line(test))
    if not found:
        return "does not have the line of this test"
    _, panicked, reason = rest.partition(PANIC)
    if not panicked:
        return "has the line of this test and no panic behind it"
    words = reason.partition("\n")[0].strip()
    return "" if words == BY_SYSRQ else f"ends in another panic: {words[:80]}"
