# SPDX-License-Identifier: Apache-2.0
"""Ignition's `kernelArguments`: the contract of its helper, and the edit of an entry's options that it asks for.

Sources: ignition internal/exec/stages/kargs/kargs.go (how the helper is called), its notes for distributors (what it must do). Arguments are
whole words, compared byte by byte, as Fedora CoreOS' helper compares them (coreos-installer src/io/bls.rs, KargsEditor).
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.errors import Refusal, UsageError
from orchestrator.rules.cmdline import words

EXIST, NOT_EXIST = "--should-exist", "--should-not-exist"
# GRUB runs an entry's line as a script of its own: these mean something there (grub-core/script/yylex.l).
OF_GRUB = "\"'\\$;|&<>{}"
# Whoever changes these changes which deployment is booted, and whether this is a first boot.
OWN = ("ostree", "ignition.firstboot")
ENDS = "--"  # what comes after it is init's (linux init/main.c)


@dataclass(frozen=True)
class Asked:
    """The arguments that are to be on the command line, and those that are not."""

    exist: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()

    def __str__(self) -> str:
        """As a sentence has it."""
        return " and ".join(part for part in (" ".join(self.exist), " ".join(f"no {text}" for text in self.absent)) if part)


def parse(argv: list[str]) -> Asked:
    """What the helper's command line asks for. UsageError where it is not as Ignition makes it."""
    found: dict[str, list[str]] = {EXIST: [], NOT_EXIST: []}
    rest = iter(argv)
    for flag in rest:
        if flag not in found:
            raise UsageError(f"{flag!r} is neither {EXIST} nor {NOT_EXIST}; see kdump-karg --help")
        argument = next(rest, None)
        if argument is None:
            raise UsageError(f"{flag} has no argument after it; see kdump-karg --help")
        found[flag].append(argument)
    exist = dict.fromkeys(found[EXIST])
    return Asked(tuple(exist), tuple(text for text in dict.fromkeys(found[NOT_EXIST]) if text not in exist))


def open_in(line: str, asked: Asked) -> Asked:
    """What is asked for and not so on this line."""
    there = {word.text for word in words(line)}
    return Asked(
        tuple(text for text in asked.exist if text not in there), tuple(text for text in asked.absent if text in there)
    )


def is_done(line: str, asked: Asked) -> bool:
    """Is this line as asked for?"""
    return open_in(line, asked) == Asked()


def edit(text: str, asked: Asked) -> str:
    """The options text as asked for: unwanted words and the blanks behind them go, missing ones are appended; the rest stays."""
    missing = open_in(text, asked)
    if missing == Asked():
        return text
    found, unwanted = words(text), set(missing.absent)
    pieces, kept = [], 0
    for number, word in enumerate(found):
        if word.text in unwanted:
            pieces.append(text[kept : word.start])
            kept = found[number + 1].start if number + 1 < len(found) else len(text)
    body = "".join([*pieces, text[kept:]]).rstrip(" \t")
    return " ".join([*([body] if body else []), *missing.exist]) + text[len(text.rstrip(" \t")) :]


def check(missing: Asked) -> None:
    """Refusal for what cannot be brought into an entry as one argument, or must not be."""
    for text in missing.exist:
        _check_one(text)
    for text in (*missing.exist, *missing.absent):
        if text.partition("=")[0] in OWN or "$" in text:
            raise Refusal(f"kernelArguments: {text!r} is ostree's and Ignition's own to set; take it out of the config")


def _check_one(text: str) -> None:
    """Refusal where the boot loader or the kernel would not read this as one argument."""
    if not text or text == ENDS:
        raise Refusal(f"kernelArguments: {text!r} is no kernel argument; take it out of the config")
    for char in text:
        if char in OF_GRUB or not "!" <= char <= "~":
            # The kernel counts a byte of some characters that are not ASCII as a blank (linux lib/ctype.c).
            raise Refusal(f"kernelArguments: {text!r} has {char!r}, which a boot loader entry cannot hold; write it without")
    if text.startswith("#"):
        raise Refusal(f"kernelArguments: {text!r} begins with '#', which begins a comment for GRUB; write it without")


def encode(asked: Asked) -> str:
    """The text of a note: a line for every argument."""
    return "".join(f"+{text}\n" for text in asked.exist) + "".join(f"-{text}\n" for text in asked.absent)


def decode(text: str) -> Asked:
    """The inverse of `encode`. Lines of another kind are passed over."""
    lines = text.split("\n")
    return Asked(*(tuple(line[1:] for line in lines if line.startswith(sign)) for sign in "+-"))
