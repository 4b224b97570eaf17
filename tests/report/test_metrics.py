# SPDX-License-Identifier: Apache-2.0
"""metrics.py: the file for node_exporter, read back by Prometheus' own parser for Python."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.decide.proof import Standing, State
from orchestrator.decide.room import Room, Whose
from orchestrator.report import metrics
from orchestrator.report.chain import Chain
from orchestrator.report.links import NAMES, Link
from orchestrator.report.metrics import Gauge
from orchestrator.report.target_link import Space
from tests.sample import MIB

SYSTEM_PYTHON = "/usr/bin/python3"  # Debian's, for Debian's python3-prometheus-client
PARSE = """
import json, sys
from prometheus_client.parser import text_string_to_metric_families
families = text_string_to_metric_families(sys.stdin.read())
print(json.dumps([[f.name, f.type, f.documentation, [[s.name, s.labels, s.value, s.timestamp] for s in f.samples]] for f in families]))
"""
LINKS = tuple(Link(name, True, "x") for name in NAMES)
ARMED = Chain(True, LINKS, None, 192 * MIB, 180 * MIB, space=Space("/var/crash", 900 * MIB, 300 * MIB))
BROKEN = Chain(True, (*LINKS[:3], Link("command line", False, "x")), None, 0, 180 * MIB)
NOT_WANTED = Chain(False, (), None)


def samples(text: str) -> list[str]:
    """The lines that are no comments, without the prefix."""
    return [line.removeprefix(metrics.PREFIX) for line in text.splitlines() if not line.startswith("#")]


FILES: list[tuple[str, Chain, Standing | None, list[str]]] = [
    ("not wanted", NOT_WANTED, None, ["wanted 0", "armed 0", "warnings 0"]),
    (
        "armed",
        ARMED,
        None,
        [
            *("wanted 1", "armed 1", "warnings 0", "reserved_bytes 201326592", "needed_bytes 188743680"),
            *("target_free_bytes 943718400", "target_dump_bytes 314572800"),
        ],
    ),
    (
        "broken",
        BROKEN,
        Standing(State.NEVER),
        [
            "wanted 1",
            "armed 0",
            "warnings 0",
            'broken{link="command line"} 1',
            "reserved_bytes 0",
            "needed_bytes 188743680",
            "proven 0",
        ],
    ),
    (
        "proven",
        NOT_WANTED,
        Standing(State.PROVEN, 1764073200),
        ["wanted 0", "armed 0", "warnings 0", "proven 1", "proven_timestamp_seconds 1764073200"],
    ),
    (
        "proven once",
        NOT_WANTED,
        Standing(State.CHANGED, 1764073200, changed=("kernel",)),
        ["wanted 0", "armed 0", "warnings 0", "proven 0", "proven_timestamp_seconds 1764073200"],
    ),
    ("failed", NOT_WANTED, Standing(State.FAILED, 1764073200), ["wanted 0", "armed 0", "warnings 0", "proven 0"]),
    (
        "some numbers are missing",
        Chain(True, LINKS, None, space=Space("UUID=1", None, 1)),
        None,
        ["wanted 1", "armed 1", "warnings 0", "target_dump_bytes 1"],
    ),
]


@pytest.mark.parametrize(("found", "proof", "expected"), [row[1:] for row in FILES], ids=[row[0] for row in FILES])
def test_samples(found: Chain, proof: Standing | None, expected: list[str]) -> None:
    assert samples(metrics.text(replace(found, proof=proof))) == expected


def test_a_shortage_is_a_warning() -> None:
    assert "warnings 1" in samples(metrics.text(replace(ARMED, rooms=(Room(Whose.BOOTED, "7.2", 1 * MIB, 2 * MIB, "add memory"),))))


def parsed(text: str) -> Any:
    """What the parser makes of a text: name, type, help and samples of every family."""
    argv = [SYSTEM_PYTHON, "-c", PARSE]
    return json.loads(subprocess.run(argv, input=text, capture_output=True, text=True, check=True).stdout)


def has_parser() -> bool:
    """Can the system's Python parse them?"""
    probe = [SYSTEM_PYTHON, "-c", "import prometheus_client.parser"]
    return Path(SYSTEM_PYTHON).exists() and not subprocess.run(probe, capture_output=True, check=False).returncode


needs_parser = pytest.mark.skipif(not has_parser(), reason="python3-prometheus-client is not installed for /usr/bin/python3")


@needs_parser
@pytest.mark.parametrize(("found", "proof"), [row[1:3] for row in FILES], ids=[row[0] for row in FILES])
def test_a_real_parser_reads_it(found: Chain, proof: Standing | None) -> None:
    text = metrics.text(replace(found, proof=proof))
    families = parsed(text)
    assert len(families) == len(samples(text)) == text.count("# HELP ") == text.count("# TYPE ")
    for name, kind, documentation, ((sample, _, _, timestamp),) in families:
        assert name == sample and name.startswith(metrics.PREFIX) and kind == "gauge" and timestamp is None
        assert documentation.endswith(".")
    assert [family[3][0][2] for family in families] == [float(line.rpartition(" ")[2]) for line in samples(text)]


@needs_parser
@pytest.mark.parametrize("nasty", ['a"b', "a\\b", "a\nb", "\\", '\\"', "\\n", '"} 1\nx{y="', "é", ""])
def test_what_would_end_a_label_or_a_line_is_escaped(nasty: str) -> None:
    ((name, _, documentation, ((_, labels, value, _),)),) = parsed(
        metrics._lines(Gauge("x", f"Help {nasty}.", 7, (("link", nasty),)))
    )
    assert (name, labels, value) == ("kdump_karg_x", {"link": nasty}, 7.0)
    assert documentation == f"Help {nasty}."
