# SPDX-License-Identifier: Apache-2.0
"""A reservation that an update has outgrown: what `plan` and `apply` do about it on a machine that runs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator.facts import bootstate
from tests.conftest import Make
from tests.invocation import Output, call
from tests.report.test_shortage import LARGE, LINE, SIZE, machine
from tests.sample import MIB, OPTIONS, Sample

CONF = "crashkernel=auto\n"


def planned(sample: Sample, capsys: Output) -> dict[str, Any]:
    """`plan --json`."""
    assert call(sample, "plan", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert isinstance(document, dict)
    return document


@pytest.mark.parametrize("conf", [None, CONF], ids=["by the unit", "by the config"])
@pytest.mark.parametrize("sizes", [{"booted": LARGE}, {"following": LARGE}], ids=["the booted one", "the one booted next"])
def test_auto_is_raised_by_apply(make: Make, capsys: Output, conf: str | None, sizes: dict[str, int]) -> None:
    """Planned, written, and PENDING from then on; after the reboot it is enough."""
    sample = machine(make, conf=conf, **sizes)
    plan = planned(sample, capsys)
    assert plan["decision"] == "CHANGE" and plan["reserved_bytes"] >= plan["needed_bytes"] > 192 * MIB
    assert "raised because the capture kernel needs about" in plan["reason"]
    assert call(sample, "apply") == 0
    value = f"crashkernel={plan['crashkernel']}"
    assert sample.options.split()[-1] == value and sample.options.count("crashkernel=") == 1
    assert planned(sample, capsys)["decision"] == "PENDING"
    sample.write("proc/cmdline", LINE.replace(SIZE, value))
    assert planned(sample, capsys)["decision"] == "ACTIVE"


def test_a_size_that_somebody_named_is_left_alone(make: Make, capsys: Output) -> None:
    line = LINE.replace(SIZE, "crashkernel=192M")
    sample = machine(make, booted=LARGE, conf="crashkernel=192M\n", cmdline=line, options=f"{OPTIONS} crashkernel=192M")
    plan = planned(sample, capsys)
    assert plan["decision"] == "ACTIVE" and "into /etc/kdump-karg.conf, run kdump-karg apply, and reboot" in plan["warning"]
    before = sample.snapshot("boot")
    assert call(sample, "apply") == 0
    assert sample.snapshot("boot") == before


@pytest.mark.parametrize(
    "where",
    [{"etc/initrd-release": ""}, {f"sysroot/{bootstate.BEGUN}": ""}],
    ids=["in the initramfs", "while a write is to be finished"],
)
def test_what_runs_by_itself_raises_nothing(make: Make, capsys: Output, where: dict[str, str]) -> None:
    sample = machine(make, booted=LARGE)
    for path, content in where.items():
        sample.write(path, content)
    assert planned(sample, capsys)["decision"] == "ACTIVE"


def test_what_is_enough_is_active(make: Make, capsys: Output) -> None:
    plan = planned(machine(make), capsys)
    assert plan["decision"] == "ACTIVE" and 0 < plan["needed_bytes"] <= plan["reserved_bytes"] and plan["warning"] == ""


def test_entries_that_cannot_be_read_leave_the_decision(make: Make, capsys: Output) -> None:
    sample = machine(make, booted=LARGE)
    (sample.root / "boot/loader").unlink()
    sample.link("boot/loader", "loader")
    plan = planned(sample, capsys)
    assert plan["decision"] == "ACTIVE" and plan["needed_bytes"] == 0
