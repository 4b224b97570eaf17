# SPDX-License-Identifier: Apache-2.0
"""Updates of a guest by ostree, from the repository on its second disk (image/update.py)."""

from __future__ import annotations

from image import update
from image.deployment import BRANCH

from harness.machine import Machine

DEPLOY_TIMEOUT = 300.0
MOUNTED = f"/run/{update.LABEL}"
MOUNT = f"mountpoint -q {MOUNTED} || {{ mkdir -p {MOUNTED} && mount -o ro /dev/disk/by-label/{update.LABEL} {MOUNTED}; }}"
SET_ORIGIN = f"ostree admin set-origin --set=gpg-verify=false update file://{MOUNTED}/{update.REPOSITORY} {BRANCH}"


def follow(machine: Machine) -> None:
    """From now on the booted deployment is updated from that disk."""
    machine.run(f"{MOUNT} && {SET_ORIGIN}")


def upgrade(machine: Machine, *, stage: bool = False) -> None:
    """Deploy what the disk has: at once, or, staged, when the machine is shut down."""
    machine.run(MOUNT)
    machine.run(f"ostree admin upgrade{' --stage' if stage else ''}", timeout=DEPLOY_TIMEOUT)
