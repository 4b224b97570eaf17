# SPDX-License-Identifier: Apache-2.0
"""A scratch ostree sysroot with one deployment, made by ostree itself."""

from __future__ import annotations

import os
import subprocess

KARG = "crashkernel=256M"
STATEROOT = "bench"
KERNEL = "6.1.0-bench"


def make(directory: str) -> str:
    """Make `directory` a sysroot whose only BLS entry has KARG; returns the directory of the deployment's root."""
    source = directory + ".source"
    for path, text in _content().items():
        where = os.path.join(source, path)
        os.makedirs(os.path.dirname(where), exist_ok=True)
        with open(where, "w", encoding="utf-8") as file:
            file.write(text)
    os.makedirs(directory)
    _ostree("admin", "init-fs", "--modern", directory)
    _ostree("admin", f"--sysroot={directory}", "os-init", STATEROOT)
    _ostree(f"--repo={directory}/ostree/repo", "commit", "--branch=bench", f"--tree=dir={source}")
    kargs = ("--karg=root=LABEL=root", f"--karg={KARG}")
    _ostree("admin", f"--sysroot={directory}", "deploy", f"--os={STATEROOT}", *kargs, "bench")
    deployments = os.path.join(directory, "ostree/deploy", STATEROOT, "deploy")
    return os.path.join(deployments, next(name for name in os.listdir(deployments) if not name.endswith(".origin")))


def edit_argv(directory: str) -> tuple[str, ...]:
    """ostree's own way to add KARG, which finds it there."""
    return ("/usr/bin/ostree", "admin", f"--sysroot={directory}", "kargs", "edit-in-place", f"--append-if-missing={KARG}")


def _content() -> dict[str, str]:
    modules = f"usr/lib/modules/{KERNEL}"
    return {
        f"{modules}/vmlinuz": "kernel",
        f"{modules}/initramfs.img": "initramfs",
        "usr/lib/os-release": "ID=bench\nVERSION_ID=1\nPRETTY_NAME=bench\n",
        "usr/etc/hostname": "bench\n",
    }


def _ostree(*arguments: str) -> None:
    # Without this setting a deployment's directory is immutable, and the scratch directory cannot be removed.
    environment = {**os.environ, "OSTREE_SYSROOT_DEBUG": "mutable-deployments"}
    subprocess.run(["ostree", *arguments], check=True, env=environment, stdout=subprocess.DEVNULL)
