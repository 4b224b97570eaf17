# SPDX-License-Identifier: Apache-2.0
"""Which kdump package a config is written for, by the files and units that it names."""

from __future__ import annotations

from orchestrator.facts import conf, dump_target
from orchestrator.facts.kdumpconf import CONFIGS
from orchestrator.facts.unit import KDUMP_UNITS
from orchestrator.lint.manifest import File, Kind, Manifest
from orchestrator.rules import shell_assignments
from orchestrator.rules.capture_cmdline import Package
from orchestrator.rules.shell_assignments import Assignments

KDUMP_CONF = f"/{dump_target.KDUMP_CONF}"
SYSCONFIG = f"/{CONFIGS[Package.KDUMP_UTILS]}"
TOOLS = f"/{CONFIGS[Package.KDUMP_TOOLS]}"
PACKAGE_FILES = (KDUMP_CONF, SYSCONFIG, TOOLS)
OWN, OWN_DIR = f"/{conf.ADMIN_FILE}", f"/{conf.ADMIN_DIR}/"
KDUMP, KDUMP_TOOLS = KDUMP_UNITS
# Variables that only SUSE's /etc/sysconfig/kdump has (sysconfig.kdump.in, April 2026).
SUSE_ONLY = frozenset(
    "KDUMP_SAVEDIR KDUMP_CRASHKERNEL KDUMP_DUMPFORMAT KDUMP_DUMPLEVEL KDUMP_CPUS KDUMP_FREE_DISK_SIZE KDUMP_TRANSFER "
    "KDUMP_UPDATE_BOOTLOADER KDUMP_AUTO_RESIZE KDUMP_SSH_IDENTITY KDUMP_KEEP_OLD_DUMPS KDUMP_NETCONFIG".split()
)


def assignments(config: Manifest, path: str) -> Assignments | None:
    """What a file of assignments sets, where its contents are known."""
    text = config.text(path)
    return None if text is None else shell_assignments.parse(text, path)


def package(config: Manifest) -> Package | None:
    """The package; None where nothing tells."""
    if config.brings(TOOLS):
        return Package.KDUMP_TOOLS
    found = assignments(config, SYSCONFIG)
    if found is not None and not SUSE_ONLY.isdisjoint(found.values):
        return Package.SUSE
    if config.kind is Kind.MACHINECONFIG or config.brings(KDUMP_CONF) or config.brings(SYSCONFIG):
        return Package.KDUMP_UTILS
    unit = config.unit(KDUMP_TOOLS)
    return Package.KDUMP_TOOLS if unit is not None and unit.enabled else None


def enabled(config: Manifest) -> tuple[str, ...]:
    """The kdump units that the config enables and does not mask."""
    found = [unit.name for unit in config.units if unit.name in KDUMP_UNITS and unit.enabled and not unit.masked]
    linked = [link.path for link in config.links if link.path.startswith("/etc/systemd/system/")]
    found += [name for name in KDUMP_UNITS if any(path.endswith((f".wants/{name}", f".requires/{name}")) for path in linked)]
    return tuple(dict.fromkeys(found))


def own_files(config: Manifest) -> list[File]:
    """This project's own configuration, in the order in which it is applied (facts/conf.py)."""
    admin = [file for file in config.files if file.path == OWN]
    rest = [file for file in config.files if file.path.startswith(OWN_DIR) and conf.is_drop_in(file.path[len(OWN_DIR) :])]
    return admin + sorted((file for file in rest if "/" not in file.path[len(OWN_DIR) :]), key=lambda file: file.path)


def concerns_kdump(path: str) -> bool:
    """Is this a file that decides whether there is a dump?"""
    return path in PACKAGE_FILES or path == OWN or path.startswith(OWN_DIR)
