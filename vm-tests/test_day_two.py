# SPDX-License-Identifier: Apache-2.0
"""kdump is asked for on a machine in use, a size is edited, all is taken back again. The tests share one machine, in this order."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from harness import guest
from harness.agent import Result
from harness.disk import Disk
from harness.guest import KDUMP_UNIT, MIB
from harness.ignition import Config
from harness.machine import Machine

from conftest import fresh_directory

FIRST, SECOND = "256M", "192M"
STATE = "/var/lib/kdump-karg"
NOBODY = "setpriv --reuid=65534 --regid=65534 --clear-groups"
# What every other process sees of /boot, over and over: its mount options, and whether a file can be made. One line for a round in
# which it was not read-only, and the number of rounds in the end.
POLLER = r"""
rounds=0
trap 'echo "rounds $rounds" >>/run/poll.log; exit' TERM
while :; do
    while read -r _ _ _ _ point options _; do
        [[ $point != /boot || ,$options, == *,ro,* ]] || echo "options $options" >>/run/poll.log
    done </proc/self/mountinfo
    { : >/boot/poll; } 2>/dev/null && echo "written" >>/run/poll.log
    rounds=$((rounds + 1))
done
"""


@pytest.fixture(scope="module")
def machine(request: pytest.FixtureRequest, image: Path) -> Iterator[Machine]:
    """The machine in its first boot, which nobody asked for kdump."""
    directory = fresh_directory(request.node)
    with Machine(Disk.overlay(image, directory / "disk.qcow2"), log_dir=directory, ignition=Config()) as machine:
        machine.wait_boot()
        guest.settled(machine)
        yield machine


def status(machine: Machine) -> tuple[int, dict[str, Any]]:
    """The exit status of `status --json`, and what it says."""
    done = machine.run("kdump-karg status --json", check=False)
    return done.status, json.loads(done.text)


def said(done: Result) -> str:
    """What a command wrote to stderr."""
    return done.stderr.decode()


def watched(machine: Machine, command: str) -> tuple[Result, list[str]]:
    """Run a command while another process looks at /boot all the time; what that one has to tell."""
    machine.run(f"cat >/run/poller <<'END'\n{POLLER}\nEND")
    machine.run("rm -f /run/poll.log; setsid bash /run/poller >/dev/null 2>&1 & echo $! >/run/poller.pid")
    done = machine.run(command, timeout=300.0)
    machine.run("kill $(cat /run/poller.pid)")
    machine.wait_until("grep rounds /run/poll.log")
    return done, machine.run("cat /run/poll.log").text.splitlines()


def test_nothing_was_written_in_the_first_boot(machine: Machine, pristine_entry: str) -> None:
    assert guest.entry(machine) == pristine_entry and machine.reset_count == 0
    assert status(machine)[1]["wanted"] is False


def test_undo_without_a_record_is_one_sentence(machine: Machine, pristine_entry: str) -> None:
    done = machine.run("kdump-karg undo", check=False)
    assert done.status == 3 and said(done).count("\n") == 1
    assert f"there is no record of a write, {STATE}/written" in said(done)
    assert guest.entry(machine) == pristine_entry


def test_nobody_but_root_may(machine: Machine) -> None:
    for command in ("apply", "undo"):
        done = machine.run(f"{NOBODY} kdump-karg {command}", check=False)
        assert done.status == 3 and said(done).count("\n") == 1 and "only root may" in said(done)


def test_a_plan_shows_what_apply_will_do(machine: Machine, pristine_entry: str) -> None:
    machine.run(f"systemctl enable {KDUMP_UNIT}; echo crashkernel={FIRST} >/etc/kdump-karg.conf")
    plan = machine.run("kdump-karg plan").text
    assert plan.startswith("decision: CHANGE") and "reboot: yes" in plan
    assert f"+options {guest.options(guest.final_form(pristine_entry, FIRST))}" in plan
    assert guest.entry(machine) == pristine_entry


def test_apply_writes_and_nobody_ever_sees_a_writable_boot(machine: Machine, pristine_entry: str) -> None:
    """Typed at a shell, in the system's own mount namespace."""
    assert machine.run("readlink /proc/self/ns/mnt").text == machine.run("readlink /proc/1/ns/mnt").text
    mounts = "cut -d' ' -f5- /proc/self/mountinfo"
    before = machine.run(mounts).text
    done, rounds = watched(machine, "kdump-karg apply")
    assert "PENDING: a reboot is due" in said(done)
    assert guest.entry(machine) == guest.final_form(pristine_entry, FIRST)
    (told,) = rounds
    assert told.startswith("rounds ") and int(told.removeprefix("rounds ")) > 20, rounds
    assert machine.run(mounts).text == before
    assert machine.run("ls -A /boot/loader/entries").text.split() == ["ostree-1.conf"]


def test_no_reboot_comes_by_itself_and_status_says_that_one_is_due(machine: Machine) -> None:
    number, document = status(machine)
    assert (number, document["broken"]) == (4, "command line")
    assert "a reboot is due" in document["pending"] and f"crashkernel={FIRST}" in document["pending"]
    text = machine.run("kdump-karg status", check=False).text
    assert "PENDING" in text and "a reboot is due" in text
    again = machine.run("kdump-karg apply")
    assert "PENDING: /boot/loader/entries/ostree-1.conf has" in said(again)
    assert machine.reset_count == 0


def test_the_reboot_arms(machine: Machine) -> None:
    machine.reboot()
    machine.wait_boot()
    guest.settled(machine)
    assert guest.kdump(machine) == guest.Kdump(256 * MIB, loaded=True)
    number, document = status(machine)
    assert (number, document["pending"]) == (0, None)
    assert "* debian " in machine.run("ostree admin status").text


def test_another_size_is_pending_and_armed_meanwhile(machine: Machine, pristine_entry: str) -> None:
    machine.run(f"echo crashkernel={SECOND} >/etc/kdump-karg.conf")
    machine.run("kdump-karg apply", timeout=300.0)
    assert guest.entry(machine) == guest.final_form(pristine_entry, SECOND)
    number, document = status(machine)
    assert number == 0 and document["armed"] and "PENDING" in document["verdict"]
    assert f"crashkernel={SECOND}" in document["pending"] and f"crashkernel={FIRST}" in document["pending"]


def test_undo_gives_back_what_was_there_before_the_first_write(machine: Machine, pristine_entry: str) -> None:
    plan = machine.run("kdump-karg plan --undo").text
    assert plan.startswith("decision: CHANGE") and f"+options {guest.options(pristine_entry)}" in plan
    done, rounds = watched(machine, "kdump-karg undo")
    assert "PENDING: a reboot is due" in said(done)
    assert len(rounds) == 1 and rounds[0].startswith("rounds ")
    assert guest.entry(machine) == pristine_entry
    names = machine.run(f"ls -A {STATE}").text.split()
    assert "undone" in names and "written" not in names
    assert "nothing is left of it" in said(machine.run("kdump-karg undo"))


def test_nothing_puts_it_back(machine: Machine, pristine_entry: str) -> None:
    """Two boots: nothing is reserved, nobody has written, and status says who took it back and when."""
    for _ in range(2):
        machine.reboot()
        machine.wait_boot()
        guest.settled(machine)
        assert guest.kdump(machine) == guest.Kdump(0, loaded=False)
        assert guest.entry(machine) == pristine_entry
        number, document = status(machine)
        assert (number, document["broken"]) == (4, "entry")
        assert f"crashkernel={SECOND} was taken back by kdump-karg undo on 20" in document["verdict"]
