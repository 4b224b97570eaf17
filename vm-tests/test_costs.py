# SPDX-License-Identifier: Apache-2.0
"""The table of what each test cost, where no machine is needed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from host import costs


def test_what_was_noted_is_read_dearest_first(tmp_path: Path) -> None:
    """The processor's seconds of a program that the test ran count as the test's."""
    with costs.noted("nothing", tmp_path / "notes"):
        pass
    with costs.noted("a program", tmp_path / "notes"):
        subprocess.run([sys.executable, "-c", "sum(range(3_000_000))"], check=True)
    first, second = costs.read(tmp_path / "notes")
    assert (first.test, second.test) == ("a program", "nothing")
    assert 0 <= second.cpu < first.cpu <= first.wall * 1.5 + 0.5


def test_a_test_that_fails_is_noted_too(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="why"), costs.noted("fails", tmp_path):
        raise ValueError("why")
    assert [cost.test for cost in costs.read(tmp_path)] == ["fails"]


def test_the_table_has_every_second(tmp_path: Path) -> None:
    """What costs little is one line; the sum is of all."""
    table = costs.table([costs.Cost("dear", 9.0, 4.0), costs.Cost("cheap", 0.2, 0.1), costs.Cost("cheap too", 0.3, 0.2)])
    rows = [tuple(line.split(None, 2)) for line in table.splitlines()[1:]]
    assert rows == [("9.0", "4.0", "dear"), ("0.5", "0.3", "2 tests of less than 0.5 CPU s"), ("9.5", "4.3", "together")]
