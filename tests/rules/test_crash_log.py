# SPDX-License-Identifier: Apache-2.0
"""crash_log.py: does a log end in the panic of a test?"""

from __future__ import annotations

import pytest

from orchestrator.rules import crash_log
from tests import dumps

LOGS: list[tuple[str, str, str]] = [
    ("as it should be", dumps.log("a1"), ""),
    ("another test's", dumps.log("b2"), "does not have the line of this test"),
    ("a test whose ID begins alike", dumps.log("a12"), "does not have the line of this test"),
    ("empty", "", "does not have the line of this test"),
    ("no panic", dumps.log("a1").partition("Kernel panic")[0], "has the line of this test and no panic behind it"),
    ("a panic before", dumps.log("b2") + crash_log.line("a1"), "has the line of this test and no panic behind it"),
    ("another panic", dumps.log("a1", panic="Fatal exception"), "ends in another panic: Fatal exception"),
    ("after a test that failed", dumps.log("b2") + dumps.log("a1"), ""),
]


@pytest.mark.parametrize(("log", "problem"), [row[1:] for row in LOGS], ids=[row[0] for row in LOGS])
def test_the_end_of_a_log(log: str, problem: str) -> None:
    assert crash_log.problem(log, "a1") == problem
