# SPDX-License-Identifier: Apache-2.0
"""The system that a run is about."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.system import tree

PROVISIONED = "sysroot"  # where the initramfs mounts the real root


@dataclass(frozen=True)
class Target:
    """A root directory. `live`: the running system's own; else a captured tree, in which nothing is mounted or run."""

    root: str
    live: bool


def provisioned_root(root: str) -> str:
    """The root that provisioning wrote to: below /sysroot in the initramfs, the root itself in the real root."""
    return tree.resolve(root, PROVISIONED) if tree.is_directory(root, f"{PROVISIONED}/etc") else root
