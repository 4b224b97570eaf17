# SPDX-License-Identifier: Apache-2.0
"""SELinux, enforcing, with Debian's policy: from provisioning to the vmcore, labels and denials of every boot.

The tests of a machine share it, in this order. `make check-selinux`; no part of the gate.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import guest, vmcore
from harness.disk import Disk
from harness.guest import AUTO, KDUMP_UNIT, MIB
from harness.ignition import Config
from harness.machine import Machine
from image import builder as image_builder
from image.traits import Traits

from conftest import fresh_directory

BOOT_TIMEOUT = 600.0
CRASH_TIMEOUT = 900.0
#: Names of ours, in a denial: of a process, a program, a file, a unit.
OURS = re.compile(r"kdump[-_]karg|/python\b|comm=\"python|name=\"python", re.IGNORECASE)
#: What the kernel says when it could not say all.
LOST = re.compile(r"audit: .*(backlog limit exceeded|lost=|rate limit)")
#: The program, the entry and all above it, and all that we leave. A glob that finds nothing stays as it is, and fails.
PLACES = (
    "/usr/bin/kdump-karg", "/usr/lib/kdump-karg", "/usr/lib/kdump-karg/*",
    "/boot", "/boot/loader", "/boot/loader.?", "/boot/loader/entries", "/boot/loader/entries/*",
    "/var/lib/kdump-karg", "/var/lib/kdump-karg/*", "/var/log/kdump-karg", "/var/log/kdump-karg/first-boot",
    "/var/log/kdump-karg/first-boot/*",
)  # fmt: skip
#: The domain of a service, which the agent is, and that of one of ours.
UNDO_AND_LOOK = """\
set -e
cat /proc/self/attr/current; echo
flock /boot sleep 15 &
sleep 1
systemd-run --quiet --unit=rig-undo kdump-karg undo
until pid=$(pgrep -x kdump-karg); do sleep 0.2; done
sleep 3
cat /proc/$pid/attr/current"""
RUN_PLACES = ("/run/kdump-karg", "/run/kdump-karg/*")


@pytest.fixture(scope="module")
def enforcing_image(product: Path | None) -> Path:
    """The image with a policy, and the product in it."""
    return image_builder.build(Traits(selinux=True), product)


def enforcing(machine: Machine) -> bool:
    """Is a policy loaded, and in force?"""
    return machine.run("getenforce").text == "Enforcing"


def denials(machine: Machine) -> list[str]:
    """Every denial since power-on, of the capture kernel as well: the console has what the kernel says, journald the rest."""
    journal = machine.run("journalctl --boot=all --output=cat --grep='avc: +denied' | cat", check=False).text
    everywhere = f"{journal}\n{machine.run('dmesg | cat').text}\n{machine.serial_text}"
    assert not LOST.search(everywhere), LOST.findall(everywhere)
    return sorted({line.strip() for line in everywhere.splitlines() if re.search(r"avc: +denied", line)})


def of_ours(lines: list[str]) -> list[str]:
    """The denials that name us."""
    return [line for line in lines if OURS.search(line)]


def wrong_labels(machine: Machine, places: tuple[str, ...]) -> list[str]:
    """What the policy would have labelled otherwise, user, role, type and range; a place that is not there fails."""
    found = machine.run(f"ls -d {' '.join(places)}").text.split()
    labels = machine.run(f"ls -dZ {' '.join(found)}").text
    wrong = [line for line in labels.splitlines() if "unlabeled_t" in line]
    # The domain of restorecon may not follow the link /boot/loader, nor write to the agent's files. -F: the whole context.
    # Debian's policy says <<none>> of most of /run: whatever is there is right.
    restored = machine.run(f"realpath {' '.join(found)} | restorecon -nvF -f - 2>&1 | cat").text
    wrong += [line for line in restored.splitlines() if not line.startswith("Warning no default label for /run/")]
    verified = machine.run(f"matchpathcon -V {' '.join(found)}", check=False).text
    return wrong + [line for line in verified.splitlines() if "should be" in line and "<<none>>" not in line]


@pytest.fixture(scope="module")
def armed(request: pytest.FixtureRequest, enforcing_image: Path) -> Iterator[Machine]:
    """The machine in its second boot."""
    directory = fresh_directory(request.node)
    disk = Disk.overlay(enforcing_image, directory / "disk.qcow2")
    with Machine(disk, log_dir=directory, ignition=Config().enable(KDUMP_UNIT)) as machine:
        machine.wait_boot(BOOT_TIMEOUT)
        # Nothing has looked at the notes yet but their units.
        guest.settled(machine)
        yield machine


def test_armed_after_one_reboot(armed: Machine) -> None:
    """In enforcing mode, by the policy of the real root."""
    assert enforcing(armed) and armed.reset_count == 1
    assert guest.kdump(armed) == guest.Kdump(192 * MIB, loaded=True)
    assert f"crashkernel={AUTO}" in armed.kernel_command_lines()[1].split()
    assert guest.reported(armed)["armed"]


def test_every_label_is_what_the_policy_wants(armed: Machine) -> None:
    """The entry and the directories above it; what was left in /var without a policy; what the report wrote in /run."""
    assert wrong_labels(armed, PLACES) == []
    assert wrong_labels(armed, (*RUN_PLACES, "/run/issue.d", "/run/issue.d/*")) == []


def test_what_is_wrong_is_seen(armed: Machine) -> None:
    """mkfs labels no lost+found; and Debian's policy does deny things in this image, that are none of our business."""
    assert any("unlabeled_t" in line for line in wrong_labels(armed, ("/boot/lost+found",)))
    assert any("Would relabel" in line for line in wrong_labels(armed, ("/boot/lost+found",)))
    assert denials(armed)


