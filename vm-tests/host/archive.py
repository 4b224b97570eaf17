# SPDX-License-Identifier: Apache-2.0
"""Where Debian packages come from: wherever this machine gets its own."""

from __future__ import annotations

import os

from host.process import run


class NoArchiveError(RuntimeError):
    """No Debian archive is configured on this machine."""


def address() -> str:
    """The archive named by KDUMP_KARG_ARCHIVE, or else the first one in apt's own configuration."""
    wanted = os.environ.get("KDUMP_KARG_ARCHIVE")
    if wanted:
        return wanted
    listing = run(
        [
            "apt-get", "indextargets", "--format", "$(REPO_URI)",
            "Identifier: Packages", "Label: Debian", "Component: main",
        ]  # fmt: skip
    )
    lines = listing.decode().split()
    if not lines:
        raise NoArchiveError(
            "apt-get indextargets names no Debian archive "
            "(run apt-get update, or set KDUMP_KARG_ARCHIVE)"
        )
    return lines[0]
