# SPDX-License-Identifier: Apache-2.0
"""What the capture kernel's command line depends on, read and not judged (capture_cmdline.py has the rules)."""

from __future__ import annotations

from orchestrator.facts import deployments, machine
from orchestrator.rules import capture_cmdline, cmdline, shell_assignments
from orchestrator.rules.capture_cmdline import Facts, Package
from orchestrator.rules.shell_assignments import Assignments
from orchestrator.system import tree
from orchestrator.system.target import provisioned_root

# The program that loads the capture kernel; where a captured tree holds no programs, the file that configures it.
PROGRAMS = {
    Package.KDUMP_UTILS: "usr/bin/kdumpctl",
    Package.SUSE: "usr/lib/kdump/load.sh",
    Package.KDUMP_TOOLS: "usr/sbin/kdump-config",
}
CONFIGS = {
    Package.KDUMP_UTILS: "etc/sysconfig/kdump",
    Package.SUSE: "etc/sysconfig/kdump",
    Package.KDUMP_TOOLS: "etc/default/kdump-tools",
}
DUMPS = "var/crash"
RECORD = "kexec_cmd"
WATCHDOGS = "sys/class/watchdog"


def read(root: str, *, loaded: bool) -> Facts | None:
    """The facts; what was noted counts while a capture kernel is loaded. None where no package that loads one is found.

    Raises Refusal for what cannot be read.
    """
    provisioned = provisioned_root(root)
    package = installed(provisioned)
    if package is None:
        return None
    config = shell_assignments.parse(_text(provisioned, CONFIGS[package]), f"/{CONFIGS[package]}")
    running = machine.surroundings(root).cmdline
    recorded = _recorded(provisioned, package, config) if loaded else None
    return Facts(
        package,
        config,
        running,
        machine.architecture(root),
        cpuinfo=_text(root, "proc/cpuinfo", tree.LARGEST_OF_KERNEL),
        watchdog=any(tree.exists(root, f"{WATCHDOGS}/{name}/device/modalias") for name in tree.names(root, WATCHDOGS)),
        amazon="Amazon" in _text(root, "sys/class/dmi/id/sys_vendor"),
        xen=tree.exists(root, "proc/xen"),
        recorded=recorded,
        gone=_gone(root, running, recorded or ""),
    )


def installed(provisioned: str) -> Package | None:
    """The package in this root."""
    for places in (PROGRAMS, CONFIGS):
        found = [package for package, path in places.items() if tree.exists(provisioned, path)]
        if found:
            suse = Package.SUSE in found and "suse" in _text(provisioned, "etc/os-release")
            return Package.SUSE if suse else found[0]
    return None


def _recorded(provisioned: str, package: Package, config: Assignments) -> str | None:
    """The line that kdump-config noted after the last load."""
    if package is not Package.KDUMP_TOOLS:
        return None
    return capture_cmdline.recorded(_text(provisioned, record(config)))


def record(config: Assignments) -> str:
    """The path of kdump-config's note: it lies in the directory of the dumps (kdump-config, kexec_cmd_file)."""
    directory = (config.get("KDUMP_COREDIR").text or "").strip("/")
    return f"{directory or DUMPS}/{RECORD}"


def _gone(root: str, *lines: str) -> tuple[str, ...]:
    """Those ostree= values of the lines that lead to no deployment; nothing where there are none at all, as in most captured trees.

    ostree removes the links of the other boot version when it has swapped them (ostree-sysroot-cleanup.c
    cleanup_other_bootversions()), though the kernel that runs, and the capture kernel that is loaded, were given one of them.
    """
    if not tree.is_directory(provisioned_root(root), deployments.STATEROOTS):
        return ()
    targets = {cmdline.ostree_target(line) for line in lines} - {None}
    return tuple(sorted(target for target in targets if target and not deployments.directory(root, target)))


def _text(root: str, path: str, limit: int = tree.LARGEST) -> str:
    """A file's text, "" for a missing one; bytes that are no UTF-8 do no harm."""
    return (tree.read_bytes(root, path, limit) or b"").decode("utf-8", "surrogateescape")
