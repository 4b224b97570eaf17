# SPDX-License-Identifier: Apache-2.0
"""intent.py: who asks, and who takes precedence."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.errors import Refusal
from orchestrator.facts import intent, unit
from orchestrator.system.target import provisioned_root
from tests.conftest import Make
from tests.sample import CONF, NO_WISH, PRESET, UNIT

KARGS = '{"kernelArguments":{"shouldExist":["crashkernel=1G"]}}'
WANTS = "sysroot/etc/systemd/system/multi-user.target.wants"
SHIPPED = "sysroot/usr/etc/systemd/system-preset/20-ignition.preset"
NOTHING: dict[str, Any] = {"ignition": NO_WISH, "preset": None}

CASES: list[tuple[str, dict[str, Any], tuple[str, ...], str]] = [
    ("nothing", NOTHING, (), ""),
    ("nothing, no rendered config", {"ignition": None, "preset": None}, (), ""),
    ("preset", {"ignition": NO_WISH}, ("auto",), f"kdump.service enabled by /{PRESET.removeprefix('sysroot/')}"),
    (
        "preset of kdump-tools",
        {**NOTHING, "preset": "enable kdump-tools.service\n"},
        ("auto",),
        "kdump-tools.service enabled by /etc",
    ),
    ("rendered config only", {"preset": None}, ("auto",), "kdump.service enabled by /run/ignition.json"),
    ("wants link", {**NOTHING, "extra": {f"{WANTS}/kdump.service": ""}}, ("auto",), "kdump.service enabled by /etc/systemd"),
    ("shipped preset", {"ignition": NO_WISH, "extra": {SHIPPED: "enable kdump.service\n"}}, (), ""),
    ("vendor preset", {**NOTHING, "extra": {"sysroot/usr/lib/systemd/system-preset/1.preset": "enable *\n"}}, (), ""),
    ("own config", {**NOTHING, "conf": "crashkernel=1G\n"}, ("1G",), "/etc/kdump-karg.conf:1"),
    ("own config over an enabled unit", {"conf": "crashkernel=1G\n"}, ("1G",), "/etc/kdump-karg.conf:1"),
    ("own config without a size", {"conf": "strict=yes\n"}, ("auto",), "kdump.service enabled by"),
    ("auto in our own config", {**NOTHING, "conf": "crashkernel=auto\n"}, ("auto",), "/etc/kdump-karg.conf:1"),
    (
        "kernelArguments over all",
        {"ignition": KARGS, "conf": "crashkernel=2G\n"},
        ("1G",),
        "kernelArguments in /run/ignition.json",
    ),
]


@pytest.mark.parametrize(("overrides", "values", "source"), [row[1:] for row in CASES], ids=[row[0] for row in CASES])
def test_precedence(make: Make, overrides: dict[str, Any], values: tuple[str, ...], source: str) -> None:
    found = intent.read(str(make(**overrides).root))
    assert found.values == values
    assert found.wanted is bool(values)
    assert found.source.startswith(source) and bool(found.source) is bool(source)
    assert found.implied is (" enabled by " in found.source)
    assert found.by_ignition is found.source.startswith("kernelArguments")
    assert found.strict is ("strict=yes" in overrides.get("conf", ""))


def test_a_masked_unit_is_no_wish(make: Make) -> None:
    sample = make()
    sample.link("sysroot/etc/systemd/system/kdump.service", "/dev/null")
    assert not intent.read(str(sample.root)).wanted


def test_the_other_unit_counts_where_one_is_masked(make: Make) -> None:
    sample = make(ignition=NO_WISH, preset="enable kdump*\n")
    sample.link("sysroot/etc/systemd/system/kdump.service", "/dev/null")
    assert intent.read(str(sample.root)).source.startswith("kdump-tools.service")


def test_in_the_real_root_the_root_itself_was_provisioned(make: Make) -> None:
    sample = make(ignition=None, preset=None, extra={"etc/kdump-karg.conf": "crashkernel=3G\n"})
    assert intent.read(str(sample.root)).values == ()
    (sample.root / "sysroot").rename(sample.root / "elsewhere")
    assert intent.read(str(sample.root)).values == ("3G",)


def test_a_provisioned_root_behind_an_absolute_link_is_looked_up_in_the_tree(make: Make) -> None:
    sample = make(**NOTHING, conf="crashkernel=3G\n")
    (sample.root / "sysroot").rename(sample.root / "deployment")
    sample.link("sysroot", "/deployment")
    assert provisioned_root(str(sample.root)) == f"{sample.root}/deployment"
    assert intent.read(str(sample.root)).source == f"/{CONF.removeprefix('sysroot/')}:1"


VENDOR = "sysroot/usr/lib/kdump-karg.conf.d/10-image.conf"
FEDORA = {"sysroot/usr/lib/systemd/system-preset/99-default-disable.preset": "disable *\n"}
MASK = "sysroot/etc/systemd/system/kdump.service"

ENABLE: list[tuple[str, dict[str, Any], dict[str, str], tuple[str, ...], str]] = [
    ("the image's word", NOTHING, {VENDOR: "enable=yes\n"}, ("auto",), "kdump.service"),
    ("the operator's word", {**NOTHING, "conf": "enable=yes\n"}, {}, ("auto",), "kdump.service"),
    ("with a size", {**NOTHING, "conf": "crashkernel=1G\n"}, {VENDOR: "enable=yes\n"}, ("1G",), "kdump.service"),
    ("enabled already", {}, {VENDOR: "enable=yes\n"}, ("auto",), ""),
    ("beside kernelArguments", {"ignition": KARGS, "preset": None}, {VENDOR: "enable=yes\n"}, ("1G",), "kdump.service"),
    ("taken back", {**NOTHING, "conf": "enable=no\n"}, {VENDOR: "enable=yes\n"}, (), ""),
    ("taken back, and the image's size", {**NOTHING, "conf": "enable=no\n"}, {VENDOR: "enable=yes\ncrashkernel=1G\n"}, (), ""),
    ("taken back, and a unit enabled", {"conf": "enable=no\n"}, {VENDOR: "enable=yes\ncrashkernel=1G\n"}, ("1G",), ""),
    ("disabled by the manifest", {**NOTHING, "preset": "disable kdump.service\n"}, {VENDOR: "enable=yes\n"}, (), ""),
]


@pytest.mark.parametrize(("overrides", "extra", "values", "enables"), [row[1:] for row in ENABLE], ids=[row[0] for row in ENABLE])
def test_enable(make: Make, overrides: dict[str, Any], extra: dict[str, str], values: tuple[str, ...], enables: str) -> None:
    found = intent.read(str(make(**overrides, extra={**FEDORA, **extra}).root))
    assert (found.values, found.enables) == (values, enables)


def test_a_mask_takes_the_image_s_word_back(make: Make) -> None:
    sample = make(**NOTHING, extra={VENDOR: "enable=yes\n"})
    sample.link(MASK, "/dev/null")
    assert not intent.read(str(sample.root)).wanted


@pytest.mark.parametrize("against", ["a mask", "a preset"])
def test_an_operator_who_says_both_is_told(make: Make, against: str) -> None:
    sample = make(ignition=NO_WISH, preset=None if against == "a mask" else "disable kdump.service\n", conf="enable=yes\n")
    if against == "a mask":
        sample.link(MASK, "/dev/null")
    with pytest.raises(Refusal, match="/etc/kdump-karg.conf:1: enable=yes, and /etc/systemd/.* keeps kdump.service from running"):
        intent.read(str(sample.root))


def test_an_image_without_a_kdump_unit_is_told(make: Make) -> None:
    sample = make(**NOTHING, extra={VENDOR: "enable=yes\n"})
    (sample.root / UNIT).unlink()
    with pytest.raises(Refusal, match="10-image.conf:1: enable=yes, and neither kdump.service nor kdump-tools.service is installed"):
        intent.read(str(sample.root))


def test_our_own_preset_counts_behind_the_manifest_s(make: Make) -> None:
    """As systemd sorts them: by name."""
    assert PRESET.rpartition("/")[2] < unit.OWN_PRESET.rpartition("/")[2] < "40-vendor.preset"
