# SPDX-License-Identifier: Apache-2.0
"""Small files that other programs read at any moment: whoever opens one finds the old text or the new one, never a part."""

from __future__ import annotations

import os

from orchestrator.system import tree

MODE = 0o644


def publish(root: str, path: str, text: str) -> None:
    """Put a text in the place of a file below the root, in one rename, with the directories above it.

    Nothing is synced: the places are in /run. The temporary name begins with a dot and ends in this process' number, so that
    neither node_exporter (`*.prom`) nor agetty (`*.issue`) takes it for a file of its own. Raises OSError.
    """
    place = tree.resolve(root, path)
    directory, _, name = place.rpartition("/")
    os.makedirs(directory, mode=0o755, exist_ok=True)
    temporary = f"{directory}/.{name}.{os.getpid()}"
    try:
        file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, MODE)
        with open(file, "wb") as stream:
            stream.write(text.encode("utf-8", "backslashreplace"))
            os.fchmod(file, MODE)
        os.rename(temporary, place)
    except OSError:
        if os.path.lexists(temporary):
            os.unlink(temporary)
        raise
