# SPDX-License-Identifier: Apache-2.0
"""chain.py, links.py and delivery.py: the first broken link, and the report that is given once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator.facts import dumps
from orchestrator.report import chain, delivery, metrics, show
from orchestrator.report.links import NAMES, Link
from orchestrator.rules import bls
from orchestrator.system.target import Target
from orchestrator.write import outcome
from tests.conftest import Make
from tests.kernelimage import efi_program
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
NEW_NAMES = {"sys/kernel/kexec/crash_size": f"{256 << 20}\n", "sys/kernel/kexec/crash_loaded": "1\n"}
OPENSHIFT = 'KDUMP_COMMANDLINE_REMOVE="hugepages hugepagesz slub_debug quiet log_buf_len swiotlb"\n'


def target(sample: Sample) -> Target:
    """The sample as a captured tree."""
    return Target(str(sample.root), live=False)


def note(kind: str) -> dict[str, str]:
    """What a run left in this boot."""
    return {outcome.OUTCOME: f"{kind}\nreason of {kind}\n"}


NOT_LOADED: dict[str, Any] = {"crash_loaded": "0\n"}


def kernel(lockdown: str, signatures: int) -> dict[str, Any]:
    """kdump-tools that takes a kernel with that many bytes of signatures, and how far the running one is locked down."""
    settings = {"sysroot/etc/default/kdump-tools": "KDUMP_KERNEL=/vmlinuz\n", "sysroot/vmlinuz": efi_program(signatures)}
    return {"extra": {**settings, "sys/kernel/security/lockdown": f"{lockdown}\n"}}


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
    ("not loaded, not locked down", {**NOT_LOADED, **kernel("[none] integrity", 0)}, "loaded", "no capture kernel is loaded; look"),
    (
        "not loaded, locked down",
        {**NOT_LOADED, **kernel("none [integrity]", 9)},
        "loaded",
        "and this kernel, locked down (integrity), takes one by kexec -s alone, with a signature that it can verify; look at the log",
    ),
    (
        "not loaded, locked down, no signature",
        {**NOT_LOADED, **kernel("none [integrity]", 0)},
        "loaded",
        "/vmlinuz has no signature, and this kernel, locked down (integrity), takes none without; name the distribution's signed",
    ),
    (
        "harmful",
        {"cmdline": f"{LATER_LINE} crashkernel={AUTO} rd.break", "extra": {"sysroot/etc/sysconfig/kdump": OPENSHIFT}},
        "capture command line",
        "rd.break is on it",
    ),
    (
        "harmful, says the note of the load",
        {"extra": {"sysroot/usr/sbin/kdump-config": "", "sysroot/var/crash/kexec_cmd": 'k --command-line="hugepages=9"'}},
        "capture command line",
        "hugepages=9 is on it",
    ),
]


@pytest.mark.parametrize(("overrides", "name", "words"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_the_first_broken_link(make: Make, overrides: dict[str, Any], name: str, words: str) -> None:
    found = chain.read(target(make(**{**ARMED, **overrides})))
    assert found.broken is not None and found.broken.name == name
    assert words in f"{found.broken.detail}; {found.broken.mend}"
    assert tuple(link.name for link in found.links) == NAMES[: NAMES.index(name) + 1]
    assert found.verdict.startswith(f"kdump is NOT armed: {name}: {found.broken.detail}")
    assert found.verdict.endswith(found.broken.mend)
    assert found.wanted and not found.armed and chain.exit_status(found) == 4


ARMED_TOO: list[tuple[str, dict[str, Any]]] = [
    ("plainly", {}),
    ("nothing asks, but it is there", {"preset": None}),
    ("/boot cannot be read", {"loader": None}),
    ("by a change of this boot", {"extra": note("CHANGE")}),
    ("found active", {"extra": note("ACTIVE")}),
    ("as linux 6.19 and later tell it", {"crash_size": None, "crash_loaded": None, "extra": NEW_NAMES}),
    ("clean", {"extra": {"sysroot/etc/sysconfig/kdump": OPENSHIFT}}),
    ("not known to be clean", {"extra": {"sysroot/etc/sysconfig/kdump": "KDUMP_COMMANDLINE=$(cat /etc/x)\n"}}),
]


@pytest.mark.parametrize("overrides", [row[1] for row in ARMED_TOO], ids=[row[0] for row in ARMED_TOO])
def test_armed(make: Make, overrides: dict[str, Any]) -> None:
    found = chain.read(target(make(**{**ARMED, **overrides})))
    assert found.armed and found.broken is None and chain.exit_status(found) == 0
    assert tuple(link.name for link in found.links) == NAMES and found.wanted and found.reserved == 256 << 20
    assert found.verdict == "kdump is armed: the capture kernel is loaded into 256 MiB of reserved memory"


def test_not_wanted(make: Make) -> None:
    found = chain.read(target(make(ignition=NO_WISH, preset=None)))
    assert (found.wanted, found.links, found.armed, chain.exit_status(found)) == (False, (), False, 0)
    assert found.verdict.startswith("kdump is not wanted")


CAPTURE_LINKS: list[tuple[str, dict[str, str | bytes], str]] = [
    ("no package", {}, "not known: no kdump package whose rules are known is installed"),
    ("by the rules", {"sysroot/etc/sysconfig/kdump": ""}, "nothing harmful in it, by kdump-utils's rules"),
    (
        "as noted",
        {"sysroot/etc/default/kdump-tools": "", "sysroot/var/crash/kexec_cmd": f'k --command-line="{LATER_LINE}" --initrd=x k'},
        "nothing harmful in it, as noted when it was loaded",
    ),
    (
        "as noted in a directory of its own",
        {"sysroot/etc/default/kdump-tools": "KDUMP_COREDIR=/a\n", "sysroot/a/kexec_cmd": f'k --command-line="{LATER_LINE}" k'},
        "nothing harmful in it, as noted when it was loaded",
    ),
    ("unknown", {"sysroot/etc/sysconfig/kdump": "if x\n"}, "not known: /etc/sysconfig/kdump:1 is more than an assignment"),
]


@pytest.mark.parametrize(("extra", "words"), [row[1:] for row in CAPTURE_LINKS], ids=[row[0] for row in CAPTURE_LINKS])
def test_what_is_said_of_the_capture_kernel_that_would_dump(make: Make, extra: dict[str, str | bytes], words: str) -> None:
    (found,) = (link for link in chain.read(target(make(**ARMED, extra=extra))).links if link.name == "capture command line")
    assert found.ok and found.detail.startswith(words)


def test_what_was_noted_of_an_earlier_load_counts_for_nothing(make: Make) -> None:
    noted = {"sysroot/etc/default/kdump-tools": "", "sysroot/var/crash/kexec_cmd": 'k --command-line="hugepages=9"'}
    found = chain.read(target(make(**{**ARMED, "crash_loaded": "0\n"}, extra=noted)))
    assert found.capture is not None and found.capture.facts.recorded is None and found.warnings == ()


def test_reserved_is_shown_beside_needed() -> None:
    from orchestrator.facts.machine import Surroundings
    from orchestrator.report import links

    here = Surroundings("", False, False, False)
    assert links.reserved_link("", here, 192 << 20, 230 << 20).detail.endswith("(192 MiB) are reserved, about 230 MiB are needed")
    assert links.reserved_link("", here, 192 << 20).detail == "201326592 bytes (192 MiB) are reserved"


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
@pytest.mark.parametrize("where", ["", "sysroot/"], ids=["real root", "initramfs"])
def test_the_last_dump(make: Make, files: list[str], expected: str | None, where: str) -> None:
    sample = make(extra={f"{where}var/crash/{name}": "x" for name in files})
    if not where:
        (sample.root / "sysroot").rename(sample.root / "elsewhere")
    assert dumps.last(str(sample.root)) == (f"/var/crash/{expected}" if expected else None)


def test_the_report_is_given_once(make: Make) -> None:
    sample = make(**ARMED, extra={outcome.REPORT_NOW: "", f"sysroot/{outcome.REPORT_LATER}": ""})
    (sample.root / "sysroot/etc").rename(sample.root / "etc")
    (sample.root / "sysroot/var").rename(sample.root / "var")
    given = delivery.give(target(sample))
    found = given.chain
    assert given.news
    assert found.armed
    assert sample.text(delivery.ISSUE) == f"kdump-karg: {found.verdict}\n{show.chain_table(found)}"
    assert json.loads(sample.text(delivery.STATUS))["verdict"] == found.verdict
    assert sample.text(delivery.METRICS) == metrics.text(found)
    assert not sample.has(outcome.REPORT_NOW) and not sample.has(outcome.REPORT_LATER)
    (sample.root / delivery.ISSUE).unlink()
    (sample.root / delivery.METRICS).unlink()
    assert delivery.give(target(sample)) == delivery.Report(found, news=False)
    assert not sample.has(delivery.ISSUE) and sample.has(delivery.METRICS)


def test_a_broken_chain_is_reported_too(make: Make) -> None:
    sample = make(**{**ARMED, "crash_loaded": "0\n"})
    assert delivery.give(target(sample)).news
    assert "kdump is NOT armed: loaded: " in sample.text(delivery.ISSUE)


def test_a_report_stays_inside_a_captured_tree(make: Make) -> None:
    sample = make(**ARMED, extra={f"sysroot/{outcome.REPORT_NOW}": "", outcome.REPORT_NOW: ""})
    sample.link("run/issue.d", "/somewhere/else")
    delivery.give(target(sample))
    assert sample.has("somewhere/else/50_kdump-karg.issue")


def test_a_name_that_is_no_utf8_does_not_stop_the_report(make: Make) -> None:
    sample = make(ignition=NO_WISH, preset=None)
    sample.link("sysroot/etc/systemd/system/\udcff.wants/kdump.service", "/x")
    assert not delivery.give(target(sample)).chain.armed
    (sample.root / "boot/loader").unlink()
    assert not delivery.give(target(sample)).chain.armed


def test_the_login_console_is_spared_what_nobody_wants_to_know(make: Make) -> None:
    sample = make(ignition=NO_WISH, preset=None)
    assert not delivery.give(target(sample)).chain.wanted
    assert json.loads(sample.text(delivery.STATUS))["wanted"] is False and not sample.has(delivery.ISSUE)
    assert "kdump_karg_wanted 0\n" in sample.text(delivery.METRICS)


def test_agetty_gives_backslashes_a_meaning() -> None:
    broken = chain.Chain(True, (Link("intent", False, "a\\d"),), None)
    assert delivery.issue(broken).startswith("kdump-karg: kdump is NOT armed: intent: a\\\\d\nBROKEN ")
    assert delivery.issue(broken).count("\\") == 4


TABLE = f"""\
ok       intent                kdump.service enabled by /etc/systemd/system-preset/20-ignition.preset: crashkernel=auto
ok       provisioning          no decision is recorded for this boot
ok       entry                 /boot/loader/entries/ostree-1.conf has crashkernel={AUTO}
ok       command line          /proc/cmdline has crashkernel={AUTO}
ok       reserved              268435456 bytes (256 MiB) are reserved
BROKEN   loaded                no capture kernel is loaded
         how to mend it        look at the log of kdump.service or kdump-tools.service, and enable it if it did not run
