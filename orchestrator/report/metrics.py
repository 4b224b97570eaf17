# SPDX-License-Identifier: Apache-2.0
"""The chain as node_exporter's textfile collector reads it, in the text format of Prometheus. Pure.

docs/json.md lists the metrics, which stay. The format:
https://prometheus.io/docs/instrumenting/exposition_formats/, "Text-based format". A number that is not known has no line,
and there are no times of samples: with one, the collector turns the whole file down (node_exporter collector/textfile.go).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from orchestrator.decide.proof import Standing, State
from orchestrator.report.chain import Chain

PREFIX = "kdump_karg_"


@dataclass(frozen=True)
class Gauge:
    """A metric with one value, and its labels. `name` is without the prefix."""

    name: str
    help: str
    value: int
    labels: tuple[tuple[str, str], ...] = ()


def text(found: Chain) -> str:
    """The whole file."""
    return "".join(_lines(gauge) for gauge in (*_of_chain(found), *_of_proof(found.proof)))


def _of_chain(found: Chain) -> Iterator[Gauge]:
    """What `status` knows."""
    yield Gauge("wanted", "Whether kdump is asked for on this machine.", int(found.wanted))
    yield Gauge("armed", "Whether every link from the configuration to the dump holds.", int(found.armed))
    yield Gauge("warnings", "How many warnings kdump-karg status has.", len(found.warnings))
    if found.broken is not None:
        yield Gauge("broken", "The first link that does not hold.", 1, (("link", found.broken.name),))
    if found.reserved is not None:
        yield Gauge("reserved_bytes", "What the kernel has set aside for the capture kernel.", found.reserved)
    if found.needed is not None:
        yield Gauge("needed_bytes", "What the capture kernel is estimated to need.", found.needed)
    if found.space is not None and found.space.free is not None:
        yield Gauge("target_free_bytes", "What is free where the dump goes.", found.space.free)
    if found.space is not None and found.space.largest is not None:
        yield Gauge("target_dump_bytes", "What a dump may take there at most.", found.space.largest)


def _of_proof(proof: Standing | None) -> Iterator[Gauge]:
    """What a crash has proven, and when; of one that has ended the time stays."""
    if proof is None:
        return
    yield Gauge("proven", "Whether a crash has proven what is loaded now.", int(proof.state is State.PROVEN))
    if proof.state in (State.PROVEN, State.CHANGED) and proof.time is not None:
        yield Gauge("proven_timestamp_seconds", "When the last crash proved it, in seconds since 1970.", proof.time)


def _lines(gauge: Gauge) -> str:
    """HELP, TYPE and the sample."""
    name = PREFIX + gauge.name
    labels = ",".join(f'{key}="{_label(value)}"' for key, value in gauge.labels)
    sample = f"{name}{{{labels}}}" if labels else name
    return f"# HELP {name} {_help(gauge.help)}\n# TYPE {name} gauge\n{sample} {gauge.value}\n"


def _help(words: str) -> str:
    """In a help text a backslash and a newline are escaped."""
    return words.replace("\\", "\\\\").replace("\n", "\\n")


def _label(value: str) -> str:
    """In a label's value a double quote as well."""
    return _help(value).replace('"', '\\"')
