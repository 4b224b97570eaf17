# SPDX-License-Identifier: Apache-2.0
"""What byte code is made without."""

from __future__ import annotations

import marshal
from typing import Any

from orchestrator.freeze.bundle import PYC_HEADER
from orchestrator.freeze.compiler import HEADER, compiled

SOURCE = b'''
"""Of the module."""
class Point:
    """Of the class."""
    x: int = 1
def outer(a: int, /, b: int = 2, *rest: int, c: int = 3, **more: int) -> int:
    """Of the function."""
    assert a, "never"
    def inner(d: int) -> int:
        return d
    return inner(a) + b + c + len(rest) + len(more), inner.__annotations__
'''


def run() -> dict[str, Any]:
    """The names of the module when its byte code has run."""
    names: dict[str, Any] = {"__name__": "sample"}
    exec(marshal.loads(compiled(SOURCE, "sample.py")[PYC_HEADER:]), names)
    return names


def test_functions_lose_annotations_docstrings_and_asserts_and_work() -> None:
    outer = run()["outer"]
    assert (outer.__annotations__, outer.__doc__) == ({}, None)
    assert outer(0, 1, 5, 6, e=7) == (0 + 1 + 3 + 2 + 1, {})


def test_the_fields_of_a_class_stay() -> None:
    names = run()
    assert names["Point"].__annotations__ == {"x": int}
    assert (names["Point"].x, names["Point"].__doc__, names.get("__doc__")) == (1, None, None)


def test_the_header_says_that_no_source_is_looked_for() -> None:
    """PEP 552: flags of a hash that is not checked."""
    assert len(HEADER) == PYC_HEADER and HEADER[4:8] == (1).to_bytes(4, "little")
    assert compiled(SOURCE, "sample.py").startswith(HEADER)
