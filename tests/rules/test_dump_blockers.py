# SPDX-License-Identifier: Apache-2.0
"""dump_blockers.py and kdumpconf.py: which lines cost the dump, what is warned of, and where the facts are read."""

from __future__ import annotations

import re
from typing import Any

import pytest

from orchestrator.facts import kdumpconf
from orchestrator.rules import capture_cmdline, dump_blockers
from orchestrator.rules.capture_cmdline import Package
from tests.conftest import Make
from tests.rules.test_capture_cmdline import CPUINFO, facts
from tests.sample import LATER_LINE

UTILS, TOOLS, SUSE = Package
SHIPPED = 'KDUMP_COMMANDLINE_REMOVE="hugepages quiet ignition.firstboot cma"\n'
HARMFUL: list[tuple[str, Package, str, str, str, str]] = [
    # name, package, config, command line, what is wrong, how to mend it
    ("first boot", UTILS, "", "ignition.firstboot", "ignition.firstboot is on it", "add ignition.firstboot to KDUMP_COMMANDLINE_REMOVE in /conf"),
    ("first boot with a value", UTILS, "", "ignition.firstboot=1", "ignition.firstboot=1 is on it", "systemctl restart kdump.service"),
    ("Debian's list", TOOLS, "", "ignition.firstboot", "would provision the machine again", "set KDUMP_CMDLINE in /conf to a line without"),
    ("SUSE's list", SUSE, "", "ignition.firstboot", "ignition.firstboot is on it", "set KDUMP_COMMANDLINE in /conf"),
    ("huge pages", UTILS, "KDUMP_COMMANDLINE_REMOVE=x", "hugepages=64", "hugepages=64 is on it", "add hugepages to"),
    ("huge pages of a line of its own", TOOLS, "KDUMP_CMDLINE=hugepages=6", "", "hugepages=6 is on it", "restart kdump-tools.service"),
    ("a shell", UTILS, SHIPPED, "rd.break=pre-mount", "would stop in a shell", "add rd.break to"),
    ("appended", UTILS, f"{SHIPPED}KDUMP_COMMANDLINE_APPEND=rd.break", "", "rd.break is on it", "take it out of KDUMP_COMMANDLINE_APPEND"),
    ("no root", TOOLS, "KDUMP_CMDLINE='ostree=/x ro'", "root=/dev/a ostree=/x", "has no root=", "add root= to KDUMP_CMDLINE in /conf"),
    ("no deployment", TOOLS, "KDUMP_CMDLINE=root=/dev/a", "root=/dev/a ostree=/x", "has no ostree=", "or take KDUMP_CMDLINE out"),
    ("no root on SUSE", SUSE, "KDUMP_COMMANDLINE=ro", "", "has no root=", "add root= to KDUMP_COMMANDLINE in /conf"),
]
CLEAN: list[tuple[str, Package, str, str]] = [
    ("kdump-utils", UTILS, SHIPPED, "root=/dev/a ostree=/x ignition.firstboot hugepages=4 crashkernel=1G"),
    ("kdump-utils without its list, on a later boot", UTILS, "", "root=/dev/a ostree=/x quiet"),
    ("kdump-utils brings its own root", UTILS, "KDUMP_COMMANDLINE=ro", "root=/dev/a ostree=/x"),
    ("kdump-tools", TOOLS, "", "root=/dev/a ostree=/x hugepages=4 crashkernel=1G"),
    ("kdump-tools, a line of its own", TOOLS, "KDUMP_CMDLINE='root=/dev/a ostree=/x'", "root=/dev/a ostree=/x"),
    ("kdump-tools on a machine that needs no root=", TOOLS, "KDUMP_CMDLINE=ro", "rw"),
    ("SUSE", SUSE, "", "root=/dev/a hugepages=4 crashkernel=1G"),
    ("no first boot", TOOLS, "", "ignition.firstboot=0 hugepages=0 ignition.platform.id=qemu xrd.break rd.breaks"),
]


@pytest.mark.parametrize(
    ("package", "config", "line", "reason", "mend"), [row[1:] for row in HARMFUL], ids=[row[0] for row in HARMFUL]
)
def test_what_costs_the_dump(package: Package, config: str, line: str, reason: str, mend: str) -> None:
    given = facts(package, config, line)
    predicted = capture_cmdline.predict(given).line
    assert predicted is not None
    found = dump_blockers.blocker(given, predicted)
    assert found is not None and reason in found.reason and mend in found.mend


