# SPDX-License-Identifier: Apache-2.0
"""What each test cost. Every run of pytest appends to a directory; this prints them together, the most expensive first.

    PYTHONPATH=vm-tests python3 -m host.costs
"""

from __future__ import annotations

import json
import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

#: Every run of pytest has a file of its own in it.
NOTES = Path(__file__).resolve().parents[2] / "build" / "costs"

#: Seconds of a processor that are not worth a line of their own.
LITTLE = 0.5


@dataclass(frozen=True)
class Cost:
    """Seconds of a clock, and of processors: its own process and all that have ended below it."""

    test: str
    wall: float
    cpu: float


def _cpu() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Any:
    """Note what a test cost, with the fixtures that it set up or was the last to need. The conftest.py of the checkout imports this hook."""
    with noted(item.nodeid, NOTES):
        return (yield)


@contextmanager
def noted(test: str, directory: Path) -> Iterator[None]:
    """Measure the block, and add a line to this process's file."""
    wall, cpu = time.monotonic(), _cpu()
    try:
        yield
    finally:
        cost = Cost(test, time.monotonic() - wall, _cpu() - cpu)
        directory.mkdir(parents=True, exist_ok=True)
        with (directory / f"{os.getpid()}.jsonl").open("a") as file:
            file.write(f"{json.dumps(asdict(cost))}\n")


def read(directory: Path) -> list[Cost]:
    """All that was noted, the most expensive first."""
    lines = [line for path in directory.glob("*.jsonl") for line in path.read_text().splitlines()]
    return sorted((Cost(**json.loads(line)) for line in lines), key=lambda cost: -cost.cpu)


def table(costs: list[Cost]) -> str:
    """One line per test that costs more than a little, one for the rest, and the sum of all."""
    dear = [cost for cost in costs if cost.cpu >= LITTLE]
    rest = costs[len(dear) :]
    shown = (*dear, _sum(f"{len(rest)} tests of less than {LITTLE} CPU s", rest), _sum("together", costs))
    return "\n".join(["  wall s    CPU s  test", *(f"{cost.wall:8.1f} {cost.cpu:8.1f}  {cost.test}" for cost in shown)])


def _sum(name: str, costs: list[Cost]) -> Cost:
    return Cost(name, sum(cost.wall for cost in costs), sum(cost.cpu for cost in costs))


if __name__ == "__main__":
    print(table(read(NOTES)))
