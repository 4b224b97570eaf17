# SPDX-License-Identifier: Apache-2.0
"""A command line as kdump-utils takes it apart: _cmdline_parse() of its kdump-lib.sh, which calls xargs(1) and `read`."""

from __future__ import annotations


class OpenQuote(Exception):
    """xargs stops at a quote that is not closed."""


def pairs(text: str) -> list[tuple[str, str]]:
    """Key and value of every word, "" for no value; `key=` is dropped. Raises OpenQuote."""
    found = []
    for word in words(text):
        key, equals, value = word.strip().partition("=")
        if (equals and not value) or (len(word) > 1 and word[0] == "-" and not word[1:].strip("neE")):
            continue  # the latter because xargs calls echo, which takes `-n` for an option
        if any(char.isspace() for char in value):
            value = f'"{value}"'
        fields = f"{key} {value}".split(None, 1)  # what `read -r opt val` makes of `echo "$opt $val"`
        if fields:
            found.append((fields[0], fields[1].rstrip() if len(fields) > 1 else ""))
    return found


def words(text: str) -> list[str]:
    """The words of xargs(1): blanks and newlines part them, quotes and backslashes are taken off. Raises OpenQuote."""
    found: list[str] = []
    word: list[str] = []
    quote = ""
    started = escaped = False
    for char in text:
        if escaped or (quote and char != quote):
            word.append(char)
            escaped = False
        elif quote:
            quote = ""
        elif char in "'\"":
            quote, started = char, True
        elif char == "\\":
            escaped = started = True
        elif not char.isspace():
            word.append(char)
            started = True
        elif started:
            found.append("".join(word))
            word, started = [], False
    if quote:
        raise OpenQuote
    return [*found, "".join(word)] if started else found
