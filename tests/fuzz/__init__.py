# SPDX-License-Identifier: Apache-2.0
"""Fuzzing with the standard library: `python3 -m tests.fuzz [COUNT [SEED]]`, `make fuzz` for a million inputs.

Every parser gets text made of its own words and of noise. It may raise its own error and no other, what it returns must be
true of the text, and an edit with its undo must give back the same bytes. Then every parser is timed on hostile texts of one
size and of twice that size: linear time doubles.
"""

from __future__ import annotations

import time
from collections import Counter
from random import Random

from tests.fuzz.targets import TARGETS, Target
from tests.fuzz.texts import text

SEED = 20261124


class Found(AssertionError):
    """A text that a parser does not stand."""


def attempt(target: Target, sample: str) -> None:
    """One text; Found with the text and the error where it fails."""
    try:
        target.check(sample)
    except Exception as error:
        raise Found(f"{target.check.__name__}({sample!r}): {type(error).__name__}: {error}") from error


def run(count: int, seed: int = SEED) -> Counter[str]:
    """That many texts; how many each check got."""
    random = Random(seed)
    tried: Counter[str] = Counter()
    for number in range(count):
        target = TARGETS[number % len(TARGETS)]
        attempt(target, text(random, target.kind))
        tried[target.check.__name__] += 1
    return tried


SIZE = 200_000  # characters
FLOOR = 0.05  # seconds: what is faster than this on the larger text is fast enough, whatever the clock says
RATIO = 3.2  # linear time gives 2, quadratic time 4
TRIES = 4


def seconds(target: Target, pump: str, size: int) -> float:
    """The time that a text of the size takes."""
    sample = target.frame[0] + pump * (size // len(pump)) + target.frame[1]
    started = time.process_time()
    attempt(target, sample)
    return time.process_time() - started


def slow() -> list[str]:
    """The checks that take more than linear time, with the piece that does it."""
    found = []
    for target in TARGETS:
        for pump in target.pumps:
            for _ in range(TRIES):
                half, whole = seconds(target, pump, SIZE // 2), seconds(target, pump, SIZE)
                if whole < max(FLOOR, RATIO * half):
                    break
            else:
                found.append(f"{target.check.__name__} on {pump!r}: {half:.3f} s, then {whole:.3f} s for twice the text")
    return found
