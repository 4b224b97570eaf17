# SPDX-License-Identifier: Apache-2.0
"""kargs.py of the rules: the helper's contract, and the edit."""

from __future__ import annotations

import pytest

from orchestrator.errors import Refusal, UsageError
from orchestrator.rules import kargs
from orchestrator.rules.kargs import EXIST, NOT_EXIST, Asked

PARSED = [
    ("nothing", [], Asked()),
    ("as Ignition calls it", [EXIST, "a", EXIST, "b=1", NOT_EXIST, "c"], Asked(("a", "b=1"), ("c",))),
    ("an argument that looks like a flag", [EXIST, "--should-exist"], Asked(("--should-exist",))),
    ("an empty one", [NOT_EXIST, ""], Asked((), ("",))),
    ("twice", [EXIST, "a", EXIST, "a", NOT_EXIST, "c", NOT_EXIST, "c"], Asked(("a",), ("c",))),
    ("both: what exists is appended last", [EXIST, "a", NOT_EXIST, "a"], Asked(("a",))),
]


@pytest.mark.parametrize(("argv", "expected"), [row[1:] for row in PARSED], ids=[row[0] for row in PARSED])
def test_the_command_line(argv: list[str], expected: Asked) -> None:
    assert kargs.parse(argv) == expected


@pytest.mark.parametrize("argv", [["a"], [EXIST], [EXIST, "a", NOT_EXIST], ["--append", "a"], [EXIST, "a", "b"]])
def test_another_command_line_is_refused(argv: list[str]) -> None:
    with pytest.raises(UsageError, match="kdump-karg --help"):
        kargs.parse(argv)


EDITED = [
    ("appended", "a b", Asked(("c",)), "a b c"),
    ("in order", "a", Asked(("c", "b")), "a c b"),
    ("there already", "a b", Asked(("b",)), "a b"),
    ("another value is another argument", "a=1", Asked(("a=2",)), "a=1 a=2"),
    ("the beginning of a word is no word", "quiets", Asked(("quiet",), ("s",)), "quiets quiet"),
    ("taken out", "a b c", Asked((), ("b",)), "a c"),
    ("the first", "a b", Asked((), ("a",)), "b"),
    ("the last", "a b", Asked((), ("b",)), "a"),
    ("every one, also side by side", "b a b b c b", Asked((), ("b",)), "a c"),
    ("not there", "a", Asked((), ("b",)), "a"),
    ("blanks stay", " a  $ignition_firstboot\tb ", Asked(("c",)), " a  $ignition_firstboot\tb c "),
    ("but those behind a word that goes", "a  b   c", Asked((), ("b",)), "a  c"),
    ("both", "a b", Asked(("c",), ("a",)), "b c"),
    ("quotes hold a word together", 'x="a b" c', Asked((), ("b",)), 'x="a b" c'),
    ("a quoted word", 'x="a b" c', Asked(('x="a b"',)), 'x="a b" c'),
    ("nothing left", "a", Asked((), ("a",)), ""),
    ("nothing there", "", Asked(("a",)), "a"),
]


@pytest.mark.parametrize(("text", "asked", "expected"), [row[1:] for row in EDITED], ids=[row[0] for row in EDITED])
def test_the_edit(text: str, asked: Asked, expected: str) -> None:
    assert kargs.edit(text, asked) == expected
    assert kargs.is_done(expected, asked) and kargs.edit(expected, asked) == expected
    assert kargs.is_done(text, asked) is (text == expected)


BAD = [
    *(("a" + char + "b", repr(char)) for char in "\n\t \0\x1b\x7f\"'\\$;|&<>{}\xa0é\udcff"),
    ("", "''"), ("--", "'--'"), ("#a", "'#'"), ("ostree=/x", "ostree's"), ("ignition.firstboot", "Ignition's"), ("ignition.firstboot=0", "Ignition's"),
]  # fmt: skip


@pytest.mark.parametrize(("argument", "named"), BAD)
def test_what_is_not_one_argument_is_refused_by_name(argument: str, named: str) -> None:
    with pytest.raises(Refusal) as refused:
        kargs.check(Asked((argument,)))
    assert named in str(refused.value) and "\n" not in str(refused.value) and ";" in str(refused.value)


@pytest.mark.parametrize("argument", ["ostree=/ostree/boot.1/x/y/0", "$ignition_firstboot", "ignition.firstboot"])
def test_what_is_ours_is_not_taken_out(argument: str) -> None:
    with pytest.raises(Refusal, match="own to set"):
        kargs.check(Asked((), (argument,)))


@pytest.mark.parametrize("argument", ["quiet", "a.b=c,d:e@f/g", "a-b_c", "x=%20[1]*?!~^(2)", "crashkernel=256MB", "a=#"])
def test_what_is_one_argument(argument: str) -> None:
    kargs.check(Asked((argument,), ("anything else", "é")))


@pytest.mark.parametrize("asked", [Asked(), Asked(("a", "-b"), ("+c",)), Asked((), ("d",))])
def test_a_note_is_read_back(asked: Asked) -> None:
    assert kargs.decode(kargs.encode(asked)) == asked


def test_in_a_sentence() -> None:
    assert str(Asked(("a", "b=1"), ("c",))) == "a b=1 and no c"
    assert str(Asked((), ("c", "d"))) == "no c no d"
