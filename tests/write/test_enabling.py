# SPDX-License-Identifier: Apache-2.0
"""enabling.py: what `enable=yes` leaves, in a first boot and in a later one, and how `undo` takes it back."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from orchestrator.facts import unit
from orchestrator.system import labels, process
from orchestrator.system.target import Target
from orchestrator.write import enabling
from tests.conftest import Make
from tests.invocation import Output, call
from tests.sample import FIRST_BOOT_LINE, NO_WISH, PRESET
from tests.test_undo import later

NAME = "kdump.service"
LEFT = f"sysroot/{unit.OWN_PRESET}"
#: What Fedora has: a unit that nobody names is not enabled.
PRESETS = {"sysroot/usr/lib/systemd/system-preset/99-default-disable.preset": "disable *\n"}
ASKED: dict[str, Any] = {"ignition": NO_WISH, "preset": None, "conf": "enable=yes\n", "extra": PRESETS}


def test_a_first_boot_leaves_the_preset_beside_the_argument(make: Make, capsys: Output) -> None:
    sample = make(**ASKED)
    before = sample.snapshot()
    assert call(sample, "plan", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["decision"], document["enables"], sample.snapshot()) == ("CHANGE", NAME, before)
    assert call(sample, "apply") == 0
    assert sample.text(LEFT) == unit.own_preset(NAME) and "crashkernel=" in sample.options
    assert unit.preset(f"{sample.root}/sysroot", NAME) == unit.OWN_PRESET
    assert (sample.root / LEFT).stat().st_mode & 0o777 == 0o644 and os.listdir((sample.root / LEFT).parent) == [Path(LEFT).name]


def test_a_machine_that_has_the_argument_gets_the_unit_alone(make: Make) -> None:
    sample = make(**ASKED, cmdline=f"{FIRST_BOOT_LINE} crashkernel=1G\n")
    entry = sample.text()
    assert call(sample, "apply") == 0
    assert sample.has(LEFT) and sample.text() == entry


def test_what_is_refused_enables_nothing(make: Make) -> None:
    sample = make(**{**ASKED, "conf": "enable=yes\ncrashkernel=64G\n"})
    before = sample.snapshot()
    assert call(sample, "apply") == 3
    assert sample.snapshot() == before


def test_the_second_run_has_nothing_to_enable(make: Make, capsys: Output) -> None:
    sample = make(**ASKED)
    assert call(sample, "apply") == 0
    capsys.readouterr()
    call(sample, "plan", "--json")
    assert json.loads(capsys.readouterr().out)["enables"] is None


def test_undo_takes_the_preset_back(make: Make, capsys: Output) -> None:
    sample = later(make, **ASKED)
    assert call(sample, "apply") == 0
    assert sample.has(LEFT)
    capsys.readouterr()
    assert call(sample, "plan", "--undo", "--json") == 0
    assert json.loads(capsys.readouterr().out)["disables"] == NAME
    assert call(sample, "undo") == 0
    assert not os.listdir((sample.root / LEFT).parent) and "crashkernel=" not in sample.options


def test_what_is_left_without_a_policy_has_a_label(tmp_path: Path) -> None:
    """The directory's, as in an initramfs nobody else gives it one; PID 1 of the real root is to read it."""
    (tmp_path / "etc/systemd").mkdir(parents=True)
    try:
        os.setxattr(tmp_path / "etc/systemd", labels.LABEL, b"system_u:object_r:etc_t:s0\0")
    except OSError as error:
        pytest.skip(f"no SELinux label can be set here ({error.strerror})")
    enabling.enable(Target(str(tmp_path), live=False), NAME, initramfs=True)
    assert os.getxattr(tmp_path / unit.OWN_PRESET, labels.LABEL) == os.getxattr(tmp_path / "etc/systemd", labels.LABEL)


def test_a_preset_that_somebody_has_changed_stays(make: Make) -> None:
    sample = make(extra={LEFT: unit.own_preset(NAME) + "enable sshd.service\n", PRESET: ""})
    assert unit.enabled_by_us(f"{sample.root}/sysroot") == ""


@pytest.mark.parametrize(("initramfs", "ran"), [(True, []), (False, [("systemctl", "--no-reload", "enable", NAME)])])
def test_only_a_running_system_makes_the_links_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, initramfs: bool, ran: list[tuple[str, ...]]
) -> None:
    """Presets are applied when the real root starts for the first time, and never again."""
    calls: list[tuple[str, ...]] = []

    def note(*argv: str) -> str:
        calls.append(argv)
        return ""

    monkeypatch.setattr(process, "run", note)
    enabling.enable(Target(str(tmp_path), live=True), NAME, initramfs=initramfs)
    assert calls == ran and (tmp_path / unit.OWN_PRESET).read_text() == unit.own_preset(NAME)
    enabling.take_back(Target(str(tmp_path), live=True), NAME)
    assert calls == [*ran, ("systemctl", "--no-reload", "disable", NAME)] and not (tmp_path / unit.OWN_PRESET).exists()
