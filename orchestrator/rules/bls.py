# SPDX-License-Identifier: Apache-2.0
"""The `options` text of a Boot Loader Specification entry: found and edited, every other byte left alone.

Entries are handled as text decoded with surrogateescape, so bytes that are no UTF-8 (a title, say) survive.
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.errors import Refusal
from orchestrator.rules.cmdline import KEY, Word, is_plain, words

# GRUB expands this to "ignition.firstboot ..." while the first-boot stamp exists, and to nothing afterwards.
FIRST_BOOT = "$ignition_firstboot"
# Stands in its place between the two edits of a first boot. No boot loader sets it: GRUB expands an unset variable to
# nothing (blscfg.c, blsuki.c), so Ignition does not run, and the place to put the variable back to is not lost.
FIRST_BOOT_ENDED = "$kdump_karg_first_boot_ended"


@dataclass(frozen=True)
class Options:
    """The options text (without the key) and where it stands in the entry: [start, end)."""

    start: int
    end: int
    text: str


def options(entry: str, path: str) -> Options:
    """The one options line of an entry; Refusal, naming `path`, for an entry that boot loaders read differently."""
    if "\r" in entry:
        raise Refusal(f"{path} has CR LF line ends, which the boot loader passes to the kernel; rewrite it with LF")
    if not entry.endswith("\n"):
        raise Refusal(f"{path} does not end in a newline, so it may be cut short; check it and end its last line")
    found = []
    at = 0
    for line in entry.split("\n"):
        if line.startswith(("options ", "options\t")):
            start = len(line) - len(line[len("options ") :].lstrip(" \t"))
            found.append(Options(at + start, at + len(line), line[start:]))
        at += len(line) + 1
    if not found:
        raise Refusal(f"{path} has no options line; write the deployment again (ostree admin deploy)")
    if len(found) > 1:
        raise Refusal(f"{path} has {len(found)} options lines, of which boot loaders read different ones; join them into one")
    return found[0]


def first_value(entry: str, key: str) -> str:
    """The value of the entry's first line of this key, "" where there is none. Blanks at its end belong to it, as for GRUB."""
    for line in entry.split("\n"):
        name, _, value = line.replace("\t", " ", 1).partition(" ")
        if name == key:
            return value.lstrip(" \t")
    return ""


def with_options(entry: str, where: Options, text: str) -> str:
    """The entry with another options text."""
    return entry[: where.start] + text + entry[where.end :]


def set_crashkernel(text: str, value: str) -> str:
    """The options text with this crashkernel= value.

    It replaces the last plain crashkernel= where that stands (the one in force) and the other plain ones go; where there
    is none it is appended. A `,high` value takes the place of plain ones too, since the kernel prefers those.
    """
    rivals = [word for word in words(text) if _is_rival(word, value)]
    if not rivals:
        body = text.rstrip(" \t")
        return body + (" " if body else "") + KEY + value + text[len(body) :]
    # The blanks between a word that goes and the next one go with it: a text must not come to begin with blanks.
    pieces = []
    kept = 0
    for word, following in zip(rivals, rivals[1:], strict=False):
        pieces.append(text[kept : word.start])
        kept = _after_blanks(text, word.end, following.start)
    last = rivals[-1]
    return "".join([*pieces, text[kept : last.start], KEY, value, text[last.end :]])


def _after_blanks(text: str, at: int, end: int) -> int:
    """The place of the first byte in [at, end) that is no blank, else `end`."""
    while at < end and text[at] in " \t":
        at += 1
    return at


def _is_rival(word: Word, value: str) -> bool:
    """Must this word give way to the value?"""
    if not word.text.startswith(KEY):
        return False
    return is_plain(word.text) or (not is_plain(value) and word.text.endswith(value[value.rindex(",") :]))


def end_first_boot(text: str) -> str:
    """The options text on which Ignition does not run again."""
    return _swap(text, FIRST_BOOT, FIRST_BOOT_ENDED)


def restore_first_boot(text: str) -> str:
    """The inverse of `end_first_boot`."""
    return _swap(text, FIRST_BOOT_ENDED, FIRST_BOOT)


def carries(text: str, variable: str) -> bool:
    """Does the options text hold this variable as a word?"""
    return any(word.text == variable for word in words(text))


def _swap(text: str, old: str, new: str) -> str:
    """The text with every word `old` replaced by `new` where it stands."""
    pieces = []
    at = 0
    for word in words(text):
        if word.text == old:
            pieces += [text[at : word.start], new]
            at = word.end
    return "".join([*pieces, text[at:]])
