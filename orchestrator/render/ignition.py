# SPDX-License-Identifier: Apache-2.0
"""A manifest as an Ignition config of specification 3.2.0, which Ignition 2.7 and later and Machine Config Operator take."""

from __future__ import annotations

import json

from orchestrator.render.files import File, Manifest

VERSION = "3.2.0"
DROP_IN = "10-kdump-karg.conf"
# RFC 3986, unreserved; and what a query may hold as it is (the data of a data: URL, RFC 2397), without what YAML or JSON quote.
AS_IT_IS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/:@=,;+")


def text(manifest: Manifest) -> str:
    """The config as JSON."""
    return json.dumps(config(manifest), indent=2, sort_keys=True) + "\n"


def config(manifest: Manifest) -> dict[str, object]:
    """The config as an object."""
    unit: dict[str, object] = {"name": manifest.unit, "enabled": True}
    if manifest.drop_in:
        unit["dropins"] = [{"name": DROP_IN, "contents": manifest.drop_in}]
    found: dict[str, object] = {"ignition": {"version": VERSION}}
    if manifest.files:
        found["storage"] = {"files": [_file(file) for file in manifest.files]}
    return {**found, "systemd": {"units": [unit]}}


def _file(file: File) -> dict[str, object]:
    """One file. One that the image has is replaced, or added to."""
    source = {"source": data_url(file.text)}
    if file.mode is None:
        return {"path": file.path, "append": [source]}
    return {"path": file.path, "mode": file.mode, "overwrite": True, "contents": source}


def data_url(content: str) -> str:
    """The text in a URL (RFC 2397)."""
    return "data:," + "".join(char if char in AS_IT_IS else _escaped(char) for char in content)


def _escaped(char: str) -> str:
    """Its bytes, each as a per cent sign and two digits."""
    return "".join(f"%{byte:02X}" for byte in char.encode())
