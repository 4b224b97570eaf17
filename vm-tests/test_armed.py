# SPDX-License-Identifier: Apache-2.0
"""One config that only enables kdump: one reboot, armed, a crash, a vmcore. The tests share one machine, in this order."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harness import guest, vmcore
from harness.disk import Disk
from harness.guest import AUTO, FIRST_BOOT_JOURNAL, KDUMP_UNIT, MIB
from harness.ignition import Config
from harness.machine import Machine

from conftest import fresh_directory

ONCE = "one line, once\n"
CRASH_TIMEOUT = 600.0
DEFAULTS = "/etc/default/kdump-tools"
# The image's, but without a line of its own for the capture kernel: Debian's rules make it.
DEBIAN_RULES = """\
USE_KDUMP=1
KDUMP_KERNEL=/usr/lib/modules/$(uname -r)/vmlinuz
KDUMP_INITRD=/usr/lib/kdump/initramfs.img
KDUMP_COREDIR="/var/crash"
KDUMP_KEXEC_ARGS=-s
"""


@pytest.fixture(scope="module")
def armed(request: pytest.FixtureRequest, image: Path) -> Iterator[Machine]:
    """The machine in its second boot."""
    directory = fresh_directory(request.node)
    config = Config().enable(KDUMP_UNIT).file("/etc/appended", ONCE, append=True).file(DEFAULTS, DEBIAN_RULES)
    with Machine(Disk.overlay(image, directory / "disk.qcow2"), log_dir=directory, ignition=config) as machine:
        machine.wait_boot()
        guest.settled(machine)
        yield machine


def test_exactly_one_extra_reboot(armed: Machine) -> None:
    """Counted by the emulator, by the kernels on the console, and by the boot IDs of the two journals."""
    assert armed.reset_count == 1
    first, second = armed.kernel_command_lines()
    assert "ignition.firstboot" in first.split() and "crashkernel=" not in first
    assert "ignition.firstboot" not in second and f"crashkernel={AUTO}" in second.split()
    (provisioned,) = json.loads(armed.run(f"journalctl --directory={FIRST_BOOT_JOURNAL} --list-boots --output=json").text)
    (running,) = armed.boot_ids
    assert provisioned["boot_id"] != running.replace("-", "")


def test_armed_on_the_second_boot(armed: Machine) -> None:
    """The kernel says so, and the report and `status` agree with it."""
    assert guest.kdump(armed) == guest.Kdump(192 * MIB, loaded=True)
    report = guest.reported(armed)
    assert report["armed"] and report["broken"] is None
    assert armed.run("kdump-karg status").text.endswith(report["verdict"])


def test_ignition_ran_once(armed: Machine) -> None:
    """A file that Ignition appends to has the text once, and no later boot can make it twice."""
    assert armed.read("/etc/appended").decode() == ONCE
    assert not [name for name in armed.run("ls -A /boot").text.split() if "first" in name or name == "ignition"]


def test_entry_is_in_its_final_form(armed: Machine, pristine_entry: str) -> None:
    """Byte for byte the entry of the image with one argument more, and nothing beside it."""
    assert guest.entry(armed) == guest.final_form(pristine_entry)
    assert len(armed.run("ls -A /boot/loader/entries").text.split()) == 1


def test_ostree_agrees(armed: Machine) -> None:
    """ostree reads the entry that was written and knows the booted deployment by it."""
    assert armed.run("ostree admin status").text.startswith("* debian ")


def test_nothing_failed_and_file_systems_are_clean(armed: Machine) -> None:
    """The reboot came after Ignition had unmounted: no journal had to be replayed, no unit failed."""
    assert armed.run("systemctl --failed --plain --no-legend").text == ""
    assert armed.run("journalctl --boot --dmesg --grep='recovery|orphan'", check=False).text in ("", "-- No entries --")


def test_first_boot_can_be_read_afterwards(armed: Machine) -> None:
    """The journal of Ignition's only run, and of ours, from the second boot."""
    read = f"journalctl --directory={FIRST_BOOT_JOURNAL} --output=cat --unit="
    assert "files" in armed.run(f"{read}ignition-files.service").text
    assert f"crashkernel={AUTO} will reserve 192 MiB" in armed.run(f"{read}kdump-karg.service").text
    assert "CHANGE" in armed.run(f"{read}kdump-karg-write.service").text
    assert guest.processes_of_ours(armed, f"--directory={FIRST_BOOT_JOURNAL}") == 2  # one decides, one writes


def test_what_others_write_late_is_there(armed: Machine) -> None:
    """The late writers' files are on disk, the write began when the last of them had ended, nothing is left below the mount of /var."""
    assert guest.written_late(armed)
    log = f"journalctl --directory={FIRST_BOOT_JOURNAL} --output=cat --grep='Stopped rig-teardown|Starting kdump-karg-write'"
    stopped, starting = armed.run(log).text.splitlines()
    assert "rig-teardown" in stopped and "kdump-karg-write" in starting
    assert armed.run("ls -A /sysroot/ostree/deploy/debian/deploy/*.0/var").text == ""


