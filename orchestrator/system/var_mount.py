# SPDX-License-Identifier: Apache-2.0
"""What is mounted on the provisioned /var, and how it is reached once it is unmounted.

While Ignition works, the stateroot's /var (or a file system of its own) is mounted on /sysroot/var. Before the pivot it is
unmounted (Fedora CoreOS: ignition-ostree-mount-var.service), and what is written to /sysroot/var then is never seen again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from orchestrator import log
from orchestrator.errors import Failure
from orchestrator.system import bootfs, process, tree, var
from orchestrator.system.context import contextmanager

MOUNT_POINT = f"{bootfs.RUN_DIR}/var"


@dataclass(frozen=True)
class Volume:
    """A directory of a file system: the `source` and the `kind` that mount(8) takes, and the `directory` inside it."""

    source: str
    kind: str
    directory: str


def volume(root: str) -> Volume | None:
    """What is mounted on the running system's provisioned /var; None where that is a plain directory of the root."""
    where = var.place(root)
    mount = bootfs.mount_of(where)
    if mount.point != os.path.realpath(where):
        return None
    return Volume(bootfs.block_device(root, mount.number) or mount.source, mount.kind, mount.directory)


@contextmanager
def reach(root: str, found: Volume | None) -> Iterator[str]:
    """The directory that is the provisioned /var for the length of the block, mounted once more on a directory of ours.

    What is written there is for people and for a boot after a failure, so nothing here prevents the reboot: where
    the volume cannot be mounted, a warning is logged and the files go to a directory that is lost with this boot.
    """
    if found is None:
        yield var.place(root)
        return
    point = tree.resolve(root, MOUNT_POINT)
    os.makedirs(point, mode=0o700, exist_ok=True)
    mounted = _attempt("mount", "-t", found.kind, "-o", "rw,nodev,nosuid,noexec", found.source, point)
    try:
        yield tree.resolve(point, found.directory) if mounted else point
    finally:
        if mounted:
            _attempt("umount", point)


def _attempt(*argv: str) -> bool:
    """Did the program succeed? If not, why is logged."""
    try:
        process.run(*argv)
        return True
    except Failure as failure:
        loss = "the first boot's journal and the request for its report may be missing from /var"
        log.say(log.WARNING, f"{failure}; {loss}")
        return False
