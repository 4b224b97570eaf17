# SPDX-License-Identifier: Apache-2.0
"""What each test cost. Every run of pytest appends to a directory; this prints them together, the most expensive first.

    PYTHONPATH=vm-tests python3 -m host.costs DIRECTORY
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

#: Seconds of a processor that are not worth a line.
NOTHING = 0.1


@dataclass(frozen=True)
class Cost:
    """Seconds of a clock, and of processors: its own process and all that have ended below it."""

    test: str
    wall: float
    cpu: float


def _cpu() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


@contextmanager
def noted(test: str, directory: Path) -> Iterator[None]:
    """Measure the block, and add a line to this process's file."""
    wall, cpu = time.monotonic(), _cpu()
    yield
    cost = Cost(test, time.monotonic() - wall, _cpu() - cpu)
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / f"{os.getpid()}.jsonl").open("a") as file:
        file.write(f"{json.dumps(asdict(cost))}\n")


def read(directory: Path) -> list[Cost]:
    """All that was noted, the most expensive first."""
    lines = [line for path in directory.glob("*.jsonl") for line in path.read_text().splitlines()]
    return sorted((Cost(**json.loads(line)) for line in lines), key=lambda cost: -cost.cpu)


def table(costs: list[Cost]) -> str:
    """One line per test that needs a processor at all, and the sum of all."""
    together = Cost("together", sum(cost.wall for cost in costs), sum(cost.cpu for cost in costs))
    shown = (*(cost for cost in costs if cost.cpu >= NOTHING), together)
    return "\n".join(["  wall s    CPU s  test", *(f"{cost.wall:8.1f} {cost.cpu:8.1f}  {cost.test}" for cost in shown)])


if __name__ == "__main__":
    print(table(read(Path(sys.argv[1]))))