def test_report_was_given_once(armed: Machine) -> None:
    """In the journal, and above the login prompt."""
    log = armed.run("journalctl --boot --output=cat --unit=kdump-karg-report.service").text
    assert log.count("kdump is armed") == 1
    issue = armed.run("cat /run/issue.d/50_kdump-karg.issue").text
    assert "kdump is armed" in issue
    assert all(row in log for row in issue.splitlines()[1:]) and "capture command line" in log


@pytest.fixture(scope="module")
def before(armed: Machine) -> dict[str, Any]:
    """What `status` says before the crash."""
    number, document = guest.status(armed)
    assert (number, document["broken"], document["warnings"]) == (0, None, [])
    return document


@pytest.fixture(scope="module")
def foreseen(before: dict[str, Any]) -> dict[str, Any]:
    """What it says of the capture kernel's command line."""
    capture = before["capture"]
    assert isinstance(capture, dict)
    return capture


@pytest.fixture(scope="module")
def crashed(armed: Machine, before: dict[str, Any]) -> Machine:
    """The same machine after a panic, back by itself."""
    armed.crash()
    armed.wait_boot(CRASH_TIMEOUT)
    guest.settled(armed)
    return armed


def test_vmcore_is_real(crashed: Machine) -> None:
    """The dump's own headers name this kernel, and its log ends in the crash we asked for."""
    assert "incomplete" not in crashed.run("find /var/crash").text
    vmcore.verify(vmcore.collect(crashed), crashed.run("uname -r").text)


def test_the_dump_is_no_larger_than_was_foreseen(crashed: Machine, before: dict[str, Any]) -> None:
    """All that the crash left in the directory; and the estimate is not one that any dump would keep."""
    foreseen = before["target"]["dump_bytes"]
    taken = int(crashed.run("du --bytes --summarize /var/crash/2*").text.split()[0])
    assert foreseen / 4 < taken < foreseen < 512 * MIB


def test_capture_kernel_did_not_provision(crashed: Machine) -> None:
    """Its own command line, as it printed it on the console."""
    (capture,) = (line for line in crashed.kernel_command_lines() if "elfcorehdr=" in line)
    assert "ignition.firstboot" not in capture and "crashkernel" not in capture


def test_capture_kernel_got_what_was_foreseen(crashed: Machine, foreseen: dict[str, Any]) -> None:
    """Word for word: the line that Debian's rules were said to give, the one that was noted, and the one that was printed."""
    (capture,) = (line for line in crashed.kernel_command_lines() if "elfcorehdr=" in line)
    printed = [word for word in capture.split() if not word.startswith("elfcorehdr=")]
    assert foreseen["predicted"].split() == printed == foreseen["recorded"].split()


def test_comes_back_armed_and_silent(crashed: Machine) -> None:
    """Armed again; the report is not repeated, nothing of ours says a word."""
    assert guest.kdump(crashed) == guest.Kdump(192 * MIB, loaded=True)
    assert guest.processes_of_ours(crashed) == 0
    assert crashed.run("systemctl is-active kdump-karg-report.service", check=False).text == "inactive"
    assert guest.status(crashed)[1]["vmcore"].startswith("/var/crash/")


def test_ostree_keeps_the_karg(crashed: Machine) -> None:
    """An edit by ostree itself reads our argument, does not add it again, and writes it back."""
    crashed.run(f"ostree admin kargs edit-in-place --append-if-missing=crashkernel={AUTO} --append-if-missing=quiet", timeout=300.0)
    words = guest.options(guest.entry(crashed)).split()
    assert words.count(f"crashkernel={AUTO}") == 1 and words[-1] == "quiet"


def test_loaded_with_a_harmful_argument_is_not_armed(crashed: Machine) -> None:
    """A capture kernel that would provision the machine again is a broken link; before it is loaded, a warning."""
    crashed.run(f"echo 'KDUMP_CMDLINE_APPEND=\"nr_cpus=1 ignition.firstboot\"' >>{DEFAULTS}")
    number, document = guest.status(crashed)
    assert number == 0 and "loaded with other arguments" in document["warnings"][0]
    crashed.run(f"systemctl restart {KDUMP_UNIT}", timeout=300.0)
    number, document = guest.status(crashed)
    assert (number, document["broken"], document["warnings"]) == (4, "capture command line", [])
    assert "ignition.firstboot is on it" in document["verdict"] and DEFAULTS in document["mend"]


def test_green_and_unarmed_is_impossible_on_a_later_boot(crashed: Machine) -> None:
    """kdump-tools that is switched off in its own file starts, and succeeds, and loads nothing."""
    crashed.run(f"sed -i s/USE_KDUMP=1/USE_KDUMP=0/ {DEFAULTS}")
    crashed.reboot()
    crashed.wait_boot()
    guest.settled(crashed)
    assert guest.kdump(crashed) == guest.Kdump(192 * MIB, loaded=False)
    assert crashed.run(f"systemctl is-active {KDUMP_UNIT}").text == "active"
    failed = crashed.run("systemctl --failed --plain --no-legend").text
    assert failed.startswith("kdump-karg-report.service ") and failed.count("\n") == 0
    assert crashed.run("systemctl show --value --property=ExecMainStatus kdump-karg-report.service").text == "4"
    assert "kdump is NOT armed: loaded: " in crashed.run("cat /run/issue.d/50_kdump-karg.issue").text
    assert guest.status(crashed)[0] == 4
