# SPDX-License-Identifier: Apache-2.0
"""From a file tree to an ostree sysroot, by the guest's own ostree."""

from __future__ import annotations

from pathlib import Path

from host.process import run_in_tree

from image import coreos, foreign, selinux, storage
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

#: Of the image's commit: ostree refuses an update that is older.
TIMESTAMP = "2026-01-01 00:00:00 +0000"
#: The kernel of an update (image/update.py) has a name of this length.
UPDATED_LENGTH = len("6.1.0-50-cloud-amd64")

#: An argument that only lengthens the line.
FILL = " rig.fill="
#: What becomes of the line in the tests: as it is; armed; armed, and edited by ostree.
CONTINUED = ("", " crashkernel=512M-:192M", " crashkernel=512M-:192M quiet")


def deploy(tools: Path, tree: Path, sysroot: Path, traits: Traits) -> None:
    """Commit `tree` (which is used up) and deploy it into `sysroot`; both lie below `tools`."""
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
    commit(tools, tree, sysroot / "ostree/repo", TIMESTAMP)
    # --karg would keep only the last of two with the same key.
    kargs = [f"--karg-append={karg}" for karg in kernel_arguments(traits)]
    ostree("admin", "deploy", f"--sysroot={inner_sysroot}", f"--os={STATEROOT}", *kargs, BRANCH)
    (entry,) = (sysroot / "boot/loader/entries").iterdir()
    entry.write_text(at_good_length(entry.read_text(), coreos.CONTINUED if traits.coreos else CONTINUED))


def kernel_arguments(traits: Traits) -> tuple[str, ...]:
    """What the entry has beside ostree's own."""
    own = tuple(foreign.karg(word, traits.arch) for word in KARGS)
    words = storage.kernel_arguments(coreos.kargs(own) if traits.coreos else own, traits)
    return (*words, *(selinux.KARGS if traits.selinux else ()))


def commit(tools: Path, tree: Path, repo: Path, timestamp: str, version: str = "") -> None:
    """Commit `tree`, which is used up, to a repository that is there; both lie below `tools`. `version` becomes part of the title."""
    inner_tree, inner_repo = (f"/{path.relative_to(tools)}" for path in (tree, repo))
    options = ["--consume", "--fsync=false", f"--timestamp={timestamp}"]
    if version:
        options.append(f"--add-metadata-string=version={version}")
    if selinux.has_policy(tree):
        options.append(f"--selinux-policy={inner_tree}")
    run_in_tree(tools, ["ostree", "commit", f"--repo={inner_repo}", f"--branch={BRANCH}", *options, f"--tree=dir={inner_tree}"])


def at_good_length(entry: str, continued: tuple[str, ...] = CONTINUED) -> str:
    """The entry, as long as GRUB 2.14 reads it whole (orchestrator/rules/grub.py), and with the kernel of an update too.

    Blanks, as the program has them, would not outlive an edit by ostree, and a test could not compare with one argument more.
    """
    options, linux = (bls.first_value(entry, field) for field in ("options", "linux"))
    updated = linux.partition("/vmlinuz-")[0] + "/vmlinuz-" + "x" * UPDATED_LENGTH
    for count in range(1, grub.BLOCK + 1):
        filled = f"{options}{FILL}{'x' * count}"
        if all(grub.is_read_whole(filled + more, path) for more in continued for path in (linux, updated)):
            return entry.replace(options, filled)
    raise RuntimeError(f"GRUB would misread this entry at every length:\n{entry}")
