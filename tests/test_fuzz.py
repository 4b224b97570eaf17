# SPDX-License-Identifier: Apache-2.0
"""A few thousand fuzzed texts; `make fuzz` tries a million."""

from __future__ import annotations

import pytest

from tests import fuzz
from tests.fuzz import Found
from tests.fuzz.targets import TARGETS, Target

COUNT = 6500


def test_a_few_thousand_texts() -> None:
    tried = fuzz.run(COUNT)
    assert sum(tried.values()) == COUNT and len(tried) == len({target.check for target in TARGETS})


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: f"{target.check.__name__}-{target.kind}")
def test_hostile_texts(target: Target) -> None:
    for pump in target.pumps:
        fuzz.attempt(target, target.frame[0] + pump * (4000 // len(pump)) + target.frame[1])


def test_what_is_found_is_told() -> None:
    with pytest.raises(Found, match=r"int\('x'\): ValueError"):
        fuzz.attempt(Target(int, "line", ()), "x")  # type: ignore[arg-type]
