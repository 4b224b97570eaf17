# SPDX-License-Identifier: Apache-2.0
"""The trait `selinux`: Debian's reference policy, enforcing, and every file labelled as that policy wants it.

The first boot's files are labelled by Ignition with the real setfiles, as on Fedora CoreOS; PID 1 of the real root loads the policy.
"""

from __future__ import annotations

import os
from pathlib import Path

from host.process import remove_tree, run, run_in_tree

FILES = Path(__file__).parent / "files" / "selinux"
TYPE = "default"
CONFIG = f"SELINUX=enforcing\nSELINUXTYPE={TYPE}\n"
FILE_CONTEXTS = f"etc/selinux/{TYPE}/contexts/files/file_contexts"
MODULE = "rig.cil"

#: Debian's kernel starts AppArmor unless it is told otherwise, and has no selinux=1. The rest is for the tests: without auditd, denials
#: go to the kernel's log, where a limit of its own would drop some.
KARGS = ("security=selinux", "enforcing=1", "audit_backlog_limit=8192", "sysctl.kernel.printk_ratelimit=0")

#: Fedora CoreOS' ignition-ostree-populate-var.sh makes and labels them before Ignition's files are written; here they are in the image.
IN_VAR = ("home", "lib", "log")

#: Of directories that are no part of the deployment and that the policy does not know.
PHYSICAL = b"system_u:object_r:root_t:s0\0"
LABEL = "security.selinux"

#: In the initramfs module of the image: a program in the place of setfiles.
STUB = 'inst_script "$moddir/setfiles" /usr/sbin/setfiles'


def extend_policy(tree: Path) -> None:
    """Add the image's module to the policy, by semodule, in a tree that has the packages and not yet the image's files."""
    run(["cp", "--no-preserve=ownership", FILES / MODULE, tree / MODULE])
    # No reload: this machine runs no SELinux.
    run_in_tree(tree, ["semodule", "--noreload", "--install", f"/{MODULE}"])
    (tree / MODULE).unlink()


def furnish(tree: Path) -> None:
    """Replace what the image has where there is no policy."""
    (tree / "etc/selinux/config").write_text(CONFIG)
    remove_tree(tree / "etc/selinux/rig")
    setup = tree / "usr/lib/dracut/modules.d/95rig/module-setup.sh"
    text = setup.read_text()
    if STUB not in text:
        raise RuntimeError(f"{setup}: the stub has another line")
    setup.write_text(text.replace(STUB, ":"))


def has_policy(tree: Path) -> bool:
    """Is there one in this tree of an ostree commit?"""
    return (tree / "usr/etc/selinux" / TYPE).is_dir()


def label(tools: Path, sysroot: Path) -> None:
    """Label what lies outside the commit: /etc of the deployment, /var, /boot and the physical root."""
    (stateroot,) = (sysroot / "ostree/deploy").iterdir()
    (deployment,) = (path for path in (stateroot / "deploy").iterdir() if path.is_dir())
    contexts = deployment / FILE_CONTEXTS
    _set_files(tools, contexts, sysroot, sysroot, without=sysroot / "ostree")
    _set_files(tools, contexts, deployment, deployment / "etc")
    for name in IN_VAR:
        (stateroot / "var" / name).mkdir(exist_ok=True)
    _set_files(tools, contexts, stateroot, stateroot / "var")
    ostree = sysroot / "ostree"
    for path in (ostree, *ostree.glob("boot*"), ostree / "deploy", stateroot, stateroot / "deploy"):
        os.setxattr(path, LABEL, PHYSICAL, follow_symlinks=False)


def _set_files(tools: Path, contexts: Path, root: Path, path: Path, without: Path | None = None) -> None:
    """Label `path` and what is below it, as the policy wants it below `root`."""
    inner = [f"/{place.relative_to(tools)}" for place in (root, contexts, path)]
    # -m: no file system of this machine is mounted with labels, and setfiles would leave those out.
    excluded = ["-e", f"/{without.relative_to(tools)}"] if without else []
    run_in_tree(tools, ["setfiles", "-m", "-F", *excluded, "-r", *inner])
