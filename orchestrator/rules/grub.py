# SPDX-License-Identifier: Apache-2.0
"""Lengths of an entry at which GRUB 2.14 writes past its own buffer, and blanks that avoid them.

GRUB 2.14's blscfg (grub-core/commands/blsuki.c) counts one byte too few in two places: blsuki_field_append() forgets the
blank that it puts behind a variable's value, bls_get_linux() the newline behind the command. Where a text fills its last
heap block exactly, the closing NUL falls into the header of the next block, and when that header changes the command line
goes on with what is there: "can't find command", and no boot. Only lengths matter; and a second blank between two words
changes a length and nothing else, because GRUB hands the kernel words joined by one blank each.
"""

from __future__ import annotations

from orchestrator.rules import bls
from orchestrator.rules.cmdline import words

BLOCK = 16  # GRUB_MM_ALIGN (mm_private.h) of 32-bit GRUBs; it is 32 in the others, and their bad lengths are among these
OVERHEAD = len("linux " + " " + "\n") + 1  # around the path and the options; the closing NUL counts
# What grub.cfg makes of the variable: not set at all, set to nothing on later boots, and set again to provision anew
# (Fedora CoreOS: "ignition.firstboot ${ignition_network_kcmdline}").
VALUES = (None, b"", b"ignition.firstboot ")


def off_bad_lengths(options: str, linux: str) -> str:
    """The options text with as many more blanks in one place as it takes for GRUB to read it whole, mostly none.

    `linux` is the entry's kernel path. The blanks go before the first variable, whose place matters too, else to the end.
    """
    spot = next((word.start for word in words(options) if "$" in word.text), 0) or len(options)
    for count in range(BLOCK):
        padded = options[:spot] + " " * count + options[spot:]
        if is_read_whole(padded, linux):
            return padded
    return options


def is_read_whole(options: str, linux: str) -> bool:
    """Does GRUB stay inside its buffers, whatever the first-boot variable is set to? Other variables count as not set."""
    return not any(overruns(options, linux, value) for value in VALUES)


def overruns(options: str, linux: str, value: bytes | None) -> bool:
    """Is one of the buffers one byte too short and its last block full, the first-boot variable being `value`?"""
    first, *rest = _bytes(options).split(b"$")
    length = len(first)
    for piece in rest:
        after = piece.lstrip(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")
        if b"$" + piece[: len(piece) - len(after)] == bls.FIRST_BOOT.encode() and value is not None:
            length += len(value) + 1
            if length % BLOCK == 0:
                return True
        length += len(after.removeprefix(b" "))
    return (OVERHEAD - 1 + len(_bytes(linux)) + length) % BLOCK == 0


def _bytes(text: str) -> bytes:
    """As it is on disk: bytes count, not characters."""
    return text.encode("utf-8", "surrogateescape")
