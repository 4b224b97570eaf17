# SPDX-License-Identifier: Apache-2.0
"""The note that Ignition's kargs stage leaves for the end of the same boot: which kernel arguments need the reboot.

And what Ignition is about to bind to TPM registers, while no such volume exists yet.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.errors import Refusal
from orchestrator.facts import ignition_config
from orchestrator.facts.machine import ARGUMENTS_DUE
from orchestrator.rules import kargs
from orchestrator.rules.kargs import Asked
from orchestrator.system import tree

PCR_IDS = "pcr_ids"  # of clevis' tpm2 pin (clevis-encrypt-tpm2(1))


def read(root: str) -> Asked:
    """What was asked for in this boot's kargs stage."""
    return kargs.decode(tree.read_text(root, ARGUMENTS_DUE) or "")


def bindings(root: str) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """(where, TPM registers) of every volume of the rendered config that clevis is to bind (ignition config/v3_6 Clevis).

    Of pins inside a pin each counts. Nothing is known of a config that cannot be read: Ignition has its say on that.
    """
    try:
        document = ignition_config.load(tree.read_text(root, ignition_config.PATH, ignition_config.LARGEST) or "")
    except (Refusal, ValueError):
        return ()
    found = []
    for number, volume in enumerate(_items(_item(_item(document, "storage"), "luks"))):
        custom = _item(_item(_item(volume, "clevis"), "custom"), "config")
        try:
            pins = ignition_config.load(custom) if isinstance(custom, str) else None
        except ValueError:
            continue
        registers = tuple(sorted({each for text in _pcr_ids(pins) for each in _numbers(text)}))
        found += [(f"/{ignition_config.PATH}: storage.luks[{number}]", registers)] if registers else []
    return tuple(found)


def _pcr_ids(node: object) -> Iterator[object]:
    """The value of every `pcr_ids` in a document. What is nested deeper than a parser would go is not a pin's."""
    todo = [node]
    while todo:
        here = todo.pop()
        if isinstance(here, dict):
            todo += [value for key, value in here.items() if key != PCR_IDS]
            yield from (here[key] for key in here if key == PCR_IDS)
        elif isinstance(here, list):
            todo += here


def _numbers(value: object) -> list[int]:
    """The registers of one pin: "7,8", a number, or a list of either."""
    words = value if isinstance(value, list) else str(value).split(",")
    return [int(text) for text in (str(word).strip() for word in words) if text.isdecimal() and len(text) < 4]


def _item(node: object, key: str) -> object:
    """What stands under a key; None where there is none."""
    return node.get(key) if isinstance(node, dict) else None


def _items(node: object) -> list[object]:
    """A list's items."""
    return node if isinstance(node, list) else []
