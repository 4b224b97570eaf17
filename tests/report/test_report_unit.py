# SPDX-License-Identifier: Apache-2.0
"""kdump-karg-report.service: when it starts and what it waits for."""

from __future__ import annotations

import glob
from pathlib import Path

import pytest

from orchestrator.facts import proof_record
from orchestrator.facts.unit import KDUMP_UNITS
from orchestrator.write import outcome
from tests.sample import Sample

UNIT = Path(__file__).parents[2] / "dracut/99kdump-karg/kdump-karg-report.service"


def values(key: str) -> list[str]:
    """The values of a key in the unit file."""
    return [line.partition("=")[2] for line in UNIT.read_text().splitlines() if line.startswith(f"{key}=")]


def test_it_waits_for_whoever_arms_and_for_no_time() -> None:
    after = {name for line in values("After") for name in line.split()}
    assert set(KDUMP_UNITS) <= after and values("Type") == ["oneshot"]
    assert not values("TimeoutStartSec") and not values("ExecStartPre") and "sleep" not in UNIT.read_text()


def test_its_exit_status_is_that_of_the_report() -> None:
    """No `-` and nothing that takes status 4 for a success."""
    assert values("ExecStart") == ["/usr/bin/kdump-karg report"]
    assert not values("SuccessExitStatus") and not values("RemainAfterExit")


STARTS: list[tuple[str, list[str], bool]] = [
    ("nothing", ["etc/hostname"], False),
    ("due after the reboot", [outcome.REPORT_LATER], True),
    ("due in this boot", [outcome.REPORT_NOW], True),
    ("a test is to be judged", [proof_record.TEST], True),
    ("a test was judged", [proof_record.PROOF], False),
    ("kdump.service is enabled", ["etc/systemd/system/multi-user.target.wants/kdump.service"], True),
    ("kdump-tools.service is enabled", ["etc/systemd/system/basic.target.wants/kdump-tools.service"], True),
    ("required", ["etc/systemd/system/basic.target.requires/kdump.service"], True),
    ("a size is given", ["etc/kdump-karg.conf"], True),
    ("a size is given in a drop-in", ["etc/kdump-karg.conf.d/x.conf"], True),
    ("the image gives a size", ["usr/lib/kdump-karg.conf.d/x.conf"], True),
    ("a file that is no drop-in", ["usr/lib/kdump-karg.conf.d/README"], False),
    ("another unit is enabled", ["etc/systemd/system/multi-user.target.wants/sshd.service"], False),
    ("nobody but the image asks", ["usr/lib/systemd/system/multi-user.target.wants/kdump.service"], False),
]


@pytest.mark.parametrize(("paths", "starts"), [row[1:] for row in STARTS], ids=[row[0] for row in STARTS])
def test_it_starts_where_somebody_asks(tmp_path: Path, paths: list[str], starts: bool) -> None:
    for path in paths:
        Sample(tmp_path).write(path, "")
    triggers = [text[1:] for text in values("ConditionPathExists") + values("ConditionPathExistsGlob") if text.startswith("|")]
    assert any(glob.glob(f"{tmp_path}{trigger}") for trigger in triggers) is starts


def test_switched_off_is_off() -> None:
    assert values("ConditionKernelCommandLine") == ["!rd.kdump_karg=0"]
