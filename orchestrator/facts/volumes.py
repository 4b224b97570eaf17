# SPDX-License-Identifier: Apache-2.0
"""LUKS2 volumes in use, as device mapper tells of them. Most machines have none."""

from __future__ import annotations

from orchestrator.facts import luks
from orchestrator.system import tree

BLOCK = "sys/class/block"
UUID_PREFIX = "CRYPT-LUKS2-"


def read(root: str) -> tuple[luks.Volume, ...]:
    """Every LUKS2 volume that device mapper holds open, with what its header says; nothing is known of one with a
    detached header."""
    devices = [device for name in tree.names(root, BLOCK) if _is_luks2(root, name) for device in _below(root, name)]
    if not devices:
        return ()
    return tuple(luks.read(root, device) for device in devices)


def _is_luks2(root: str, name: str) -> bool:
    """Is this block device the unlocked side of a LUKS2 volume?"""
    uuid = tree.read_text(root, f"{BLOCK}/{name}/dm/uuid") if name.startswith("dm-") else None
    return uuid is not None and uuid.startswith(UUID_PREFIX)


def _below(root: str, name: str) -> list[str]:
    """The block devices that one of device mapper lies on."""
    return tree.names(root, f"{BLOCK}/{name}/slaves")