def test_undone_by_a_service_in_the_domain_of_one(armed: Machine) -> None:
    """Not in PID 1's own, as a program that is labelled as a library would; seen while it waits for the lock of /boot."""
    (service, ours) = armed.run(UNDO_AND_LOOK).text.replace("\0", "").splitlines()
    assert ours == service and ":init_t:" not in service
    armed.wait_until("systemctl show --property=ActiveState rig-undo.service | grep inactive")
    assert wrong_labels(armed, PLACES) == []
    assert "crashkernel=" not in guest.options(guest.entry(armed))


def test_applied_again_at_a_shell(armed: Machine) -> None:
    """In the real root; the entry keeps its label, and what is written in /var has the right one."""
    armed.run("kdump-karg apply", timeout=300.0)
    assert f"crashkernel={AUTO}" in guest.options(guest.entry(armed)).split()
    assert wrong_labels(armed, PLACES) == []
    assert guest.status(armed)[0] == 0


def test_no_denial_names_us(armed: Machine) -> None:
    """In no boot so far."""
    assert of_ours(denials(armed)) == []


@pytest.fixture(scope="module")
def crashed(armed: Machine) -> Machine:
    """The same machine after `kdump-karg test --yes`, typed into a unit; back by itself."""
    armed.run("systemd-run --quiet --on-active=1 --timer-property=AccuracySec=100ms kdump-karg test --yes")
    armed.wait_boot(CRASH_TIMEOUT)
    guest.settled(armed)
    return armed


def test_the_dump_is_real_and_proves_it(crashed: Machine) -> None:
    """Saved by an enforcing capture kernel, opened by the host and by the report."""
    assert enforcing(crashed)
    dump = vmcore.collect(crashed)
    vmcore.verify(dump, crashed.run("uname -r").text)
    number, document = guest.status(crashed)
    assert (number, document["proof"]["state"]) == (0, "proven"), document


def test_every_boot_was_enforcing(crashed: Machine) -> None:
    """Each kernel was told to, and each real root loaded the policy: after the reboot, in the capture kernel, after it."""
    lines = crashed.kernel_command_lines()
    assert len(lines) == 4 and all("enforcing=1" in line.split() for line in lines)
    assert len(re.findall("Successfully loaded SELinux policy", crashed.serial_text)) == 3
    # kexec's domain alone is permissive (image/files/selinux/rig.cil).
    assert [line for line in denials(crashed) if "permissive=1" in line and ":kdump_t:" not in line] == []


def test_labels_and_denials_after_the_crash(crashed: Machine) -> None:
    """What was right stays right; the capture kernel was not denied anything of ours either."""
    assert wrong_labels(crashed, (*PLACES, *RUN_PLACES)) == []
    assert of_ours(denials(crashed)) == []


def test_refused_in_the_first_boot(enforcing_image: Path, log_dir: Path) -> None:
    """The real root of the boot in which the decision was made: what lies in /run is from the initramfs."""
    config = Config().enable(KDUMP_UNIT).file("/etc/kdump-karg.conf", "crashkernel=64G\n")
    with Machine(Disk.overlay(enforcing_image, log_dir / "disk.qcow2"), log_dir=log_dir, ignition=config) as machine:
        machine.wait_boot(BOOT_TIMEOUT)
        guest.settled(machine)
        assert enforcing(machine) and machine.reset_count == 0
        assert "64G" in guest.reported(machine)["verdict"]
        assert wrong_labels(machine, (*RUN_PLACES, "/boot", "/boot/loader/entries/*", "/etc/kdump-karg.conf")) == []
        assert of_ours(denials(machine)) == []
