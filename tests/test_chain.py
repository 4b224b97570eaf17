# SPDX-License-Identifier: Apache-2.0
"""chain.py and report.py: the first broken link, and the report that is given once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator import bls, chain, outcome, report, show
from orchestrator.run import Target
from tests.conftest import Make
from tests.powercut import FINAL
from tests.sample import AUTO, FIRST_BOOT_LINE, LATER_LINE, NO_WISH, OPTIONS, Sample

ARMED: dict[str, Any] = {
    "cmdline": f"{LATER_LINE} crashkernel={AUTO}\n",
    "options": FINAL,
    "crash_size": f"{256 << 20}\n",
    "crash_loaded": "1\n",
    "ignition": None,
    "stamp": False,
    "config": False,
}
NAMES = ["intent", "provisioning", "entry", "command line", "reserved", "loaded"]


def target(sample: Sample) -> Target:
    """The sample as a captured tree."""
    return Target(str(sample.root), live=False)


def note(kind: str) -> dict[str, str]:
    """What a run left in this boot."""
    return {outcome.OUTCOME: f"{kind}\nreason of {kind}\n"}


BROKEN: list[tuple[str, dict[str, Any], str, str]] = [
    ("config malformed", {"conf": "size=1\n"}, "intent", "unknown key 'size'"),
    ("rendered config malformed", {"ignition": "nonsense"}, "intent", "/run/ignition.json is not JSON"),
    ("refused", {"extra": note("REFUSE")}, "provisioning", "reason of REFUSE"),
    ("failed", {"extra": note("FAILED")}, "provisioning", "reason of FAILED"),
    ("pending", {"extra": note("PENDING")}, "provisioning", "reason of PENDING"),
    ("no karg in the entry", {"options": OPTIONS, "cmdline": LATER_LINE}, "entry", "has no crashkernel="),
    ("no entry", {"loader": None, "cmdline": LATER_LINE}, "entry", "/boot/loader is missing"),
    ("empty command line", {"cmdline": ""}, "entry", "/proc/cmdline is empty"),
    ("not on the command line", {"cmdline": LATER_LINE}, "command line", "/proc/cmdline has no crashkernel="),
    (
        "nothing reserved",
        {"crash_size": "0\n"},
        "reserved",
        "the kernel reserved nothing; look for crashkernel in the kernel's log",
    ),
    (
        "nothing reserved, and why",
        {"crash_size": "0\n", "cmdline": f"{LATER_LINE} crashkernel=64G-:1G"},
        "reserved",
        '"crashkernel size resulted in zero bytes": give a size that fits',
    ),
    ("no sysfs file", {"crash_size": None}, "reserved", "/sys/kernel/kexec_crash_size cannot be read"),
    ("sysfs file is nonsense", {"crash_size": "x\n"}, "reserved", "cannot be read"),
    ("nothing reserved, no iomem", {"crash_size": "0\n", "iomem": None}, "reserved", "/proc/iomem is missing"),
    ("not loaded", {"crash_loaded": "0\n"}, "loaded", "kdump.service or kdump-tools.service"),
    ("not loaded, no file", {"crash_loaded": None}, "loaded", "no capture kernel is loaded"),
]


@pytest.mark.parametrize(("overrides", "name", "words"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_the_first_broken_link(make: Make, overrides: dict[str, Any], name: str, words: str) -> None:
    found = chain.read(target(make(**{**ARMED, **overrides})))
    assert found.broken is not None and found.broken.name == name
    assert words in found.broken.detail
    assert [link.name for link in found.links] == NAMES[: NAMES.index(name) + 1]
    assert found.verdict.startswith(f"kdump is NOT armed: {name}: ")
    assert not found.armed and chain.exit_status(found) == 1


ARMED_TOO: list[tuple[str, dict[str, Any]]] = [
    ("plainly", {}),
    ("nothing asks, but it is there", {"preset": None}),
    ("/boot cannot be read", {"loader": None}),
    ("by a change of this boot", {"extra": note("CHANGE")}),
    ("found active", {"extra": note("ACTIVE")}),
]


@pytest.mark.parametrize("overrides", [row[1] for row in ARMED_TOO], ids=[row[0] for row in ARMED_TOO])
def test_armed(make: Make, overrides: dict[str, Any]) -> None:
    found = chain.read(target(make(**{**ARMED, **overrides})))
    assert found.armed and found.broken is None and chain.exit_status(found) == 0
    assert [link.name for link in found.links] == NAMES
    assert found.verdict == "kdump is armed: the capture kernel is loaded into 256 MiB of reserved memory"


def test_not_wanted(make: Make) -> None:
    found = chain.read(target(make(ignition=NO_WISH, preset=None)))
    assert (found.wanted, found.links, found.armed, chain.exit_status(found)) == (False, (), False, 0)
    assert found.verdict.startswith("kdump is not wanted")


def test_between_the_two_boots_the_command_line_is_what_is_missing(make: Make) -> None:
    found = chain.read(target(make(options=bls.end_first_boot(FINAL), cmdline=FIRST_BOOT_LINE, extra=note("CHANGE"))))
    assert found.broken is not None and found.broken.name == "command line"


DUMPS: list[tuple[str, list[str], str | None]] = [
    ("none", [], None),
    ("kdump-utils", ["127.0.0.1-2026-01-02/vmcore", "127.0.0.1-2026-01-02/vmcore-dmesg.txt"], "127.0.0.1-2026-01-02/vmcore"),
    ("flat", ["127.0.0.1-2026-01-02/vmcore.flat"], "127.0.0.1-2026-01-02/vmcore.flat"),
    ("kdump-tools", ["202601020304/dump.202601020304", "202601020304/dmesg.202601020304"], "202601020304/dump.202601020304"),
    ("the newest", ["202601020304/dump.202601020304", "202602020304/dump.202602020304"], "202602020304/dump.202602020304"),
    ("incomplete", ["202601020304/dump-incomplete", "x/vmcore-incomplete", "x/vmcore-dmesg-incomplete.txt"], None),
    ("other files", ["kexec_cmd", "kdump_lock", "x/README"], None),
]


@pytest.mark.parametrize(("files", "expected"), [row[1:] for row in DUMPS], ids=[row[0] for row in DUMPS])
def test_the_last_dump(make: Make, files: list[str], expected: str | None) -> None:
    sample = make(extra={f"var/crash/{name}": "x" for name in files})
    assert chain.last_vmcore(str(sample.root)) == (f"/var/crash/{expected}" if expected else None)


def test_the_report_is_given_once(make: Make) -> None:
    sample = make(**ARMED, extra={outcome.REPORT_NOW: "", f"sysroot/{outcome.REPORT_LATER}": ""})
    (sample.root / "sysroot/etc").rename(sample.root / "etc")
    (sample.root / "sysroot/var").rename(sample.root / "var")
    found = report.give(target(sample))
    assert found.armed
    assert sample.text(report.ISSUE) == f"kdump-karg: {found.verdict}\n"
    assert json.loads(sample.text(report.STATUS))["verdict"] == found.verdict
    assert not sample.has(outcome.REPORT_NOW) and not sample.has(outcome.REPORT_LATER)
    assert report.give(target(sample)) == found


def test_a_broken_chain_is_reported_too(make: Make) -> None:
    sample = make(**{**ARMED, "crash_loaded": "0\n"})
    report.give(target(sample))
    assert "kdump is NOT armed: loaded: " in sample.text(report.ISSUE)


def test_a_report_stays_inside_a_captured_tree(make: Make) -> None:
    sample = make(**ARMED)
    sample.link("run/issue.d", "/somewhere/else")
    report.give(target(sample))
    assert sample.has("somewhere/else/50_kdump-karg.issue")


def test_a_name_that_is_no_utf8_does_not_stop_the_report(make: Make) -> None:
    sample = make(ignition=NO_WISH, preset=None)
    sample.link("sysroot/etc/systemd/system/\udcff.wants/kdump.service", "/x")
    assert not report.give(target(sample)).armed
    (sample.root / "boot/loader").unlink()
    assert not report.give(target(sample)).armed


def test_agetty_gives_backslashes_a_meaning() -> None:
    broken = chain.Chain(True, (chain.Link("intent", False, "a\\d"),), None)
    assert report.issue(broken) == "kdump-karg: kdump is NOT armed: intent: a\\\\d\n"


def test_status_as_text_and_as_json(make: Make) -> None:
    found = chain.read(target(make(**{**ARMED, "crash_loaded": "0\n"}, extra={"var/crash/1/vmcore": ""})))
    lines = show.chain_text(found).splitlines()
    assert [line.split()[0] for line in lines[:6]] == ["ok"] * 5 + ["BROKEN"]
    assert lines[6].split() == ["last", "vmcore", "/var/crash/1/vmcore"]
    assert lines[7] == found.verdict
    document = json.loads(show.chain_json(found))
    assert (document["armed"], document["wanted"], document["broken"]) == (False, True, "loaded")
    assert document["vmcore"] == "/var/crash/1/vmcore"
    assert [link["name"] for link in document["links"]] == NAMES
