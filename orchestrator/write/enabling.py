# SPDX-License-Identifier: Apache-2.0
"""Enable the kdump unit, where the configuration says enable=yes, and take that back.

A preset is left as Ignition leaves one for the units of a config (internal/exec/stages/files/units.go): systemd applies it when
the real root starts for the first time, and a link made before would not outlive `disable *` (systemd.preset(5)). Later
boots apply no presets, so there systemctl makes the links as well.
"""

from __future__ import annotations

import os

from orchestrator import log
from orchestrator.facts import unit as units
from orchestrator.system import labels, process, tree
from orchestrator.system.target import Target, provisioned_root

MODE = 0o644


def enable(target: Target, unit: str, *, initramfs: bool) -> None:
    """Have the unit started on every boot from the next start of the real root on. Raises OSError, and Failure for systemctl's.

    In a captured tree only the preset is left.
    """
    root = provisioned_root(target.root)
    _leave(tree.resolve(root, units.OWN_PRESET, last=False), units.own_preset(unit))
    if target.live and not initramfs:
        process.run("systemctl", "--no-reload", "enable", unit)
    log.say(log.INFO, f"{unit} is enabled, by /{units.OWN_PRESET}")


def take_back(target: Target, unit: str) -> None:
    """Remove the preset, and the links that came of it. Raises as enable()."""
    if target.live:
        process.run("systemctl", "--no-reload", "disable", unit)
    os.unlink(tree.resolve(provisioned_root(target.root), units.OWN_PRESET, last=False))
    log.say(log.INFO, f"{unit} is disabled again: it was enabled for enable=yes")


def _leave(place: str, text: str) -> None:
    """Put the file there, whole, on disk before it has its name: a machine that loses power has all of it or none."""
    directory, _, name = place.rpartition("/")
    labels.make_directories(directory)
    temporary = f"{directory}/.{name}"
    file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, MODE)
    with open(file, "w", encoding="utf-8") as stream:
        stream.write(text)
        os.fchmod(file, MODE)
        labels.pass_on(temporary, stream.fileno())
        stream.flush()
        os.fsync(file)
    os.rename(temporary, place)
