# SPDX-License-Identifier: Apache-2.0
"""The provisioned system's /var, where notes for the next boot are left."""

from __future__ import annotations

from orchestrator.system import tree
from orchestrator.system.target import provisioned_root

NAME = "var"


def place(root: str) -> str:
    """The directory that is /var of the provisioned system while it is mounted, and in a real root or a captured tree."""
    return tree.resolve(provisioned_root(root), NAME)


def inside(directory: str, path: str) -> str:
    """Where `path`, as seen from the provisioned system's root (var/lib/...), lies when `directory` is its /var."""
    return tree.resolve(directory, path.removeprefix(f"{NAME}/"), last=False)
