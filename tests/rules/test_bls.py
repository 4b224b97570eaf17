# SPDX-License-Identifier: Apache-2.0
"""bls.py: the options text is found and edited, every other byte of an entry stays."""

from __future__ import annotations

import pytest

from orchestrator.errors import Refusal
from orchestrator.rules import bls
from tests.sample import OPTIONS, entry_text

PATH = "/boot/loader/entries/ostree-1.conf"
VARIABLE, ENDED = bls.FIRST_BOOT, bls.FIRST_BOOT_ENDED

# Before the options text, that text, and after it.
ENTRIES = [
    ("tab", b"options\t", b"a b", b"\n"),
    ("several blanks", b"title x\noptions  \t ", b"a  b\t ", b"\nlinux /x\n"),
    ("no value", b"options ", b"", b"\nlinux /x\n"),
    ("title is no UTF-8", b"title Caf\xe9 \xff\xfe\noptions ", b"a \xe9 b", b"\n"),
    ("separators that are none", b"title a\x0c\x0b\x1cb\xc2\x85c\xe2\x80\xa8d\noptions ", b"a\x0cb", b"\n"),
    ("comments and blank lines", b"# options c\n\n options d\noptions ", b"e", b"\nx-options f\noptionsx g\n"),
    ("quotes and variables", b"options ", b"$kernelopts a=\"b c\" $tuned_params 'x' \\$y", b"\nlinux /x\n"),
]


@pytest.mark.parametrize(("before", "text", "after"), [row[1:] for row in ENTRIES], ids=[row[0] for row in ENTRIES])
def test_options_are_found_and_only_they_change(before: bytes, text: bytes, after: bytes) -> None:
    entry = (before + text + after).decode("utf-8", "surrogateescape")
    found = bls.options(entry, PATH)
    assert found.text.encode("utf-8", "surrogateescape") == text
    changed = bls.with_options(entry, found, "NEW")
    assert changed.encode("utf-8", "surrogateescape") == before + b"NEW" + after


def test_an_entry_as_ostree_writes_it() -> None:
    found = bls.options(entry_text(), PATH)
    assert found.text == OPTIONS
    assert bls.with_options(entry_text(), found, "NEW") == entry_text("NEW")


REFUSED = [
    ("CR LF", "title x\r\noptions a\r\n", "CR LF"),
    ("one CR", "title x\roptions\noptions a\n", "CR LF"),
    ("no final newline", "title x\noptions a", "newline"),
    ("empty file", "", "newline"),
    ("none", "title x\nlinux /x\n", "no options line"),
    ("bare key", "title x\noptions\n", "no options line"),
    ("two", "options a\ntitle x\noptions b\n", "2 options lines"),
    ("three, one with a tab", "options a\noptions\tb\noptions c\n", "3 options lines"),
]


@pytest.mark.parametrize(("entry", "what"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_entries_that_readers_take_differently_are_refused(entry: str, what: str) -> None:
    with pytest.raises(Refusal, match=what) as caught:
        bls.options(entry, PATH)
    assert str(caught.value).startswith(PATH)
    assert "; " in str(caught.value)


EDITS = [
    ("appended", "a $v b", "256M", "a $v b crashkernel=256M"),
    ("appended to nothing", "", "256M", "crashkernel=256M"),
    ("blanks at the end stay there", "a b \t", "256M", "a b crashkernel=256M \t"),
    ("only blanks", "  ", "256M", "crashkernel=256M  "),
    ("replaced where it stands", "a crashkernel=1M  b", "256M", "a crashkernel=256M  b"),
    ("the same", "a crashkernel=256M b", "256M", "a crashkernel=256M b"),
    ("the one in force stays in place", "crashkernel=1M a crashkernel=2M b", "256M", "a crashkernel=256M b"),
    ("three", "crashkernel=1M crashkernel=2M\tcrashkernel=3M", "256M", "crashkernel=256M"),
    ("two, blanks apart", "crashkernel=1M  crashkernel=2M a", "256M", "crashkernel=256M a"),
    ("ranges replaced", "crashkernel=1G-:64M,2G-:1G x", "2G-:256M", "crashkernel=2G-:256M x"),
    (
        "low, high and cma stay",
        "crashkernel=1M,high crashkernel=2M,low a",
        "256M",
        "crashkernel=1M,high crashkernel=2M,low a crashkernel=256M",
    ),
    ("high takes the place of plain", "crashkernel=1M a", "256M,high", "crashkernel=256M,high a"),
    (
        "high takes the place of high",
        "crashkernel=1M,high crashkernel=2M,low",
        "256M,high",
        "crashkernel=256M,high crashkernel=2M,low",
    ),
    ("high takes both", "crashkernel=1M crashkernel=1M,high x", "256M,high", "crashkernel=256M,high x"),
    ("other keys stay", "nocrashkernel=1M crash_kernel=2M", "256M", "nocrashkernel=1M crash_kernel=2M crashkernel=256M"),
    ("inside quotes it is somebody else's", 'x="a crashkernel=1M b"', "256M", 'x="a crashkernel=1M b" crashkernel=256M'),
    ("quotes, variables and order stay", "$b 'q r' \"s  t\" \\$a ${c}", "1G", "$b 'q r' \"s  t\" \\$a ${c} crashkernel=1G"),
]


@pytest.mark.parametrize(("text", "value", "expected"), [row[1:] for row in EDITS], ids=[row[0] for row in EDITS])
def test_set_crashkernel(text: str, value: str, expected: str) -> None:
    assert bls.set_crashkernel(text, value) == expected
    assert bls.set_crashkernel(expected, value) == expected


VARIABLES = [
    ("alone", VARIABLE, ENDED),
    ("in the middle", f"a {VARIABLE}\tb", f"a {ENDED}\tb"),
    ("twice", f"{VARIABLE} {VARIABLE}", f"{ENDED} {ENDED}"),
    ("part of a longer name", f"{VARIABLE}x a{VARIABLE}", None),
    ("inside quotes", f'"a {VARIABLE} b"', None),
    ("none", "a b", None),
]


@pytest.mark.parametrize(("text", "ended"), [row[1:] for row in VARIABLES], ids=[row[0] for row in VARIABLES])
def test_first_boot_is_ended_and_restored(text: str, ended: str | None) -> None:
    assert bls.end_first_boot(text) == (ended or text)
    assert bls.restore_first_boot(bls.end_first_boot(text)) == text
    assert bls.carries(text, VARIABLE) is bool(ended)
    assert bls.carries(bls.end_first_boot(text), VARIABLE) is False
    assert bls.carries(bls.end_first_boot(text), ENDED) is bool(ended)


def test_the_variable_that_stands_in_is_one_grub_expands_to_nothing() -> None:
    assert ENDED.startswith("$")
    assert ENDED[1:].replace("_", "").isalnum()
    assert "ignition" not in ENDED
    assert "crashkernel" not in ENDED
