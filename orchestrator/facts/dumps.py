# SPDX-License-Identifier: Apache-2.0
"""The dumps that a machine has saved."""

from __future__ import annotations

from orchestrator.errors import Refusal
from orchestrator.system import tree
from orchestrator.system.target import provisioned_root

CRASH_DIR = "var/crash"
PREFIXES = ("vmcore.", "dump.")


def last(root: str) -> str | None:
    """The newest dump below /var/crash, None where there is none or we may not look.

    kdump-utils and SUSE's kdump name it vmcore or vmcore.flat, kdump-tools dump.<time>.
    """
    try:
        return max(_dumps(provisioned_root(root)), default=None)
    except Refusal:
        return None


def _dumps(root: str) -> list[str]:
    """Every complete dump."""
    return [
        f"/{CRASH_DIR}/{directory}/{name}"
        for directory in tree.names(root, CRASH_DIR)
        for name in tree.names(root, f"{CRASH_DIR}/{directory}")
        if f"{name}.".startswith(PREFIXES) and "incomplete" not in name
    ]
