# SPDX-License-Identifier: Apache-2.0
"""The record of `kdumpctl test`: one line, `STATUS kdump_test_id=SECONDS-NANOSECONDS`. Pure.

Source: kdump-utils (March 2026) kdumpctl set_vmcore_creation_status(), check_vmcore_creation_status(); its dumps go to
PATH/kdump-test-ID/HOST-TIME (dracut/99kdumpbase/kdump.sh kdump_test_init()).
"""

from __future__ import annotations

from dataclasses import dataclass

KEY = "kdump_test_id="
SUCCESS, FAIL, PENDING, MANUAL = "success", "fail", "pending", "manual"
STATUSES = (SUCCESS, FAIL, PENDING, MANUAL)


@dataclass(frozen=True)
class Record:
    """`status`: one of STATUSES; `time`: when the test was begun, in seconds since 1970."""

    status: str
    id: str
    time: int


def parse(text: str) -> Record | None:
    """The record; None where the text is none."""
    status, _, rest = text.strip().partition(" ")
    name = rest.strip()
    if status not in STATUSES or not name.startswith(KEY):
        return None
    number = name.removeprefix(KEY)
    seconds = number.partition("-")[0]
    if not seconds.isascii() or not seconds.isdecimal() or len(seconds) > 12:
        return None
    return Record(status, number, int(seconds))
