# SPDX-License-Identifier: Apache-2.0
"""arguments_due.py: the note of the kargs stage, and TPM registers in the rendered config."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.facts import arguments_due
from orchestrator.facts.machine import ARGUMENTS_DUE
from orchestrator.rules.kargs import Asked
from tests.sample import Sample


def test_the_note(tmp_path: Path) -> None:
    assert arguments_due.read(str(tmp_path)) == Asked()
    Sample(tmp_path).write(ARGUMENTS_DUE, "+a\n-b\n")
    assert arguments_due.read(str(tmp_path)) == Asked(("a",), ("b",))


def luks(*volumes: object) -> str:
    """A rendered config with these volumes."""
    return json.dumps({"storage": {"luks": list(volumes)}})


def custom(config: object) -> dict[str, object]:
    """A volume that clevis binds by this."""
    return {"clevis": {"custom": {"pin": "x", "config": config if isinstance(config, str) else json.dumps(config)}}}


CONFIGS = [
    ("none", "{}", {}),
    ("not JSON", "{", {}),
    ("no object", "[]", {}),
    ("Ignition's own", luks({"clevis": {"tpm2": True}}), {}),
    ("text", luks(custom({"pcr_ids": "7, 8"})), {0: (7, 8)}),
    ("number", luks({}, custom({"pcr_ids": 8})), {1: (8,)}),
    ("list", luks(custom({"pcr_ids": ["9", 12]})), {0: (9, 12)}),
    ("pins in a pin", luks(custom({"t": 1, "pins": {"tang": [{}], "tpm2": [{"pcr_ids": "8"}, {"pcr_ids": "7"}]}})), {0: (7, 8)}),
    ("without registers", luks(custom({"hash": "sha256"})), {}),
    ("nonsense", luks(custom({"pcr_ids": "²,x,-1," + "9" * 5000})), {}),
    ("a config that is no JSON", luks(custom("{")), {}),
    ("not a string", luks({"clevis": {"custom": {"config": 7}}}), {}),
    ("other shapes", json.dumps({"storage": {"luks": {"a": 1}}}), {}),
    ("deep", luks(custom("[" * 100_000)), {}),
]


@pytest.mark.parametrize(("text", "expected"), [row[1:] for row in CONFIGS], ids=[row[0] for row in CONFIGS])
def test_what_clevis_is_to_bind(tmp_path: Path, text: str, expected: dict[int, tuple[int, ...]]) -> None:
    Sample(tmp_path).write("run/ignition.json", text)
    found = {f"/run/ignition.json: storage.luks[{number}]": registers for number, registers in expected.items()}
    assert dict(arguments_due.bindings(str(tmp_path))) == found


def test_without_a_config(tmp_path: Path) -> None:
    assert arguments_due.bindings(str(tmp_path)) == ()
