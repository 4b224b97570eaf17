# SPDX-License-Identifier: Apache-2.0
"""Every file of a running guest's /boot, to be compared before and after something."""

from __future__ import annotations

from harness.machine import Machine

#: Sizes in bytes, modes in octal digits, and the sum; symbolic links with what they say.
LIST = r"""
cd /boot
find . -xdev -type f -exec sh -c 'for file; do echo "$(stat -c "%s %a" "$file") $(sha256sum "$file")"; done' sh {} +
find . -xdev -type l -printf 'link to %l  %p\n'
"""

#: What a file is, by its path below /boot.
Listing = dict[str, str]


def read(machine: Machine) -> Listing:
    """Ask the guest."""
    pairs = (line.split("  ./", 1) for line in machine.run(LIST, timeout=180.0).text.splitlines())
    return {path: found for found, path in pairs}


def text(listing: Listing) -> str:
    """A line for each file."""
    return "".join(f"{path}  {found}\n" for path, found in sorted(listing.items()))


def changes(before: Listing, after: Listing) -> str:
    """A line for each file that is gone (-), new (+) or of other content (both)."""
    lines = []
    for path in sorted(before.keys() | after.keys()):
        if before.get(path) != after.get(path):
            lines += [f"{sign} {path}  {side[path]}\n" for sign, side in (("-", before), ("+", after)) if path in side]
    return "".join(lines)