@pytest.mark.parametrize(
    ("package", "line", "found"),
    [(TOOLS, "/a", True), (TOOLS, "/b", False), (UTILS, "/a", False), (SUSE, "/a", False)],
    ids=["the link is gone", "another link", "kdump-utils boots no deployment", "SUSE boots none"],
)
def test_a_deployment_that_is_gone(package: Package, line: str, found: bool) -> None:
    given = facts(package, "", f"root=/x ostree={line}", gone=("/a",))
    problem = dump_blockers.blocker(given, f"root=/x ostree={line}")
    assert (problem is not None) == found
    if problem:
        assert "ostree=/a leads nowhere" in problem.reason and problem.mend.startswith("reboot")


@pytest.mark.parametrize(("package", "config", "line"), [row[1:] for row in CLEAN], ids=[row[0] for row in CLEAN])
def test_what_is_clean(package: Package, config: str, line: str) -> None:
    given = facts(package, config, line)
    predicted = capture_cmdline.predict(given).line
    assert predicted is not None and dump_blockers.blocker(given, predicted) is None


LOST = "KDUMP_COMMANDLINE_REMOVE in /conf lacks ignition.firstboot"
WARNED: list[tuple[str, Package, str, dict[str, Any], list[str]]] = [
    ("nothing", UTILS, SHIPPED, {}, []),
    ("OpenShift's published sample", UTILS, 'KDUMP_COMMANDLINE_REMOVE="hugepages quiet swiotlb"', {}, [LOST]),
    ("an old list", UTILS, "", {}, [LOST]),
    ("the list with a value", UTILS, "KDUMP_COMMANDLINE_REMOVE=ignition.firstboot=1", {}, []),
    ("a list that cannot be known", UTILS, "KDUMP_COMMANDLINE_REMOVE=`x`", {}, []),
    ("no root", UTILS, f"{SHIPPED}KDUMP_COMMANDLINE='ro quiet'", {}, ["KDUMP_COMMANDLINE in /conf names no root="]),
    ("a root", UTILS, f"{SHIPPED}KDUMP_COMMANDLINE='ro root=/dev/a'", {}, []),
    ("the kernel takes memory", TOOLS, "KDUMP_CMDLINE='crashkernel=1 cma=64M swiotlb=noforce'", {"line": ""}, ["gets crashkernel=1", "gets cma=64M"]),
    ("kdump-utils' own", UTILS, f"{SHIPPED}KDUMP_COMMANDLINE_APPEND='cma=0 hugetlb_cma=0 swiotlb=noforce'", {}, []),
    ("loaded with something else", TOOLS, "KDUMP_CMDLINE_APPEND=x", {"line": "a", "recorded": "a y"}, ["loaded with other arguments than /conf"]),
    ("loaded with just that", TOOLS, "KDUMP_CMDLINE_APPEND=x", {"line": "a", "recorded": " a   x"}, []),
    ("loaded with something that cannot be compared", TOOLS, "KDUMP_CMDLINE=`x`", {"recorded": "y"}, []),
    ("Debian has no such list", TOOLS, "", {"line": "a"}, []),
    ("nor has SUSE", SUSE, "", {"line": "a"}, []),
]


@pytest.mark.parametrize(
    ("package", "config", "others", "words"), [row[1:] for row in WARNED], ids=[row[0] for row in WARNED]
)
def test_what_is_warned_of(package: Package, config: str, others: dict[str, Any], words: list[str]) -> None:
    given = facts(package, config, **others)
    found = dump_blockers.warnings(given, capture_cmdline.predict(given))
    assert len(found) == len(words), found
    assert all(word in text for word, text in zip(words, found, strict=True))


INSTALLED: list[tuple[str, dict[str, str], Package | None]] = [
    ("nothing", {}, None),
    ("Fedora", {"usr/bin/kdumpctl": "", "etc/sysconfig/kdump": ""}, UTILS),
    ("Debian", {"usr/sbin/kdump-config": "", "etc/default/kdump-tools": ""}, TOOLS),
    ("SUSE", {"usr/lib/kdump/load.sh": "", "etc/sysconfig/kdump": "", "etc/os-release": 'ID_LIKE="suse opensuse"\n'}, SUSE),
    ("Fedora, captured without programs", {"etc/sysconfig/kdump": "", "etc/os-release": "ID=fedora\n"}, UTILS),
    ("SUSE, captured without programs", {"etc/sysconfig/kdump": "", "etc/os-release": 'ID="sle-micro"\nID_LIKE="suse"\n'}, SUSE),
    ("Debian, captured without programs", {"etc/default/kdump-tools": "USE_KDUMP=1\n"}, TOOLS),
    ("the program decides", {"usr/sbin/kdump-config": "", "etc/sysconfig/kdump": ""}, TOOLS),
]


@pytest.mark.parametrize(("files", "package"), [row[1:] for row in INSTALLED], ids=[row[0] for row in INSTALLED])
def test_which_package_is_installed(make: Make, files: dict[str, str], package: Package | None) -> None:
    sample = make(extra={f"sysroot/{path}": text for path, text in files.items()})
    found = kdumpconf.read(str(sample.root), loaded=True)
    assert (found.package if found else None) is package


