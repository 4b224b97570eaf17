# SPDX-License-Identifier: Apache-2.0
"""A manifest as a Butane config: variant fcos 1.3.0, which becomes the version that ignition.py writes."""

from __future__ import annotations

from orchestrator.render import ignition, plain_yaml
from orchestrator.render.files import File, Manifest
from orchestrator.render.plain_yaml import Octal

VARIANT, VERSION = "fcos", "1.3.0"


def text(manifest: Manifest) -> str:
    """The config as YAML."""
    unit: dict[str, object] = {"name": manifest.unit, "enabled": True}
    if manifest.drop_in:
        unit["dropins"] = [{"name": ignition.DROP_IN, "contents": manifest.drop_in}]
    config: dict[str, object] = {"variant": VARIANT, "version": VERSION}
    if manifest.files:
        config["storage"] = {"files": [_file(file) for file in manifest.files]}
    config["systemd"] = {"units": [unit]}
    return plain_yaml.text(config)


def _file(file: File) -> dict[str, object]:
    """One file."""
    if file.mode is None:
        return {"path": file.path, "append": [{"inline": file.text}]}
    return {"path": file.path, "mode": Octal(file.mode), "overwrite": True, "contents": {"inline": file.text}}
