# SPDX-License-Identifier: Apache-2.0
"""Butane to Ignition, for the few keys that our files use. Whatever else is in a file is an error.

With `butane` on the machine the tests ask it as well. Source: Butane's pages on fcos 1.4.0 and on upgrading.
"""

from __future__ import annotations

import base64
import json
import shutil
import urllib.parse
from pathlib import Path

from host.process import run

from exttest import plainyaml
from exttest.plainyaml import Value

#: Butane's versions of the variant, and Ignition's that each becomes: the newest that Debian's Ignition takes, and the one before.
FCOS = {"1.3.0": "3.2.0", "1.4.0": "3.3.0"}
PROGRAM = "butane"
DATA = "data:"


class ButaneError(ValueError):
    """A key or a value that is not translated here."""


def translate(text: str) -> dict[str, Value]:
    """The Ignition config that a Butane config stands for."""
    config = plainyaml.read(text)
    heading = (config.pop("variant", None), str(config.pop("version", None)))
    if heading[0] != "fcos" or heading[1] not in FCOS:
        raise ButaneError(f"variant and version are {heading}, not fcos and one of {', '.join(FCOS)}")
    translated: dict[str, Value] = {"ignition": {"version": FCOS[heading[1]]}}
    for key, value in config.items():
        if key == "systemd":
            translated[key] = {"units": [_unit(unit) for unit in _list(value, "units")]}
        elif key == "storage":
            translated[key] = {"files": [_file(file) for file in _list(value, "files")]}
        else:
            raise ButaneError(f"{key}: not translated here")
    return translated


def _list(value: Value, name: str) -> list[Value]:
    inner = value.get(name) if isinstance(value, dict) and set(value) == {name} else None
    if not isinstance(inner, list):
        raise ButaneError(f"not just a list of {name}: {value}")
    return inner


def _checked(value: Value, types: dict[str, type]) -> dict[str, Value]:
    """The same mapping, if it has these keys and no others, with values of these types."""
    if not isinstance(value, dict):
        raise ButaneError(f"not a mapping: {value}")
    for key, inner in value.items():
        if type(inner) is not types.get(key):
            raise ButaneError(f"{key}: {inner!r}: not translated here")
    return value


def _unit(value: Value) -> Value:
    unit = _checked(value, {"name": str, "enabled": bool, "mask": bool, "contents": str, "dropins": list})
    drop_ins = unit.get("dropins", [])
    for drop_in in drop_ins if isinstance(drop_ins, list) else []:
        _checked(drop_in, {"name": str, "contents": str})
    return unit


def _file(value: Value) -> Value:
    file = _checked(value, {"path": str, "mode": int, "overwrite": bool, "contents": dict, "append": list})
    if "contents" in file:
        file["contents"] = _resource(file["contents"])
    pieces = file.get("append")
    if isinstance(pieces, list):
        file["append"] = [_resource(piece) for piece in pieces]
    return file


def _resource(value: Value) -> Value:
    inline = _checked(value, {"inline": str}).get("inline", "")
    return {"source": f"{DATA},{urllib.parse.quote(str(inline))}"}


def canonical(config: Value) -> Value:
    """The same for two configs that say the same: how a text is encoded does not count, nor what is empty."""
    if isinstance(config, list):
        return [canonical(value) for value in config]
    if isinstance(config, dict):
        return {key: canonical(value) for key, value in config.items() if value != ""}
    return _decoded(config) if isinstance(config, str) and config.startswith(DATA) else config


def _decoded(url: str) -> str:
    kind, comma, text = url.removeprefix(DATA).partition(",")
    if not comma or kind not in ("", ";base64"):
        raise ButaneError(f"{url[:40]}: not decoded here")
    return f"{DATA}{base64.b64decode(text).decode() if kind else urllib.parse.unquote(text)}"


def disagreement(butane: Path, ignition: Path) -> str:
    """Why the two files do not say the same, by this reader and by butane(1) where it is installed; "" where they do."""
    kept = canonical(json.loads(ignition.read_text()))
    readers = {"the reader of exttest/butane.py": translate(butane.read_text())}
    if shutil.which(PROGRAM):
        readers[PROGRAM] = json.loads(run([PROGRAM, "--strict", butane]))
    wrong = [f"{name} makes {canonical(made)}" for name, made in readers.items() if canonical(made) != kept]
    return "; ".join(wrong) and f"{ignition} says {kept}, but of {butane} {'; '.join(wrong)}"
