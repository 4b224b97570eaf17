# SPDX-License-Identifier: Apache-2.0
"""ignition_config.py: what the rendered Ignition config asks for."""

from __future__ import annotations

import json

import pytest

from orchestrator.errors import Refusal
from orchestrator.facts import ignition_config
from orchestrator.facts.ignition_config import Rendered
from tests.conftest import Make
from tests.sample import IGNITION, NO_WISH

KDUMP = ("kdump.service",)


def units(*entries: object) -> str:
    """A config with these units."""
    return json.dumps({"systemd": {"units": list(entries)}})


def arguments(*words: object) -> str:
    """A config with these kernel arguments."""
    return json.dumps({"kernelArguments": {"shouldExist": list(words)}})


GOOD = [
    ("kdump enabled", IGNITION, Rendered(KDUMP)),
    ("nothing", NO_WISH, Rendered()),
    ("empty object", "{}", Rendered()),
    ("blanks around", ' \n\t\r{"a": 1}\n \t\r', Rendered()),
    ("disabled", units({"name": "kdump.service", "enabled": False}), Rendered()),
    ("enabled is null", units({"name": "kdump.service", "enabled": None}), Rendered()),
    ("enabled is a string", units({"name": "kdump.service", "enabled": "true"}), Rendered()),
    ("masked", units({"name": "kdump.service", "enabled": True, "mask": True}), Rendered()),
    ("not masked", units({"name": "kdump.service", "enabled": True, "mask": False}), Rendered(KDUMP)),
    ("no name", units({"enabled": True}), Rendered()),
    ("units of other types", units("kdump.service", 1, None, [], {"name": 7, "enabled": True}), Rendered()),
    ("units is null", '{"systemd": {"units": null}}', Rendered()),
    ("units is an object", '{"systemd": {"units": {}}}', Rendered()),
    ("systemd is a list", '{"systemd": []}', Rendered()),
    ("a size", arguments("quiet", "crashkernel=512M"), Rendered((), ("512M",))),
    ("high and low", arguments("crashkernel=1G,high", "crashkernel=64M,low"), Rendered((), ("1G,high", "64M,low"))),
    ("no crashkernel", arguments("crashkernel", "nocrashkernel=1M", 1, None), Rendered()),
    ("escapes", '{"kernelArguments": {"shouldExist": ["crashk\\u0065rnel=1M\\n"]}}', Rendered((), ("1M\n",))),
    (
        "the last of a key",
        '{"systemd": {}, "systemd": {"units": [{"name": "kdump.service", "enabled": true}]}}',
        Rendered(KDUMP),
    ),
    ("numbers", '{"a": [1, -2.5e3, 1e999, NaN, Infinity], "b": true}', Rendered()),
]


@pytest.mark.parametrize(("text", "expected"), [row[1:] for row in GOOD], ids=[row[0] for row in GOOD])
def test_good(text: str, expected: Rendered) -> None:
    assert ignition_config.parse(text) == expected
    assert repr(ignition_config.load(text)) == repr(json.loads(text))


BAD = [
    ("empty", ""),
    ("blank", " \n"),
    ("not JSON", "ignition: {}"),
    ("cut short", IGNITION[:-5]),
    ("text behind", "{} x"),
    ("two documents", "{}{}"),
    ("comment", "{} // x"),
    ("single quotes", "{'a': 1}"),
    ("a form feed is no blank", "\x0c{}"),
    ("byte order mark", "\ufeff{}"),
    ("raw newline in a string", '{"a": "\n"}'),
    ("bad escape", '{"a": "\\x"}'),
    ("a list", "[]"),
    ("a string", '"kdump.service"'),
    ("null", "null"),
    ("thousands of levels", "[" * 200_000),
    ("thousands of digits", '{"a": ' + "9" * 5000 + "}"),
]


@pytest.mark.parametrize("text", [row[1] for row in BAD], ids=[row[0] for row in BAD])
def test_bad_is_refused_by_name(text: str) -> None:
    with pytest.raises(Refusal, match=r"^/run/ignition.json is not (JSON|a JSON object).*; look at what Ignition logged"):
        ignition_config.parse(text)


def test_a_missing_file_asks_for_nothing(make: Make) -> None:
    assert ignition_config.read(str(make(ignition=None).root)) == Rendered()


def test_a_file_that_is_not_utf8_is_refused(make: Make) -> None:
    with pytest.raises(Refusal, match="^/run/ignition.json is not UTF-8"):
        ignition_config.read(str(make(ignition=b'{"a": "\xff"}').root))
