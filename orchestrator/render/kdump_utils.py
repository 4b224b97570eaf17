# SPDX-License-Identifier: Apache-2.0
"""/etc/kdump.conf of kdump-utils. /etc/sysconfig/kdump stays the package's: what it takes off and adds differs by architecture.

Its list of what is taken off the capture kernel's line has ignition.firstboot since May 2022 (218d991).
Sources: kdump-utils (March 2026) kdump.conf(5), mkdumprd, kdumpctl parse_config(); coreos-assembler's test kdump.crash.nfs.
"""

from __future__ import annotations

from orchestrator.errors import Refusal
from orchestrator.render.distribution import KDUMP_CONF
from orchestrator.render.request import Directory, Nfs, Raw, Request, Ssh, Target
from orchestrator.rules import dump_target, makedumpfile

PATH = KDUMP_CONF
TO_ROOT = "dump_to_rootfs"
# Fedora CoreOS leaves NFS out of its initramfs, and its omission holds for the capture kernel's where dracut is older than
# 105; dracut's module cannot be forced there (it stops with an error), so the program and the drivers are named.
NFS = ("extra_bins /sbin/mount.nfs", "extra_modules nfs nfsv3 nfsv4 nfs_layout_nfsv41_files")
# Who writes what: to a file that it is given, to its standard output, to an address of ssh.
COPIERS: dict[str, tuple[type, ...]] = {"cp": (Directory, Nfs, type(None)), "cat": (Ssh, Raw), "scp": (Ssh,)}


def text(request: Request) -> str:
    """The lines of the file, "" where the package's own serves."""
    lines = _target(request.target)
    if request.collector:
        _check_collector(request.collector, request.target)
        lines.append(f"core_collector {request.collector}")
    if request.failure_action:
        if request.failure_action == TO_ROOT and isinstance(request.target, (Directory, type(None))):
            raise Refusal(f"failure-action {TO_ROOT} is for a target elsewhere; give ssh, nfs or raw, or another action")
        lines.append(f"failure_action {request.failure_action}")
    # kdump-karg has written the argument, and nobody else is to change it.
    return "".join(f"{line}\n" for line in ["auto_reset_crashkernel no", *lines]) if lines else ""


def _target(target: Target | None) -> list[str]:
    """Where the dump goes."""
    if isinstance(target, Directory):
        return [f"path {target.path}"]
    if isinstance(target, Ssh):
        return [f"ssh {target.account}@{target.host}", f"sshkey {dump_target.KEY}", f"path {target.directory}"]
    if isinstance(target, Nfs):
        return [f"nfs {target.host}:{target.export}", "path /", *NFS]
    return [f"raw {target.device}"] if isinstance(target, Raw) else []


def _check_collector(command: str, target: Target | None) -> None:
    """Refuse what mkdumprd refuses (verify_core_collector()), and what writes to another place than the target has."""
    program, _, arguments = command.partition(" ")
    name = program.rpartition("/")[2]
    if name == makedumpfile.PROGRAM:
        if isinstance(target, (Ssh, Raw)) and "-F" not in arguments.split():
            raise Refusal("a makedumpfile for ssh or a raw device writes a stream: add -F to the core-collector")
    elif name not in COPIERS:
        raise Refusal(f"core-collector is none of makedumpfile, {', '.join(COPIERS)} (kdump.conf(5)); give one of them")
    elif not isinstance(target, COPIERS[name]):
        raise Refusal(f"{name} as core-collector does not write to this target (kdump.conf(5)); give makedumpfile")
