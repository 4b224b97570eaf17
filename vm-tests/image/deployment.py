# SPDX-License-Identifier: Apache-2.0
"""From a file tree to an ostree sysroot, by the guest's own ostree."""

from __future__ import annotations

from pathlib import Path

from host.process import run_in_tree

from image.traits import Traits
from orchestrator.rules import bls, grub

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

#: An argument that only lengthens the line.
FILL = " rig.fill="
#: What becomes of the line in the tests: as it is; armed; armed, and edited by ostree.
CONTINUED = ("", " crashkernel=512M-:192M", " crashkernel=512M-:192M quiet")


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
    (entry,) = (sysroot / "boot/loader/entries").iterdir()
    entry.write_text(at_good_length(entry.read_text()))


def at_good_length(entry: str) -> str:
    """The entry, as long as GRUB 2.14 reads it whole (orchestrator/rules/grub.py), whatever the name of the kernel.

    Blanks, as the program has them, would not outlive an edit by ostree, and a test could not compare with one argument more.
    """
    options, linux = (bls.first_value(entry, field) for field in ("options", "linux"))
    for count in range(1, grub.BLOCK + 1):
        filled = f"{options}{FILL}{'x' * count}"
        if all(grub.is_read_whole(filled + more, linux) for more in CONTINUED):
            return entry.replace(options, filled)
    raise RuntimeError(f"GRUB would misread this entry at every length:\n{entry}")
