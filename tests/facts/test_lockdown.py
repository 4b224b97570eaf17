# SPDX-License-Identifier: Apache-2.0
"""lockdown.py: how far the kernel is locked down."""

from __future__ import annotations

import pytest

from orchestrator.facts import lockdown
from tests.conftest import Make

TABLE = [
    ("[none] integrity confidentiality\n", ""),
    ("none [integrity] confidentiality\n", "integrity"),
    ("none integrity [confidentiality]\n", "confidentiality"),
    ("nonsense\n", ""),
    ("", ""),
    (None, ""),
]


@pytest.mark.parametrize(("text", "expected"), TABLE)
def test_level(make: Make, text: str | None, expected: str) -> None:
    extra: dict[str, str | bytes] = {} if text is None else {lockdown.PATH: text}
    assert lockdown.level(str(make(extra=extra).root)) == expected
