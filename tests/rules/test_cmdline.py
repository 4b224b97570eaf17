# SPDX-License-Identifier: Apache-2.0
"""cmdline.py: words, keys and the kernel's own way to find crashkernel=."""

from __future__ import annotations

import pytest

from orchestrator.rules import cmdline

LINES = [
    ("", []),
    (" \t ", []),
    ("a", ["a"]),
    ("  a  b\tc ", ["a", "b", "c"]),
    ('a="b c" d', ['a="b c"', "d"]),
    ('"a=b c" d', ['"a=b c"', "d"]),
    ('a=b"c d"e f', ['a=b"c d"e', "f"]),
    ('a "never ends b', ["a", '"never ends b']),
    ('a=\\"b c', ['a=\\"b c']),
    ("$var ${x} 'a b'", ["$var", "${x}", "'a", "b'"]),
]


@pytest.mark.parametrize(("line", "texts"), LINES, ids=[repr(line) for line, _ in LINES])
def test_words(line: str, texts: list[str]) -> None:
    found = cmdline.words(line)
    assert [word.text for word in found] == texts
    assert [line[word.start : word.end] for word in found] == texts


VALUES = [
    ("", "a", None),
    ("a", "a", ""),
    ("a=", "a", ""),
    ("a=1", "a", "1"),
    ("a=1 a=2", "a", "2"),
    ("a=1 a", "a", ""),
    ("ab=1", "a", None),
    ("b.a=1", "a", None),
    ("a=b=c", "a", "b=c"),
    ('x="a=1 y"', "a", None),
]


@pytest.mark.parametrize(("line", "key", "expected"), VALUES, ids=[f"{line!r}" for line, _, _ in VALUES])
def test_value(line: str, key: str, expected: str | None) -> None:
    assert cmdline.value(line, key) == expected


OSTREE = [
    ("ro ostree=/ostree/boot.1/x/y/0 rw", "/ostree/boot.1/x/y/0"),
    ("ostree=/first ostree=/second", "/first"),
    ('x="a ostree=/quoted"', '/quoted"'),
    ("noostree=/x", None),
    ("", None),
    ("ostree=/x\n", "/x"),
]


@pytest.mark.parametrize(("line", "expected"), OSTREE, ids=[repr(line) for line, _ in OSTREE])
def test_ostree_target(line: str, expected: str | None) -> None:
    assert cmdline.ostree_target(line) == expected


CRASHKERNEL = [
    ("", ()),
    ("crashkernel", ()),
    ("crash_kernel=1M", ()),
    ("crashkernel=", ("",)),
    ("crashkernel=1M", ("1M",)),
    ("crashkernel=1M crashkernel=2M,high", ("1M", "2M,high")),
    ("nocrashkernel=1M", ("1M",)),
    ("rd.x.crashkernel=1M", ("1M",)),
    ('"crashkernel=1M" x', ('1M"',)),
    ('a="b crashkernel=1M c"', ("1M",)),
    ("-- crashkernel=1M", ("1M",)),
    ("crashkernel=1M\tx", ("1M\tx",)),
    ("crashkernel=crashkernel=1M", ("1M",)),
    ("crashkernel=1Mcrashkernel=2M crashkernel=3M", ("2M", "3M")),
]


@pytest.mark.parametrize(("line", "values"), CRASHKERNEL, ids=[repr(line) for line, _ in CRASHKERNEL])
def test_crashkernel_values(line: str, values: tuple[str, ...]) -> None:
    assert cmdline.crashkernel_values(line) == values


IN_FORCE = [
    ((), None),
    (("1M",), "1M"),
    (("1M", "2M"), "2M"),
    (("1M,high", "2M,low"), "1M,high"),
    (("2M,low", "1M,high", "3M,high"), "3M,high"),
    (("4M", "1M,high", "2M,low"), "4M"),
    (("1M,low",), None),
    (("1M,cma",), None),
]


@pytest.mark.parametrize(("values", "expected"), IN_FORCE, ids=[" ".join(values) or "none" for values, _ in IN_FORCE])
def test_in_force(values: tuple[str, ...], expected: str | None) -> None:
    assert cmdline.in_force(values) == expected
