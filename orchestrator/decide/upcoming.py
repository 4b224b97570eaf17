# SPDX-License-Identifier: Apache-2.0
"""What the next boot will be, where that is another deployment than the one whose entry is changed.

Such a deployment is named and not changed: its kernel may need another size, which is worked out on the kernel that runs, and a
staged one has no entry yet. So nobody is told to reboot once where that reboot would not help.
"""

from __future__ import annotations

from orchestrator.facts.deployments import Deployment
from orchestrator.rules import cmdline


def notice(found: tuple[Deployment, ...], value: str | None, cure: str = "") -> str:
    """Why the next boot will not have the value that was written, and what to do; "" where it will.

    `found`: all deployments, the next one first; `value`: the value in force that the booted deployment's entry has, None for
    none; `cure`: what to do, where that is not `apply`.
    """
    if not any(each.booted for each in found) or found[0].booted:
        return ""
    after = found[0]
    if any(each.booted and each.directory == after.follows for each in found):
        return ""  # ostree gives it what the booted one's entry has at the shutdown
    has = cmdline.in_force(cmdline.crashkernel_values(after.options))
    if has == value:
        return ""
    where = "which is staged" if after.staged else f"whose entry is /boot/{after.entry}"
    what = "no crashkernel=" if has is None else f"crashkernel={has}"
    cure = cure or "run kdump-karg apply after that reboot, and reboot once more"
    return f"the next boot is another deployment, {after.directory}, {where}, with {what}: {cure}"