def test_the_facts_are_read(make: Make) -> None:
    extra = {
        "sysroot/usr/sbin/kdump-config": "",
        "sysroot/etc/default/kdump-tools": "KDUMP_CMDLINE_APPEND=x\n",
        "sysroot/var/crash/kexec_cmd": 'kexec --command-line="a b" /x\n',
        "proc/cpuinfo": CPUINFO,
        "proc/xen/capabilities": "",
        "sys/class/dmi/id/sys_vendor": "Amazon EC2\n",
        "sys/class/watchdog/watchdog0/device/modalias": "platform:iTCO_wdt\n",
    }
    root = str(make(cmdline=LATER_LINE + "\n", arch="aarch64", extra=extra).root)
    found = kdumpconf.read(root, loaded=True)
    assert found is not None
    assert (found.config.path, found.config.get("KDUMP_CMDLINE_APPEND").text) == ("/etc/default/kdump-tools", "x")
    assert (found.cmdline, found.arch, found.cpuinfo, found.recorded) == (LATER_LINE, "aarch64", CPUINFO, "a b")
    assert (found.watchdog, found.amazon, found.xen) == (True, True, True)
    unloaded = kdumpconf.read(root, loaded=False)
    assert unloaded is not None and unloaded.recorded is None


GONE: list[tuple[str, list[str], bool, tuple[str, ...]]] = [
    # name, what lies below the real root, whether a capture kernel is loaded, which values lead nowhere
    ("no deployment is in the tree", [], True, ()),
    ("both links are there", ["1/os/c/0", "0/os/c/0"], True, ()),
    ("ostree has swapped the links", ["0/os/c/0"], True, ("/ostree/boot.1/os/c/0",)),
    ("the recorded one is gone, but nothing is loaded", ["1/os/c/0"], False, ()),
    ("both are gone", ["1/os/d/0"], True, ("/ostree/boot.0/os/c/0", "/ostree/boot.1/os/c/0")),
]


@pytest.mark.parametrize(("links", "loaded", "gone"), [row[1:] for row in GONE], ids=[row[0] for row in GONE])
def test_links_that_ostree_has_removed(make: Make, links: list[str], loaded: bool, gone: tuple[str, ...]) -> None:
    extra = {
        "sysroot/usr/sbin/kdump-config": "",
        "sysroot/var/crash/kexec_cmd": 'kexec --command-line="ostree=/ostree/boot.0/os/c/0" /x\n',
    }
    sample = make(cmdline="ostree=/ostree/boot.1/os/c/0\n", extra=extra)
    for link in links:
        place = sample.root / f"sysroot/ostree/boot.{link}"
        place.parent.mkdir(parents=True, exist_ok=True)
        deployment = sample.root / "sysroot/ostree/deploy/os/deploy/abc.0"
        deployment.mkdir(parents=True, exist_ok=True)
        place.symlink_to("../../../deploy/os/deploy/abc.0")
    found = kdumpconf.read(str(sample.root), loaded=loaded)
    assert found is not None and found.gone == gone


def test_what_is_not_there_is_not_read(make: Make) -> None:
    found = kdumpconf.read(str(make(extra={"sysroot/usr/bin/kdumpctl": "", "sysroot/var/crash/kexec_cmd": "x"}).root), loaded=True)
    assert found is not None and found.recorded is None and found.cpuinfo == ""
    assert (found.watchdog, found.amazon, found.xen) == (False, False, False)


def test_a_machine_of_many_processors_has_a_long_cpuinfo(make: Make) -> None:
    cpuinfo = "flags : x\n" * (2 << 20)
    found = kdumpconf.read(str(make(extra={"sysroot/usr/bin/kdumpctl": "", "proc/cpuinfo": cpuinfo}).root), loaded=False)
    assert found is not None and found.cpuinfo == cpuinfo


def test_a_file_that_is_no_utf8_does_no_harm(make: Make) -> None:
    root = str(make(extra={"sysroot/etc/sysconfig/kdump": b"# caf\xe9\nKDUMP_COMMANDLINE=\xff\n"}).root)
    found = kdumpconf.read(root, loaded=True)
    assert found is not None and found.config.get("KDUMP_COMMANDLINE").text == "\udcff"


@pytest.mark.parametrize("package", Package)
def test_every_argument_that_is_named_is_a_word(package: Package) -> None:
    """The tables are complete and hold what can be on a command line."""
    assert package in dump_blockers.OVERRIDE and package in dump_blockers.UNIT and package in kdumpconf.CONFIGS
    assert all(re.fullmatch(r"[\w.]+", name) for name in (*dump_blockers.FATAL, *dump_blockers.DOUBTFUL))
