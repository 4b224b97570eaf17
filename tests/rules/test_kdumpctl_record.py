# SPDX-License-Identifier: Apache-2.0
"""kdumpctl_record.py: the record of kdumpctl's own test."""

from __future__ import annotations

import pytest

from orchestrator.rules import kdumpctl_record
from orchestrator.rules.kdumpctl_record import Record

RECORDS: list[tuple[str, str, Record | None]] = [
    ("success", "success kdump_test_id=1732838400-123456789\n", Record("success", "1732838400-123456789", 1732838400)),
    ("pending", "pending kdump_test_id=1-2\n", Record("pending", "1-2", 1)),
    ("fail", "fail kdump_test_id=1-2", Record("fail", "1-2", 1)),
    ("manual", "manual kdump_test_id=1-2", Record("manual", "1-2", 1)),
    ("empty", "", None),
    ("torn", "succ", None),
    ("no ID", "success\n", None),
    ("another word", "done kdump_test_id=1-2\n", None),
    ("no time", "success kdump_test_id=x-1\n", None),
    ("no number", "success kdump_test_id=\u0661-1\n", None),
    ("thousands of digits", f"success kdump_test_id={'9' * 5000}\n", None),
]


@pytest.mark.parametrize(("text", "expected"), [row[1:] for row in RECORDS], ids=[row[0] for row in RECORDS])
def test_a_record(text: str, expected: Record | None) -> None:
    assert kdumpctl_record.parse(text) == expected
