# SPDX-License-Identifier: Apache-2.0
"""The fixtures of the fast tests."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sample import Sample, build

Make = Callable[..., Sample]
IN_MEMORY = "/dev/shm"


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Path]:
    """A directory that waits for no disk, where there is one: the tests of `apply` call fsync some thousand times."""
    if not os.access(IN_MEMORY, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="kdump-karg-test-", dir=IN_MEMORY) as directory:
        yield Path(directory)


@pytest.fixture
def make(scratch: Path) -> Make:
    """Build a sample tree; the keywords are those of tests.sample.build. Each call makes another tree."""
    count = iter(range(1000))

    def _make(**overrides: Any) -> Sample:
        return build(scratch / f"tree{next(count)}", **overrides)

    return _make
