# SPDX-License-Identifier: Apache-2.0
"""Is a unit enabled by provisioning? Read from what lies below /etc, as systemd will read it on the next boot."""

from __future__ import annotations

import fnmatch

from orchestrator.errors import Refusal
from orchestrator.system import tree

KDUMP_UNITS = ("kdump.service", "kdump-tools.service")
LONGEST_PATTERN = 255  # of a unit's name (systemd.unit(5)); what is longer costs more time than it is worth
UNIT_DIR = "etc/systemd/system"
VENDOR_UNIT_DIR = "usr/lib/systemd/system"
ENABLING = (".wants", ".requires", ".upholds")  # directories of links that start a unit (systemd.unit(5))
MACHINE_ID = "etc/machine-id"
PRESET_DIR = "etc/systemd/system-preset"
VENDOR_PRESET_DIR = "usr/lib/systemd/system-preset"
# What `enable=yes` leaves. It sorts behind 20-ignition.preset, so that the word of the operator's manifest counts more.
OWN_PRESET = f"{PRESET_DIR}/20-kdump-karg.preset"


def is_masked(root: str, unit: str) -> bool:
    """Masked units never start, whatever enables them (systemctl(1), mask)."""
    return tree.link_target(root, f"{UNIT_DIR}/{unit}") == "/dev/null"


def is_pristine(root: str, path: str) -> bool:
    """Did the image ship this very file below /etc? ostree keeps the image's own /etc in /usr/etc."""
    shipped = f"usr/{path}"
    if not tree.exists(root, shipped):
        return False
    link = tree.link_target(root, path)
    if link is not None:
        return link == tree.link_target(root, shipped)
    return tree.read_bytes(root, path) == tree.read_bytes(root, shipped)


def installed(root: str) -> str | None:
    """The kdump unit that the image has; None without one."""
    for name in KDUMP_UNITS:
        if tree.exists(root, f"{VENDOR_UNIT_DIR}/{name}") or tree.exists(root, f"{UNIT_DIR}/{name}"):
            return name
    return None


def own_preset(unit: str) -> str:
    """The text of OWN_PRESET."""
    return f"# Made by kdump-karg, where its configuration says enable=yes.\nenable {unit}\n"


def enabled_by_us(root: str) -> str:
    """The unit that OWN_PRESET enables; "" where there is none, or somebody has changed it."""
    text = tree.read_text(root, OWN_PRESET)
    return next((name for name in KDUMP_UNITS if text == own_preset(name)), "")


def symlink(root: str, unit: str) -> str | None:
    """The path of a link that provisioning made to enable the unit, as `systemctl enable` makes it; None without one."""
    for directory in tree.names(root, UNIT_DIR):
        path = f"{UNIT_DIR}/{directory}/{unit}"
        if directory.endswith((".wants", ".requires")) and tree.exists(root, path) and not is_pristine(root, path):
            return path
    return None


def preset(root: str, unit: str) -> str | None:
    """The path of the preset file by which provisioning enables the unit; None where it does not.

    Files of both directories are read in the order of their names, the first line that matches decides, and a file below
    /etc hides the vendor's of the same name (systemd.preset(5)). A vendor's preset can thus undo the
    intent, but is never one itself.
    """
    admin = _presets(root, PRESET_DIR)
    if not admin:
        return None
    vendor = [name for name in _presets(root, VENDOR_PRESET_DIR) if name < admin[-1]]
    path, verdict = _deciding(root, unit, admin, vendor)
    return path if verdict and path.startswith(f"{PRESET_DIR}/") and not is_pristine(root, path) else None


def unwanted(root: str, unit: str) -> str | None:
    """The path of what says below /etc that the unit is not to run: a mask, or a preset that disables it by provisioning's word."""
    if is_masked(root, unit):
        return f"{UNIT_DIR}/{unit}"
    admin = _presets(root, PRESET_DIR)
    vendor = [name for name in _presets(root, VENDOR_PRESET_DIR) if admin and name < admin[-1]]
    path, verdict = _deciding(root, unit, admin, vendor)
    return path if verdict is False and path.startswith(f"{PRESET_DIR}/") and not is_pristine(root, path) else None


def _deciding(root: str, unit: str, admin: list[str], vendor: list[str]) -> tuple[str, bool | None]:
    """The path of the preset file that decides on the unit, and its verdict; None where no file speaks of it."""
    for name in sorted({*admin, *vendor}):
        path = f"{PRESET_DIR if name in admin else VENDOR_PRESET_DIR}/{name}"
        verdict = preset_verdict(tree.read_text(root, path) or "", unit)
        if verdict is not None:
            return path, verdict
    return "", None


def is_enabled(root: str, unit: str) -> bool:
    """Does anything enable the unit, the image itself included? True also where a preset that may do it cannot be read.

    Links count wherever they are, and presets too, since systemd applies them on its own first boot. What no preset speaks of
    is enabled then (systemd.preset(5)).
    """
    for directory in (UNIT_DIR, VENDOR_UNIT_DIR):
        for name in tree.names(root, directory):
            if name.endswith(ENABLING) and tree.exists(root, f"{directory}/{name}/{unit}"):
                return True
    try:
        _, verdict = _deciding(root, unit, _presets(root, PRESET_DIR), _presets(root, VENDOR_PRESET_DIR))
    except Refusal:
        return True
    return is_fresh(root) if verdict is None else verdict


def is_fresh(root: str) -> bool:
    """Is systemd's own first boot, on which it applies all presets, still to come (machine-id(5), "First Boot Semantics")?"""
    found = tree.read_bytes(root, MACHINE_ID)
    return found is None or found.strip() == b"uninitialized"


def _presets(root: str, directory: str) -> list[str]:
    """The names of the preset files that systemd reads there; it passes over hidden ones."""
    return [name for name in tree.names(root, directory) if name.endswith(".preset") and not name.startswith(".")]


def preset_verdict(text: str, unit: str) -> bool | None:
    """What a preset file says of a unit: True enable, False disable, None nothing."""
    for line in text.split("\n"):
        fields = line.split()
        if len(fields) >= 2 and fields[0] in ("enable", "disable", "ignore") and _matches(fields[1], unit):
            return fields[0] == "enable"
    return None


def _matches(pattern: str, unit: str) -> bool:
    """fnmatch(3); most patterns are plain names and need none of it."""
    if pattern in ("*", unit):
        return True
    if len(pattern) > LONGEST_PATTERN or not any(char in pattern for char in "*?["):
        return False
    return fnmatch.fnmatchcase(unit, pattern)
