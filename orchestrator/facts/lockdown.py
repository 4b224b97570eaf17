# SPDX-License-Identifier: Apache-2.0
"""Is the kernel locked down, as under Secure Boot? It then takes a capture kernel by kexec_file_load(2) alone, and a signed one."""

from __future__ import annotations

from orchestrator.errors import Refusal
from orchestrator.system import tree

# kernel_lockdown(7), linux security/lockdown/lockdown.c: "none [integrity] confidentiality", below securityfs.
PATH = "sys/kernel/security/lockdown"


def level(root: str) -> str:
    """`integrity` or `confidentiality`; "" where the kernel is not locked down or does not say."""
    try:
        words = (tree.read_text(root, PATH) or "").split()
    except Refusal:
        return ""
    chosen = next((word[1:-1] for word in words if word.startswith("[")), "none")
    return "" if chosen == "none" else chosen
