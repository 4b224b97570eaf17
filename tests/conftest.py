# SPDX-License-Identifier: Apache-2.0
"""The fixtures of the fast tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.sample import Sample, build

Make = Callable[..., Sample]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Build a sample tree; the keywords are those of tests.sample.build. Each call makes another tree."""
    count = iter(range(1000))

    def _make(**overrides: Any) -> Sample:
        return build(tmp_path / f"tree{next(count)}", **overrides)

    return _make
