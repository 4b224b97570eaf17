# SPDX-License-Identifier: Apache-2.0
"""crashkernel_value.py: what may be written, and what a person is told about the rest."""

from __future__ import annotations

import pytest

from orchestrator.errors import Refusal
from orchestrator.rules import crashkernel_value

WHERE = "/etc/kdump-karg.conf:3"
GOOD = [
    "256M",
    "256m",
    "1G",
    "0x10000000",
    "256M@16M",
    "256M@0",
    "256M,high",
    "1G-:256M",
    "2G-64G:256M,64G-:512M",
    "1G-2G:128M,2G-:256M@16M",
    "0-:128M",
]
BAD = [
    ("", "no value", "256M"),
    ("256MB", "'B'", "write 256M"),
    ("256MiB", "'i'", "write 256M"),
    ("08M", "octal and stops", "write 8M"),
    ("010M", "octal (8388608 bytes)", "write 10M"),
    ("00", "octal", "write 0"),
    ("1G-:010M", "octal", "write 10M"),
    ("010G-:256M", "octal", "write 10G"),
    ("256M@010M", "octal", "write 10M"),
    ("010M,high", "octal", "write 10M"),
    ("256M\nquiet", "'\\n'", "only letters"),
    ("256M quiet", "' '", "only letters"),
    ("256M\tquiet", "'\\t'", "only letters"),
    ("256M\r", "'\\r'", "only letters"),
    ("256M\x00", "'\\x00'", "only letters"),
    ("256M\x1b[0m", "'\\x1b'", "only letters"),
    ("256M\x7f", "'\\x7f'", "only letters"),
    ('"256M"', "'\"'", "only letters"),
    ("'256M'", '"\'"', "only letters"),
    ("$size", "'$'", "only letters"),
    ("256M;reboot", "';'", "only letters"),
    ("256M\\", "'\\\\'", "only letters"),
    ("256M|x", "'|'", "only letters"),
    ("256М", "'М'", "only letters"),  # the last letter is a Cyrillic one
    ("٢٥٦M", "'٢'", "only letters"),
    ("\ud800", "'\\ud800'", "only letters"),
    ("1.5G", "'.'", "only letters"),
    ("auto", "'auto' is not a size", "256M"),
    ("M", "'M' is not a size", "256M"),
    ("0x", "'x'", "write 0"),
    ("256M,low", "nothing by itself", "SIZE"),
    ("256M,cma", "nothing by itself", "SIZE"),
    (",high", "malformed", "SIZE"),
    ("@16M", "malformed", "SIZE"),
    ("256M,", "malformed", "SIZE"),
    (",256M", "malformed", "SIZE"),
    ("-256M", "malformed", "SIZE"),
    ("256M,128M", "malformed", "SIZE"),
    ("256M@", "after '@'", "SIZE"),
    ("256M@16M@16M", "after '@'", "SIZE"),
    ("256M@16M-", "after '@'", "SIZE"),
    ("1G-:256M@", "after '@'", "SIZE"),
    ("1G-:256M,high", "no range", "SIZE"),
    ("1G:256M", "'-' expected", "SIZE"),
    ("1G-2G", "neither a size nor a range", "SIZE"),
    ("2G-1G:256M", "end <= start", "SIZE"),
    ("1G-:", "Memory value expected", "SIZE"),
    ("1G-:256M,", "Memory value expected", "SIZE"),
    ("1G-:256M,,2G-:1G", "Memory value expected", "SIZE"),
    ("1G-2G-4G:256M", "':' expected", "SIZE"),
    ("1G-:256M:1G", "unrecognized char: :", "SIZE"),
]


@pytest.mark.parametrize("text", GOOD)
def test_good(text: str) -> None:
    crashkernel_value.check(text, WHERE)


@pytest.mark.parametrize("text", ["9" * 5000, "1G-:" + "9" * 5000 + "K"], ids=["size", "range"])
def test_thousands_of_digits_are_a_number_like_any_other(text: str) -> None:
    crashkernel_value.check(text, WHERE)


@pytest.mark.parametrize(("text", "what", "fix"), BAD, ids=[ascii(text) for text, _, _ in BAD])
def test_bad_names_place_value_and_fix(text: str, what: str, fix: str) -> None:
    with pytest.raises(Refusal) as caught:
        crashkernel_value.check(text, WHERE)
    message = str(caught.value)
    assert message.startswith(f"{WHERE}: crashkernel")
    assert text in message or repr(text) in message
    assert what in message
    assert fix in message
    assert message.isprintable()
