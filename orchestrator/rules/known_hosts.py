# SPDX-License-Identifier: Apache-2.0
"""Whether ssh would know a host's key, by the text of its known_hosts files (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT)."""

from __future__ import annotations

from enum import Enum

CHANGES = frozenset(  # ssh_config(5): with one of these the name or the file that is looked up may be another
    "stricthostkeychecking userknownhostsfile globalknownhostsfile knownhostscommand hostkeyalias hostname port "
    "verifyhostkeydns canonicalizehostname".split()
)
WILD = "*?"


class Known(Enum):
    """What can be said of a host's key."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"  # names are hashed, or patterns


def host_of(destination: str) -> str:
    """HOST of `[USER@]HOST`, `[HOST]` or an address in brackets, in small letters as ssh looks it up."""
    return destination.rpartition("@")[2].strip("[]").lower()


def look_up(text: str, host: str) -> Known:
    """Is there a key for this host? Hashed names and patterns are not worked out."""
    doubt = False
    for line in text.splitlines():
        fields = line.split()
        if len(fields) < 3 or fields[0].startswith("#") or fields[0] == "@revoked":
            continue
        names = fields[1 if fields[0].startswith("@") else 0].lower().split(",")
        if host in names:
            return Known.YES
        doubt = doubt or any(name.startswith("|") or "*" in name or "?" in name for name in names)
    return Known.UNKNOWN if doubt else Known.NO


def is_changed(config: str, host: str) -> bool:
    """Does a text of ssh_config(5) say something about which key is looked up for this host, or where?"""
    concerned = True
    for line in config.splitlines():
        keyword, *rest = line.replace("=", " ").split() or [""]
        word = keyword.lower()
        if word == "match":
            concerned = True  # what it asks for is not worked out
        elif word == "host":
            concerned = any(_may_match(pattern, host) for pattern in rest)
        elif concerned and word in CHANGES:
            return True
    return False


def _may_match(pattern: str, host: str) -> bool:
    """Can this pattern match, by what stands before its first wildcard? (systemd brings a file for `unix/*` and `vsock/*`.)"""
    end = next((at for at, char in enumerate(pattern) if char in WILD), None)
    return pattern.lower() == host if end is None else host.startswith(pattern[:end].lower())
