# SPDX-License-Identifier: Apache-2.0
"""kdump's units: masked, misnamed, replaced, or worked round by a unit of one's own."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.facts.unit import KDUMP_UNITS, UNIT_DIR
from orchestrator.lint import packages
from orchestrator.lint.assumed import Assumed
from orchestrator.lint.findings import Finding, shown
from orchestrator.lint.manifest import Kind, Manifest, Unit
from orchestrator.lint.packages import KDUMP, KDUMP_TOOLS, SYSCONFIG, TOOLS
from orchestrator.rules.cmdline import KEY

# All units of the three packages, and our own.
KNOWN = frozenset(
    "kdump.service kdump-tools.service kdump-tools-dump.service kdump-early.service kdump-notify.service "
    "kdump-commandline.service kdump-save.service kdump-capture.service kdump-emergency.service kdump-karg.service "
    "kdump-karg-write.service kdump-karg-reboot.service kdump-karg-report.service kdump-karg-finish.service".split()
)
EDITORS = ("rpm-ostree kargs", "ostree admin kargs", "grubby", "grub2-mkconfig", "update-grub", "kdumpctl reset-crashkernel")
DEBIANS = "Debian's kdump-tools.service"
REBOOTS = ("systemctl reboot", "systemctl --force reboot", "shutdown -r", "/reboot", "SuccessAction=reboot")


def findings(config: Manifest, machine: Assumed) -> Iterator[Finding]:
    """All of this theme."""
    for unit in config.units:
        yield from _of(config, unit)
    for link in config.links:
        name = link.path.removeprefix(f"/{UNIT_DIR}/")
        if link.target == "/dev/null" and name in packages.enabled(config):
            yield Finding("unit-masked", link.place, f"{name} is enabled, and this link masks it")
    yield from _other_distribution(config)


def _of(config: Manifest, unit: Unit) -> Iterator[Finding]:
    """One unit."""
    if unit.name in KDUMP_UNITS:
        if unit.enabled and unit.masked:
            yield Finding("unit-masked", unit.place, f"{unit.name} is enabled and masked")
        if unit.contents is not None:
            yield Finding("unit-replaced", unit.place, f"this takes the place of the distribution's {unit.name}")
    elif _is_nearly_one(unit):
        sentence = f"{shown(unit.name)} is enabled, and no kdump package has a unit of that name"
        yield Finding("unit-unknown", unit.place, sentence)
    yield from _by_hand(unit)


def _is_nearly_one(unit: Unit) -> bool:
    """Was one of kdump's units meant?"""
    name = unit.name.lower()
    return bool(unit.enabled) and not unit.texts and unit.name not in KNOWN and ("kdump" in name or name.startswith("kexec"))


def _by_hand(unit: Unit) -> Iterator[Finding]:
    """Does a unit of one's own do what kernelArguments are for?"""
    for text in unit.texts:
        kdump = KEY.rstrip("=") in text or "kdump" in text or "kdump" in unit.name
        if any(word in text for word in EDITORS) and KEY.rstrip("=") in text:
            yield Finding("unit-kargs", unit.place, f"{shown(unit.name)} sets crashkernel= by itself")
            return
        if kdump and any(word in text for word in REBOOTS):
            yield Finding("unit-kargs", unit.place, f"{shown(unit.name)} reboots for kdump's sake")
            return


def _other_distribution(config: Manifest) -> Iterator[Finding]:
    """Are unit and files those of two distributions?"""
    enabled = packages.enabled(config)
    for name in enabled:
        unit = config.unit(name)
        place = unit.place if unit is not None else config.place
        if name == KDUMP_TOOLS and config.kind is Kind.MACHINECONFIG:
            yield Finding("unit-name", place, f"RHEL CoreOS has kdump.service, and this enables {DEBIANS}")
        elif name == KDUMP_TOOLS and (config.brings(packages.KDUMP_CONF) or config.brings(SYSCONFIG)):
            yield Finding("unit-name", place, f"the files are those of kdump.service, and this enables {DEBIANS}")
        elif name == KDUMP and config.brings(TOOLS) and KDUMP_TOOLS not in enabled:
            yield Finding("unit-name", place, f"the files are those of {DEBIANS}, and this enables kdump.service")
