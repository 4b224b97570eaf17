# SPDX-License-Identifier: Apache-2.0
"""plain_yaml.py: what is written is read as the same by others; what could be read otherwise is not written."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest
from exttest import plainyaml

from orchestrator.render import plain_yaml
from orchestrator.render.plain_yaml import Octal
from tests.render.test_valid import PYTHON, YAML_TO_JSON

STRINGS = [
    "a", "/a/b", "a:b", "data:,a%20b", "a b", "", "yes", "No", "off", "null", "~", "1", "1.5", "0x1", "1e3", "2001-01-01", "12:30", "a: b", "a #b", "#a",
    "- a", "a:", ":a", '"', "\\", "'", "{a}", "[a]", "&a", "*a", "!a", "|", ">", "@a", "`a`", "%a", "? a", "=", "<<", "true", ".inf", ".nan", "-", "y", "n",
]  # fmt: skip
DOCUMENT: dict[str, Any] = {
    "variant": "fcos",
    "a/b.c-d": "x",
    "numbers": {"plain": 420, "octal": Octal(0o600), "none": 0},
    "truth": [{"so": True}, {"not": False}],
    "text": "one\n  two: |\n# three\n\nfour\n",
    "lists": [{"inner": [{"text": "a\nb\n"}, {"other": 1}]}, {"c": "d"}],
    "plain": STRINGS,
}


def by_pyyaml(text: str) -> Any:
    """As PyYAML reads it."""
    done = subprocess.run([PYTHON, "-c", YAML_TO_JSON], input=json.dumps([text]), capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("PyYAML is not installed (Debian's package python3-yaml)")
    (found,) = json.loads(done.stdout)
    return found


def test_pyyaml_reads_what_was_meant() -> None:
    assert by_pyyaml(plain_yaml.text(DOCUMENT)) == json.loads(json.dumps(DOCUMENT))


def test_our_own_reader_does_as_well() -> None:
    assert plainyaml.read(plain_yaml.text(DOCUMENT)) == DOCUMENT


WRONG: list[Any] = [
    {"a": "b\x00"}, {"a": "\t"}, {"a": "\x85"}, {"a": "\u2028"}, {"a": "\u00e9"}, {"a": "b\r\n"}, {"a": "b\nc"}, {"a": "b\n\n"}, {"a": "\nb\n"},
    {"a": " b\nc\n"}, {"a": None}, {"a": 1.5}, {"a": {}}, {"a": []}, {"a": [[]]}, {"a": [{}]}, {"a": ["b\nc\n"]}, {1: "a"}, {"yes": 1}, {"a b": 1}, {"": 1},
    {"a": b"b"},
]  # fmt: skip


@pytest.mark.parametrize("document", WRONG, ids=repr)
def test_what_is_not_safe_is_not_written(document: Any) -> None:
    with pytest.raises(ValueError):
        plain_yaml.text(document)
