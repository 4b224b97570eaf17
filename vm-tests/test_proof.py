# SPDX-License-Identifier: Apache-2.0
"""`kdump-karg test`: nothing but the word crashes the machine, and the report after the crash opens the dump.

The tests share one machine, in this order.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harness import guest, vmcore
from harness.disk import Disk
from harness.guest import KDUMP_UNIT
from harness.ignition import Config
from harness.machine import Machine

from conftest import fresh_directory

CRASH_TIMEOUT = 600.0
DEFAULTS = "/etc/default/kdump-tools"
NOTE = "/var/lib/kdump-karg/test"
READ_ONLY_TRIGGER = """\
mount --bind /proc/sysrq-trigger /proc/sysrq-trigger &&
    mount -o remount,bind,ro /proc/sysrq-trigger &&
    kdump-karg test --yes"""
#: The capture kernel gets an initramfs of other bytes and a word more.
OTHER_CAPTURE = f"""\
set -eu
cp /usr/lib/kdump/initramfs.img /var/lib/kdump/other.img
head -c 4 /dev/zero >>/var/lib/kdump/other.img
echo KDUMP_INITRD=/var/lib/kdump/other.img >>{DEFAULTS}
echo 'KDUMP_CMDLINE_APPEND="nr_cpus=1 systemd.unit=kdump-tools-dump.service rig.other"' >>{DEFAULTS}
systemctl restart {KDUMP_UNIT}
"""


@pytest.fixture(scope="module")
def armed(request: pytest.FixtureRequest, image: Path) -> Iterator[Machine]:
    """The machine in its second boot."""
    directory = fresh_directory(request.node)
    config = Config().enable(KDUMP_UNIT)
    with Machine(Disk.overlay(image, directory / "disk.qcow2"), log_dir=directory, ignition=config) as machine:
        machine.wait_boot()
        guest.settled(machine)
        yield machine


def proof(machine: Machine) -> dict[str, Any]:
    """What `status --json` says of the proof; the machine must be armed."""
    document = json.loads(machine.run("kdump-karg status --json").text)
    found = document["proof"]
    assert isinstance(found, dict) and document["links"][-1]["name"] == "proof"
    return found


def refused(machine: Machine, command: str) -> str:
    """Run what must not crash the machine and be refused; what it says. The boot and the notes stay what they are."""
    before = machine.run("ls -A /var/lib/kdump-karg").text
    done = machine.run(command, check=False)
    assert done.status == 3, command
    assert machine.run("cat /proc/sys/kernel/random/boot_id").text == machine.boot_ids[-1]
    assert machine.run("ls -A /var/lib/kdump-karg").text == before
    return done.stderr.decode()


@pytest.mark.parametrize(
    "words", ["", "-y", "--Yes", "--YES", "--yess", "--ye", "--yes=1", "--yes=", "yes", "y", "--json --yes", "--root / --yes"]
)
def test_no_other_word_crashes_it(armed: Machine, words: str) -> None:
    """A usage error, with nobody at a terminal and with whatever is typed into it."""
    done = armed.run(f"yes --yes | KDUMP_KARG_YES=1 YES=1 kdump-karg test {words}", check=False)
    assert done.status == 2 and b"kdump-karg: " in done.stderr
    assert armed.run("cat /proc/sys/kernel/random/boot_id").text == armed.boot_ids[-1]


def test_a_unit_without_the_word_does_not_either(armed: Machine) -> None:
    """Nor does any command but `test`."""
    done = armed.run("systemd-run --quiet --wait --collect --setenv=YES=1 kdump-karg test", check=False)
    assert done.status == 2
    for command in ("plan", "apply", "status", "report", "write"):
        assert armed.run(f"kdump-karg {command} --yes", check=False).status == 2
    assert armed.run("cat /proc/sys/kernel/random/boot_id").text == armed.boot_ids[-1]


def test_it_says_what_it_would_prove(armed: Machine) -> None:
    """Without the word: digests that sha256sum finds as well, and what is lost."""
    said = armed.run("kdump-karg test", check=False).text
    for path in ("/usr/lib/kdump/initramfs.img", "/usr/lib/modules/$(uname -r)/vmlinuz"):
        assert armed.run(f"sha256sum {path}").text[:16] in said
    assert "unsaved work is lost" in said and "/var/crash" in said and "refused" not in said
    assert proof(armed)["state"] == "never"


def test_a_kernel_that_cannot_be_told_to_is_left_alone(armed: Machine) -> None:
    """/proc/sysrq-trigger that is read-only, as in a container."""
    assert "/proc/sysrq-trigger cannot be written" in refused(armed, f"unshare --mount sh -c '{READ_ONLY_TRIGGER}'")


@pytest.fixture(scope="module")
def crashed(armed: Machine) -> Machine:
    """The same machine after the word was said, in a unit; back by itself."""
    armed.run("systemd-run --quiet --on-active=1 --timer-property=AccuracySec=100ms kdump-karg test --yes")
    armed.wait_boot(CRASH_TIMEOUT)
    guest.settled(armed)
    return armed


def test_the_dump_proves_it(crashed: Machine) -> None:
    """The report has opened the dump and says so once; `status` goes by its record."""
    found = proof(crashed)
    log = crashed.run("journalctl --boot --output=cat --unit=kdump-karg-report.service").text
    assert found["state"] == "proven" and found["changed"] == [], log
    assert log.count("its log ends in the panic of this test") == 1
    assert found["dump"] == crashed.run("ls /var/crash/*/dump.*").text
    assert "by a crash with this very kernel" in crashed.run("kdump-karg status").text
    assert crashed.run(f"test -e {NOTE}", check=False).status == 1


def test_the_dump_is_what_it_is_said_to_be(crashed: Machine) -> None:
    """The host's own look at it, and the line of the test in the log within."""
    dump = vmcore.collect(crashed)
    vmcore.verify(dump, crashed.run("uname -r").text)
    assert "this panic is on purpose" in dump.dmesg


def test_another_capture_initramfs_and_line_are_not_proven(crashed: Machine) -> None:
    """The proof is kept, with what is another one since."""
    crashed.run(OTHER_CAPTURE, timeout=300.0)
    found = proof(crashed)
    assert (found["state"], found["changed"]) == ("changed", ["initramfs", "line"])
    said = crashed.run("kdump-karg status").text
    assert "but the capture initramfs and the capture command line have changed since" in said


def test_what_is_in_the_way_of_another_test(crashed: Machine) -> None:
    """A note that is torn, and no capture kernel: one sentence each; the report puts the note in order."""
    crashed.run(f"printf '{{\"id\": ' >{NOTE}")
    assert "is damaged" in refused(crashed, "kdump-karg test --yes")
    assert "not proven: " in crashed.run("kdump-karg report").stderr.decode()
    assert proof(crashed)["state"] == "failed"
    crashed.run("kdump-config unload")
    assert "kdump is NOT armed: loaded" in refused(crashed, "kdump-karg test --yes")
