# SPDX-License-Identifier: Apache-2.0
"""The files that a machine leaves in its directory: one set per power-on."""

from __future__ import annotations

from pathlib import Path

from harness.ignition import Config


def unused(directory: Path, stem: str, suffix: str) -> Path:
    """A file name for this run: a disk may be booted several times by one test."""
    directory.mkdir(parents=True, exist_ok=True)
    number = 1
    while (directory / f"{stem}{number}{suffix}").exists():
        number += 1
    return directory / f"{stem}{number}{suffix}"


def written(config: Config | None, directory: Path) -> Path | None:
    """Where the config was written, if there is one."""
    if config is None:
        return None
    path = unused(directory, "config", ".ign")
    path.write_text(config.to_json())
    return path
