# SPDX-License-Identifier: Apache-2.0
"""A crashkernel= value that may be written: stricter than the kernel, which accepts more than anybody means.

Only what says one thing to every reader passes: no character that a boot loader or a shell could act on, no octal,
nothing the kernel would leave unread.
"""

from __future__ import annotations

from orchestrator.errors import Refusal
from orchestrator.rules.cmdline import is_plain
from orchestrator.rules.crashkernel import Rejected, memparse, parse_range

ALLOWED = frozenset("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ:,@-")
FORMS = "SIZE, SIZE@OFFSET, START-END:SIZE,...[@OFFSET] or SIZE,high"


def check(text: str, where: str) -> None:
    """Refuse a value that must not be written; `where` names the file and line it came from."""
    if not text:
        raise Refusal(f"{where}: crashkernel has no value; write auto, a size such as 256M, or ranges such as 2G-:256M")
    for char in text:
        if char not in ALLOWED:
            raise Refusal(
                f"{where}: crashkernel={text!r} holds the character {char!r}; only letters, digits and : , @ - are allowed"
            )
    for number in numbers(text):
        _check_number(number, text, where)
    _check_shape(text, where)


def numbers(text: str) -> list[str]:
    """The pieces of a value between its separators; a known suffix is not one."""
    bare = text if is_plain(text) else text[: text.rindex(",")]
    for separator in ":,@-":
        bare = bare.replace(separator, " ")
    return bare.split()


def _check_number(number: str, text: str, where: str) -> None:
    """Refuse what memparse() would read otherwise than a person does."""
    _, end = memparse(number, 0)
    if number[0] == "0" and number[1:2].isdigit():
        plain = number.lstrip("0")
        meaning = f"as octal ({memparse(number, 0)[0]} bytes)" if end == len(number) else "as octal and stops at that digit"
        raise Refusal(f"{where}: crashkernel={text}: the kernel reads {number} {meaning}; write {plain or '0'}")
    if end == 0:
        raise Refusal(f"{where}: crashkernel={text}: {number!r} is not a size; write a number with K, M or G, such as 256M")
    if end < len(number):
        raise Refusal(
            f"{where}: crashkernel={text}: the kernel stops at {number[end]!r} in {number} "
            f'("crashkernel: unrecognized char: {number[end]}"); write {number[:end]}'
        )


def _check_shape(text: str, where: str) -> None:
    """Refuse a value that is not, to its last character, one of the kernel's four forms."""
    if not is_plain(text):
        if not text.endswith(",high"):
            raise Refusal(f"{where}: crashkernel={text} reserves nothing by itself; write {FORMS}")
        request = text[: -len(",high")]
        if not request or request != "".join(numbers(text)):
            raise Refusal(f"{where}: crashkernel={text} is malformed (a size with ,high takes no range); write {FORMS}")
        return
    body, at_sign, offset = text.partition("@")
    if ":" in body:
        problem = _ranges_problem(body)
    else:
        problem = "" if body and body == "".join(numbers(body)) else "neither a size nor a range"
    if not problem and at_sign and (not offset or offset != "".join(numbers(offset))):
        problem = "crashkernel: Memory value expected after '@'"
    if problem:
        raise Refusal(f"{where}: crashkernel={text} is malformed ({problem}); write {FORMS}")


def _ranges_problem(body: str) -> str:
    """The kernel's message for the first malformed range of a list, "" where all are well formed."""
    for piece in body.split(","):
        try:
            end = parse_range(piece, 0)[3]
        except Rejected as rejected:
            return str(rejected)
        if end != len(piece):
            return f"crashkernel: unrecognized char: {piece[end]}"
    return ""
