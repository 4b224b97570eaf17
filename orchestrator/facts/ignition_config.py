# SPDX-License-Identifier: Apache-2.0
"""The rendered Ignition config, /run/ignition.json: what provisioning was asked for (ignition internal/exec/engine.go)."""

from __future__ import annotations

import json
from dataclasses import dataclass

from orchestrator.errors import Refusal
from orchestrator.rules.cmdline import KEY
from orchestrator.system import tree

try:
    import _json
except ImportError:  # an interpreter without the C part of its json package
    _json = None  # type: ignore[assignment]

PATH = "run/ignition.json"
LARGEST = 64 << 20  # bytes; it holds every file that Ignition writes, as data: URLs


@dataclass(frozen=True)
class Rendered:
    """`enabled`: names of the units it enables and does not mask. `kernel_arguments`: crashkernel= values it wants."""

    enabled: tuple[str, ...] = ()
    kernel_arguments: tuple[str, ...] = ()


class _Context:
    """What the C scanner of the json package wants to know (Lib/json/scanner.py)."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float
    memo: dict[str, str] = {}


def load(text: str) -> object:
    """The JSON document in `text`; ValueError where it is none.

    The json package runs re, which costs more than all the rest of a run with nothing to do, so the scanner that json.loads()
    ends in is used directly where the interpreter has it.
    """
    document = _scanned(text)
    if document is not None:
        return document
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _scanned(text: str) -> object:
    """The JSON document in `text`; None where there is none, or no scanner. The scanner alone cannot say what is wrong."""
    if _json is None:
        return None
    start = len(text) - len(text.lstrip(" \t\n\r"))
    try:
        document, end = _json.make_scanner(_Context)(text, start)  # type: ignore[arg-type]  # any object with these attributes
    except (ImportError, StopIteration, SystemError, RecursionError, ValueError):
        return None
    return None if text[end:].strip(" \t\n\r") else document


def parse(text: str) -> Rendered:
    """What the config's text asks for. Refusal for text that is not a JSON object."""
    try:
        document = load(text)
    except ValueError as error:
        raise Refusal(f"/{PATH} is not JSON ({error}); look at what Ignition logged in its fetch stage") from None
    if not isinstance(document, dict):
        raise Refusal(f"/{PATH} is not a JSON object; look at what Ignition logged in its fetch stage")
    units = _list(_dict(document, "systemd"), "units")
    wanted = _list(_dict(document, "kernelArguments"), "shouldExist")
    return Rendered(
        tuple(
            unit["name"]
            for unit in units
            if isinstance(unit, dict) and isinstance(unit.get("name"), str)
            if unit.get("enabled") is True and not unit.get("mask")
        ),
        tuple(word[len(KEY) :] for word in wanted if isinstance(word, str) and word.startswith(KEY)),
    )


def _dict(document: dict[str, object], key: str) -> dict[str, object]:
    """The object under a key, empty where there is none."""
    found = document.get(key)
    return found if isinstance(found, dict) else {}


def _list(document: dict[str, object], key: str) -> list[object]:
    """The list under a key, empty where there is none."""
    found = document.get(key)
    return found if isinstance(found, list) else []


def read(root: str) -> Rendered:
    """The rendered config below `root`; one that asks for nothing where the file is missing."""
    text = tree.read_text(root, PATH, LARGEST)
    return Rendered() if text is None else parse(text)
