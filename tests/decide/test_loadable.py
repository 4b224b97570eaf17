# SPDX-License-Identifier: Apache-2.0
"""loader.py and loadable.py: no reboot for memory that nothing would use."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from orchestrator.decide import loadable
from orchestrator.decide.decision import Wanted
from orchestrator.facts import loader, lockdown
from orchestrator.facts.intent import Intent
from orchestrator.facts.loader import Loader
from orchestrator.facts.service import Service
from tests.conftest import Make
from tests.invocation import Output, call, one_line
from tests.sample import IGNITION, LATER_LINE, NO_WISH, OPTIONS, PRESET, PROGRAM, UNIT

FILE = "usr/lib/systemd/system/kdump.service"
KDUMP = Service("kdump.service", True, "", FILE, ("/usr/bin/kdumpctl",))
TOOLS = Service("kdump-tools.service", True, "", "usr/lib/x", ("/etc/init.d/kdump-tools",))
NO_KDUMP, NO_TOOLS = Service("kdump.service"), Service("kdump-tools.service")
FEDORA = ("fedora",)
IMPLIED = Intent(("auto",), "kdump.service enabled by /etc/x", implied=True)
SIZED = Intent(("256M",), "/etc/kdump-karg.conf:1")
BY_IGNITION = Intent(("256M",), "kernelArguments in /run/ignition.json", by_ignition=True)


def found(*services: Service, kexec: bool = True, family: tuple[str, ...] = FEDORA, extended: bool = False) -> Loader:
    """A loader with the two services, in the place of which those that are given stand."""
    named = {each.name: each for each in (NO_KDUMP, NO_TOOLS, *services)}
    return Loader(tuple(named.values()), kexec, family=family, extended=extended)


def enabled(service: Service, **changes: object) -> Service:
    """The service, enabled."""
    return replace(service, enabled=True, **changes)  # type: ignore[arg-type]  # the fields' own types


OWN = enabled(NO_KDUMP, file=FILE, programs=("/usr/libexec/own",))
GONE = "there is no such unit"
PROBLEMS: list[tuple[str, Loader, Intent, list[str]]] = [
    ("no unit, Fedora", found(enabled(NO_KDUMP)), IMPLIED, [IMPLIED.source, GONE, "package kdump-utils (kexec-tools before"]),
    ("no unit, RHEL CoreOS", found(enabled(NO_KDUMP), family=("rhcos", "rhel", "fedora")), IMPLIED, [GONE, "kdump-utils"]),
    ("no unit, SUSE", found(enabled(NO_KDUMP), family=("sle-micro", "suse")), IMPLIED, ["the package kdump to the image"]),
    ("no unit, Debian", found(enabled(NO_TOOLS), family=("debian",)), IMPLIED, ["package kdump-tools to the image"]),
    (
        "Debian, by another's name",
        found(enabled(NO_KDUMP), family=("x", "debian")),
        IMPLIED,
        ["package kdump-tools", "and enable kdump-tools.service"],
    ),
    (
        "Debian, by another's name, package there",
        found(enabled(NO_KDUMP), replace(TOOLS, enabled=False)),
        IMPLIED,
        ["; enable kdump-tools.service, which is there"],
    ),
    (
        "no unit, unknown system",
        found(enabled(NO_KDUMP), family=()),
        IMPLIED,
        ["image: on SUSE kdump, on Fedora and RHEL kdump-utils"],
    ),
    (
        "masked by the image",
        found(enabled(NO_KDUMP, masked_by="usr/x")),
        IMPLIED,
        ["kdump.service is enabled but masked by /usr/x"],
    ),
    (
        "no program",
        found(replace(KDUMP, missing=KDUMP.programs)),
        IMPLIED,
        ["kdump.service starts /usr/bin/kdumpctl", "package kdump-utils"],
    ),
    ("no program, a size is named", found(replace(KDUMP, missing=KDUMP.programs)), SIZED, ["starts /usr/bin/kdumpctl"]),
    (
        "no program of one's own",
        found(replace(OWN, missing=OWN.programs)),
        IMPLIED,
        ["starts /usr/libexec/own", f"or correct /{FILE}"],
    ),
    (
        "no kexec, Fedora",
        found(KDUMP, kexec=False),
        IMPLIED,
        ["needs /usr/sbin/kexec, which is missing", "package kexec-tools"],
    ),
    ("no kexec, a size is named", found(KDUMP, kexec=False), SIZED, ["needs /usr/sbin/kexec"]),
    ("no kexec, Debian", found(TOOLS, kexec=False), IMPLIED, ["kdump-tools.service needs /usr/sbin/kexec"]),
    (
        "no kexec, Debian, without the script",
        found(replace(TOOLS, programs=("/usr/sbin/kdump-config",)), kexec=False),
        IMPLIED,
        ["needs"],
    ),
    ("no kexec, SUSE", found(replace(KDUMP, programs=("/usr/lib/kdump/load.sh",)), kexec=False), IMPLIED, ["needs"]),
    (
        "both are broken",
        found(replace(KDUMP, missing=KDUMP.programs), replace(TOOLS, missing=TOOLS.programs)),
        IMPLIED,
        ["kdumpctl"],
    ),
    (
        "kernel",
        replace(found(KDUMP), config="c", lacks=("A or B", "C")),
        IMPLIED,
        ["/c: this kernel was built without A or B, C,"],
    ),
    ("kernel, a size is named", replace(found(NO_KDUMP), config="c", lacks=("A",)), SIZED, ["without A"]),
    ("kernel, /usr is extended", replace(found(extended=True), config="c", lacks=("A",)), BY_IGNITION, ["without A"]),
    ("the unit first", replace(found(enabled(NO_KDUMP)), config="c", lacks=("A",)), IMPLIED, [GONE]),
]


@pytest.mark.parametrize(("facts", "wish", "words"), [row[1:] for row in PROBLEMS], ids=[row[0] for row in PROBLEMS])
def test_problem(facts: Loader, wish: Intent, words: list[str]) -> None:
    said = loadable.problem(facts, wish)
    for word in words:
        assert word in said
    assert "; " in said and "\n" not in said


FINE: list[tuple[str, Loader, Intent]] = [
    ("Fedora", found(KDUMP), IMPLIED),
    ("Debian", found(TOOLS, family=("debian",)), IMPLIED),
    ("one's own unit without kexec", found(OWN, kexec=False), IMPLIED),
    ("what it starts is not known", found(replace(KDUMP, programs=()), kexec=False), IMPLIED),
    ("both names enabled for any distribution, one there", found(enabled(NO_KDUMP), TOOLS), IMPLIED),
    ("one of two is broken", found(replace(KDUMP, missing=KDUMP.programs), TOOLS), IMPLIED),
    ("/usr is extended", found(enabled(NO_KDUMP), kexec=False, extended=True), IMPLIED),
    ("a size is named, no unit", found(enabled(NO_KDUMP), kexec=False), SIZED),
    ("a size is named, not enabled and broken", found(replace(KDUMP, enabled=False, missing=KDUMP.programs)), SIZED),
    ("by Ignition, no unit", found(), BY_IGNITION),
]


@pytest.mark.parametrize(("facts", "wish"), [row[1:] for row in FINE], ids=[row[0] for row in FINE])
def test_no_problem(facts: Loader, wish: Intent) -> None:
    assert loadable.problem(facts, wish) == ""


IDLE = replace(KDUMP, enabled=False)
WARNINGS: list[tuple[str, Loader, Intent, str]] = [
    ("not enabled", found(IDLE), SIZED, "used by nothing: kdump.service is not enabled; enable kdump.service"),
    ("by Ignition", found(IDLE), BY_IGNITION, "used by nothing: kdump.service is not enabled; enable kdump.service"),
    (
        "Debian",
        found(replace(TOOLS, enabled=False)),
        SIZED,
        "used by nothing: kdump-tools.service is not enabled; enable kdump-tools.service",
    ),
    (
        "masked",
        found(enabled(NO_KDUMP, masked_by="etc/x")),
        SIZED,
        "used by nothing: kdump.service is masked by /etc/x; remove that file and enable kdump.service",
    ),
    (
        "no unit",
        found(family=("suse",)),
        SIZED,
        "used by nothing: there is no kdump.service or kdump-tools.service; add the package kdump to the image and enable kdump.service",
    ),
    (
        "no unit, enabled",
        found(enabled(NO_TOOLS), family=()),
        SIZED,
        "used by nothing: there is no kdump.service or kdump-tools.service; add its package to the image: on Debian kdump-tools, on SUSE kdump, on Fedora and RHEL kdump-utils (kexec-tools before Fedora 41 and RHEL 10)",
    ),
    ("enabled", found(KDUMP), SIZED, ""),
    ("the other is enabled", found(IDLE, TOOLS), SIZED, ""),
    ("/usr is extended", found(extended=True), SIZED, ""),
    ("nobody named a size", found(IDLE), IMPLIED, ""),
]


@pytest.mark.parametrize(("facts", "wish", "expected"), [row[1:] for row in WARNINGS], ids=[row[0] for row in WARNINGS])
def test_warning(facts: Loader, wish: Intent, expected: str) -> None:
    assert loadable.warning(facts, wish) == expected


def test_a_warning_is_added_to_another() -> None:
    wanted = Wanted("1M", "x", 1 << 20, "", 2, "too small: it is; add")
    both = "too small: it is; add; and used by nothing: kdump.service is not enabled; enable kdump.service"
    assert loadable.warn(wanted, found(IDLE), SIZED) == replace(wanted, warning=both)
    assert loadable.warn(wanted, found(KDUMP), SIZED) == wanted


GOOD = "CONFIG_KEXEC=y\nCONFIG_KEXEC_FILE=y\nCONFIG_CRASH_DUMP=y\nCONFIG_PROC_VMCORE=y\n"
CONFIGS = [
    ("good", GOOD, ()),
    ("kexec_load only", GOOD.replace("CONFIG_KEXEC_FILE=y\n", ""), ()),
    ("kexec_file_load only", GOOD.replace("CONFIG_KEXEC=y", "# CONFIG_KEXEC is not set"), ()),
    ("neither", GOOD.replace("KEXEC", "OTHER"), ("CONFIG_KEXEC or CONFIG_KEXEC_FILE",)),
    ("a longer name", GOOD.replace("CRASH_DUMP=y", "CRASH_DUMP_X=y"), ("CONFIG_CRASH_DUMP",)),
    ("not set", GOOD.replace("CONFIG_PROC_VMCORE=y", "# CONFIG_PROC_VMCORE is not set"), ("CONFIG_PROC_VMCORE",)),
    ("a module would be no good", GOOD.replace("DUMP=y", "DUMP=m"), ("CONFIG_CRASH_DUMP",)),
    ("no configuration", "x\n", ()),
    ("empty", "", ()),
]


@pytest.mark.parametrize(("text", "expected"), [row[1:] for row in CONFIGS], ids=[row[0] for row in CONFIGS])
def test_lacking(text: str, expected: tuple[str, ...]) -> None:
    assert loader.lacking(text) == expected


def test_a_kernel_that_is_locked_down_needs_kexec_file_load() -> None:
    text = GOOD.replace("CONFIG_KEXEC_FILE=y\n", "")
    assert loader.lacking(text, loader.LOCKED_OPTIONS) == ("CONFIG_KEXEC_FILE",)
    assert loader.lacking(GOOD, loader.LOCKED_OPTIONS) == ()


FAMILIES = [
    ('NAME="Fedora Linux"\nID=fedora\n', ("fedora",)),
    ('ID="rhcos"\nID_LIKE="rhel fedora"\nVERSION_ID=9\n', ("rhcos", "rhel", "fedora")),
    ("ID_LIKE='suse opensuse'\n", ("suse", "opensuse")),
    ("VARIANT_ID=coreos\nID\n", ()),
]


@pytest.mark.parametrize(("text", "expected"), FAMILIES)
def test_families(text: str, expected: tuple[str, ...]) -> None:
    assert loader.families(text) == expected


RELEASE = {"proc/sys/kernel/osrelease": "7.2.5\n"}
CONFIG = "sysroot/usr/lib/modules/7.2.5/config"
BAD = GOOD.replace("CRASH_DUMP", "X")
FEDORA_UNIT = {UNIT: "[Service]\nExecStart=/usr/bin/kdumpctl start\n"}
FEDORA_FILES = {**FEDORA_UNIT, "sysroot/usr/bin/kdumpctl": "", "sysroot/usr/bin/kexec": ""}

REFUSED: list[tuple[str, bool, dict[str, str], str]] = [
    (
        "no unit",
        False,
        {},
        "there is no such unit in this system, so nothing would load a capture kernel; add the package kdump-utils",
    ),
    (
        "no unit, os-release of /usr",
        False,
        {"sysroot/etc/os-release": "", "sysroot/usr/lib/os-release": "ID_LIKE=suse\n"},
        "add the package kdump to the image",
    ),
    ("no program", True, FEDORA_UNIT, "kdump.service starts /usr/bin/kdumpctl, which is missing; add the package kdump-utils"),
    (
        "no kexec",
        True,
        {**FEDORA_UNIT, "sysroot/usr/bin/kdumpctl": ""},
        "needs /usr/sbin/kexec, which is missing; add the package kexec-tools",
    ),
    (
        "kernel",
        True,
        {**RELEASE, CONFIG: BAD},
        "/usr/lib/modules/7.2.5/config: this kernel was built without CONFIG_CRASH_DUMP",
    ),
    (
        "kernel, locked down",
        True,
        {**RELEASE, CONFIG: GOOD.replace("CONFIG_KEXEC_FILE=y\n", ""), lockdown.PATH: "none [integrity] confidentiality\n"},
        "this kernel was built without CONFIG_KEXEC_FILE",
    ),
    ("kernel, Debian's place", True, {**RELEASE, "sysroot/boot/config-7.2.5": BAD}, "/boot/config-7.2.5: this kernel"),
]


@pytest.mark.parametrize(("service", "files", "words"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_refused_before_anything_is_written(
    make: Make, capsys: Output, service: bool, files: dict[str, str], words: str
) -> None:
    sample = make(service=service, extra=files)
    before = sample.snapshot()
    assert call(sample, "apply") == 3
    assert words in one_line(capsys.readouterr().err)
    assert sample.snapshot() == before
    assert call(sample, "plan", "--json") == 3
    assert json.loads(capsys.readouterr().out)["decision"] == "REFUSE"


DEBIAN_FILES = {
    PRESET: "enable kdump-tools.service\n",
    "sysroot/usr/lib/systemd/system/kdump-tools.service": "[Service]\nExecStart=/etc/init.d/kdump-tools start\n",
    "sysroot/etc/init.d/kdump-tools": "",
    "sysroot/usr/sbin/kexec": "",
    "sysroot/etc/os-release": "ID=debian\n",
}
QUIET = {PRESET: "disable *\n", "sysroot/etc/machine-id": "5d6a2c\n"}
CHANGED: list[tuple[str, bool, dict[str, str]]] = [
    ("Fedora", False, FEDORA_FILES),
    ("Debian", False, DEBIAN_FILES),
    ("enabled by the rendered config only", True, {**QUIET, "run/ignition.json": IGNITION}),
    ("a kernel that can", True, {**RELEASE, CONFIG: GOOD}),
    ("a configuration of another kernel", True, {**RELEASE, CONFIG.replace("7.2.5", "6.1"): BAD}),
    ("a kernel without a configuration", True, RELEASE),
    ("the unit is Ignition's", False, {"sysroot/etc/systemd/system/kdump.service": "[Service]\nExecStart=/opt/x\n"}),
    ("an extension", False, {"sysroot/etc/extensions/kdump.raw": ""}),
    (
        "an extension on /var, unmounted",
        False,
        {"run/ignition.json": '{"storage":{"files":[{"path":"/var/lib/extensions/k.raw"}]}}'},
    ),
]


@pytest.mark.parametrize(("service", "files"), [row[1:] for row in CHANGED], ids=[row[0] for row in CHANGED])
def test_what_can_be_used_is_written(make: Make, capsys: Output, service: bool, files: dict[str, str]) -> None:
    sample = make(service=service, extra=files, ignition=NO_WISH)
    assert call(sample, "plan", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["decision"], document["warning"]) == ("CHANGE", "")


SIZES: list[tuple[str, bool, dict[str, str], str]] = [
    ("not enabled", True, {PRESET: "disable *\n"}, "used by nothing: kdump.service is not enabled; enable kdump.service"),
    ("no unit", False, {}, "used by nothing: there is no kdump.service or kdump-tools.service; add the package kdump-utils"),
    ("enabled", True, {}, ""),
    (
        "enabled by the image",
        True,
        {PRESET: "# none\n", "sysroot/usr/lib/systemd/system-preset/90.preset": "enable kdump*\n"},
        "",
    ),
]


@pytest.mark.parametrize(("service", "files", "words"), [row[1:] for row in SIZES], ids=[row[0] for row in SIZES])
def test_a_size_that_somebody_named_is_written(
    make: Make, capsys: Output, service: bool, files: dict[str, str], words: str
) -> None:
    sample = make(conf="crashkernel=300M\n", service=service, extra=files, ignition=NO_WISH)
    assert call(sample, "plan", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert (
        document["decision"] == "CHANGE" and document["warning"].startswith(words) and bool(document["warning"]) == bool(words)
    )
    assert not words or f"will reserve 300 MiB, which is {words}" in document["reason"]
    assert call(sample, "apply") == 0
    assert "crashkernel=300M" in sample.options


def test_what_is_there_already_needs_no_loader(make: Make, capsys: Output) -> None:
    sample = make(service=False, cmdline=f"{LATER_LINE} crashkernel=256M\n", options=f"{OPTIONS} crashkernel=256M")
    assert call(sample, "plan", "--json") == 0
    assert json.loads(capsys.readouterr().out)["decision"] == "ACTIVE"


def test_the_program_of_the_sample_is_looked_for(make: Make) -> None:
    sample = make()
    (sample.root / PROGRAM).unlink()
    assert call(sample, "plan") == 3
