# SPDX-License-Identifier: Apache-2.0
"""From a file tree to an ostree sysroot, by the guest's own ostree."""

from __future__ import annotations

from pathlib import Path

from host.process import run_in_tree

from image.traits import Traits

STATEROOT = "debian"
BRANCH = "rig"

#: The order is that of Fedora CoreOS: the variable of the first boot comes first.
KARGS = (
    "$ignition_firstboot",
    "ignition.platform.id=qemu",
    "root=LABEL=root",
    "rw",
    "console=ttyS0,115200",
    "systemd.show_status=1",
    # A panic that nothing captures must not hang the test.
    "panic=10",
)


def deploy(tools: Path, tree: Path, sysroot: Path, traits: Traits) -> None:
    """Commit `tree` (which is used up) and deploy it into `sysroot`; both lie below `tools`."""
    inner_tree = f"/{tree.relative_to(tools)}"
    inner_sysroot = f"/{sysroot.relative_to(tools)}"
    repo = f"--repo={inner_sysroot}/ostree/repo"
    # The immutable flag on the deployment would only get in the way of deleting it here.
    debug = {"OSTREE_SYSROOT_DEBUG": "mutable-deployments"}

    def ostree(*argv: str) -> None:
        run_in_tree(tools, ["ostree", *argv], debug)

    sysroot.mkdir()
    ostree("admin", "init-fs", "--modern", inner_sysroot)
    settings = (("bootloader", traits.backend), ("readonly", "true"), ("bootprefix", "true"))
    for name, value in settings:
        ostree("config", repo, "set", f"sysroot.{name}", value)
    ostree("admin", "stateroot-init", f"--sysroot={inner_sysroot}", STATEROOT)
    ostree("commit", repo, f"--branch={BRANCH}", "--consume", "--fsync=false", f"--tree=dir={inner_tree}")
    # --karg would keep only the last of two with the same key.
    kargs = [f"--karg-append={karg}" for karg in KARGS]
    ostree("admin", "deploy", f"--sysroot={inner_sysroot}", f"--os={STATEROOT}", *kargs, BRANCH)