-        capture command line  not looked at
-        target                not looked at
-        proof                 not looked at
         last vmcore           /var/crash/1/vmcore
WARNING  KDUMP_COMMANDLINE_REMOVE in /etc/sysconfig/kdump lacks ignition.firstboot, so a crash in a first boot would provision \
again: add it
kdump is NOT armed: loaded: no capture kernel is loaded; look at the log of kdump.service or kdump-tools.service, and enable it \
if it did not run
"""


def test_status_as_text(make: Make) -> None:
    extra = {"sysroot/var/crash/1/vmcore": "", "sysroot/etc/sysconfig/kdump": OPENSHIFT}
    found = chain.read(target(make(**{**ARMED, "crash_loaded": "0\n"}, extra=extra)))
    assert show.chain_text(found) == TABLE


def test_status_as_text_where_nothing_asks(make: Make) -> None:
    found = chain.read(target(make(ignition=NO_WISH, preset=None)))
    assert show.chain_text(found) == f"{found.verdict}\n" and show.chain_table(found) == ""


def test_status_as_json(make: Make) -> None:
    extra = {"sysroot/var/crash/1/vmcore": "", "sysroot/etc/sysconfig/kdump": OPENSHIFT}
    found = chain.read(target(make(**{**ARMED, "crash_loaded": "0\n"}, extra=extra)))
    document = json.loads(show.chain_json(found))
    assert list(document) == [
        *("armed", "wanted", "verdict", "broken", "mend", "links", "reserved_bytes", "needed_bytes", "capture_files", "next"),
        *("capture", "target", "proof", "pending", "warnings", "vmcore"),
    ]
    assert (document["armed"], document["wanted"], document["broken"]) == (False, True, "loaded")
    assert document["mend"].startswith("look at the log of ") and document["verdict"] == found.verdict
    assert document["vmcore"] == "/var/crash/1/vmcore"
    assert (document["reserved_bytes"], document["needed_bytes"]) == (256 << 20, None)
    assert [link["name"] for link in document["links"]] == list(NAMES[:6])
    assert all(set(link) == {"name", "ok", "detail"} for link in document["links"])
    assert document["warnings"] == list(found.warnings) and len(found.warnings) == 1
    assert document["capture"] == {
        "package": "kdump-utils",
        "config": "/etc/sysconfig/kdump",
        "predicted": f"{LATER_LINE} rd.systemd.gpt_auto=no",
        "unknown": None,
        "recorded": None,
    }
    assert document["target"] == {"place": "/var/crash", "free_bytes": None, "dump_bytes": None}


EXTREMES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    (
        "not wanted",
        {"ignition": NO_WISH, "preset": None},
        {
            **{"armed": False, "wanted": False, "broken": None, "mend": None},
            **{"links": [], "capture": None, "target": None, "warnings": []},
        },
    ),
    ("armed", ARMED, {"armed": True, "wanted": True, "broken": None, "mend": None, "needed_bytes": None, "vmcore": None}),
    ("the fix is in the sentence", {"loader": None}, {"broken": "entry", "reserved_bytes": 0}),
    ("nothing can be read", {**ARMED, "crash_size": None}, {"broken": "reserved", "reserved_bytes": None}),
    (
        "not to be known",
        {**ARMED, "extra": {"sysroot/etc/default/kdump-tools": "KDUMP_CMDLINE=`x`", "sysroot/var/crash/kexec_cmd": "x"}},
        {
            "capture": {
                "package": "kdump-tools",
                "config": "/etc/default/kdump-tools",
                "predicted": None,
                "unknown": "/etc/default/kdump-tools has '`x`', and no shell is run to work it out",
                "recorded": None,
            }
        },
    ),
]


@pytest.mark.parametrize(("overrides", "expected"), [row[1:] for row in EXTREMES], ids=[row[0] for row in EXTREMES])
def test_json_in_other_states(make: Make, overrides: dict[str, Any], expected: dict[str, Any]) -> None:
    document = json.loads(show.chain_json(chain.read(target(make(**overrides)))))
    assert {key: document[key] for key in expected} == expected
    assert (document["mend"] is None) == (document["broken"] is None)


def test_in_the_initramfs_and_in_the_real_root_the_same_is_said(make: Make) -> None:
    extra = {"sysroot/etc/sysconfig/kdump": OPENSHIFT, "sysroot/var/crash/1/vmcore": "", "etc/initrd-release": "ID=x\n"}
    sample = make(**ARMED, extra=extra)
    before = show.chain_json(chain.read(target(sample)))
    (sample.root / "etc").rename(sample.root / "initramfs-etc")
    for name in ("etc", "var"):
        (sample.root / "sysroot" / name).rename(sample.root / name)
    assert show.chain_json(chain.read(target(sample))) == before
    assert '"armed": true' in before and "/var/crash/1/vmcore" in before and "lacks ignition.firstboot" in before
