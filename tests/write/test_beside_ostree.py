# SPDX-License-Identifier: Apache-2.0
"""An update by the real ostree while `apply` or `undo` is under way: one of them comes first, and neither is lost."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from orchestrator.facts import deployments
from orchestrator.facts.deployments import Deployment
from tests.bench import sysroot
from tests.invocation import program
from tests.isolated import root_only
from tests.sample import Sample
from tests.system.test_lock import SIZE, ostree_holds, ostree_only, ostree_sysroot

pytestmark = [root_only, ostree_only]
MUTABLE = {"OSTREE_SYSROOT_DEBUG": "mutable-deployments"}  # or the scratch directory could not be removed


@pytest.fixture
def machine(scratch: Path) -> Sample:
    """A machine in use, whose booted deployment is told by its mount, and in whose repository an update waits."""
    sample = ostree_sysroot(scratch / "sysroot")
    shutil.rmtree(sample.root / "sysroot")  # a real root, not an initramfs
    sample.write("etc/kdump-karg.conf", f"{SIZE}\n")
    (booted,) = deployments.read(str(sample.root), sample.boot)
    sample.write("proc/1/mountinfo", f"30 1 254:4 /{booted.directory} / ro shared:1 - ext4 /dev/vda4 rw\n")
    sample.link("proc/self", "1")
    source = scratch / "sysroot.source"
    (source / f"usr/lib/modules/{sysroot.KERNEL}/vmlinuz").write_text("another kernel")
    ostree(f"--repo={sample.root}/ostree/repo", "commit", "--branch=bench", f"--tree=dir={source}")
    return sample


def ostree(*arguments: str) -> int:
    """ostree's exit status."""
    return subprocess.run(["ostree", *arguments], env={**os.environ, **MUTABLE}, check=False, stdout=subprocess.DEVNULL).returncode


def deploy(sample: Sample) -> int:
    """The update: a new bootversion, all entries written anew, the old links removed."""
    return ostree("admin", f"--sysroot={sample.root}", "deploy", f"--os={sysroot.STATEROOT}", "bench")


def found(sample: Sample) -> tuple[Deployment, Deployment]:
    """The update's deployment and the booted one."""
    after, booted = deployments.read(str(sample.root), sample.boot)
    assert booted.booted and not after.booted and after.entry != booted.entry
    return after, booted


def has(deployment: Deployment) -> bool:
    """Is the argument in its entry?"""
    return SIZE in deployment.options.split()


def test_an_update_carries_the_argument_and_undo_goes_by_the_deployment(machine: Sample) -> None:
    """After the swap the entry has another `ostree=` and another text; the record is of the deployment and still counts."""
    assert program("apply", "--root", str(machine.root)).returncode == 0
    assert deploy(machine) == 0
    after, booted = found(machine)
    assert has(after) and has(booted)
    done = program("undo", "--root", str(machine.root))
    assert done.returncode == 0, done.stderr
    after, booted = found(machine)
    assert has(after) and not has(booted)


def test_the_record_of_another_deployment_is_refused_once_the_update_runs(machine: Sample) -> None:
    assert program("apply", "--root", str(machine.root)).returncode == 0
    assert deploy(machine) == 0
    after, booted = found(machine)
    machine.write("proc/1/mountinfo", machine.text("proc/1/mountinfo").replace(booted.directory, after.directory))
    before = machine.snapshot("boot")
    done = program("undo", "--root", str(machine.root))
    assert done.returncode == 3 and f"is of the deployment {booted.directory} and {after.directory} is booted" in done.stderr
    assert f"remove {SIZE} from the options of /boot/{after.entry}" in done.stderr
    assert machine.snapshot("boot") == before


def test_an_update_before_apply_is_named(machine: Sample) -> None:
    assert deploy(machine) == 0
    done = program("plan", "--root", str(machine.root))
    after, booted = found(machine)
    assert done.returncode == 0 and f"notice: the next boot is another deployment, {after.directory}" in done.stdout
    assert program("apply", "--root", str(machine.root)).returncode == 0
    after, booted = found(machine)
    assert has(booted) and not has(after)


@pytest.mark.parametrize("command", ["apply", "undo"])
def test_both_wait_for_the_same_lock(machine: Sample, command: str) -> None:
    """The run has planned for the entry of before the swap; where ostree is let in first, that is another file by now."""
    if command == "undo":
        assert program("apply", "--root", str(machine.root)).returncode == 0
    with ThreadPoolExecutor(2) as pool:
        with ostree_holds(machine):
            run = pool.submit(program, command, "--root", str(machine.root))
            time.sleep(0.7)
            update = pool.submit(deploy, machine)
            time.sleep(0.3)
            assert not run.done() and not update.done()
    assert update.result() == 0
    assert run.result().returncode == 0, run.result().stderr
    assert has(found(machine)[1]) == (command == "apply")


@pytest.mark.parametrize("command", ["apply", "undo"])
@pytest.mark.parametrize("delay", [0.0, 0.1, 0.2, 0.4])
def test_both_at_once(machine: Sample, command: str, delay: float) -> None:
    """Whoever comes first: the booted entry is as the run wants it, and the update's is as the booted one was when it was made."""
    if command == "undo":
        assert program("apply", "--root", str(machine.root)).returncode == 0
    with ThreadPoolExecutor(2) as pool:
        update = pool.submit(deploy, machine)
        time.sleep(delay)
        run = pool.submit(program, command, "--root", str(machine.root))
    assert update.result() == 0
    assert run.result().returncode == 0, run.result().stderr
    after, booted = found(machine)
    assert has(booted) == (command == "apply")
    assert len(os.listdir(Path(machine.boot, "loader/entries"))) == 2
    assert not machine.has("ostree/lock")
    settled = program(command, "--root", str(machine.root))
    assert settled.returncode == 0 and "CHANGE" not in settled.stderr
