# SPDX-License-Identifier: Apache-2.0
"""A machine that can be crashed on paper: its /proc/sysrq-trigger is a file of a sample tree."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from orchestrator import crash_test
from orchestrator.system.target import Target
from orchestrator.write import crash
from tests import dumps
from tests.conftest import Make
from tests.dumps import RELEASE
from tests.powercut import FINAL
from tests.sample import AUTO, LATER_LINE, Sample

LINE = f"{LATER_LINE} root=UUID=1"
NOTED = f'/sbin/kexec -p --command-line="{LINE}" --initrd=/usr/lib/kdump/i.img /usr/lib/modules/x/vmlinuz\n'
FILES: dict[str, str | bytes] = {
    "etc/machine-id": "0123456789abcdef0123456789abcdef\n",
    "etc/kdump-karg.conf": f"crashkernel={AUTO}\n",
    "proc/sysrq-trigger": "",
    "dev/kmsg": "",
    "proc/sys/kernel/osrelease": f"{RELEASE}\n",
    "proc/sys/kernel/random/boot_id": "boot-1\n",
    "usr/sbin/kdump-config": "",
    "usr/lib/kdump/i.img": "I",
    "usr/lib/modules/x/vmlinuz": "K",
    "var/crash/kexec_cmd": NOTED,
    "var/crash/202501010000/dump.202501010000": dumps.flattened(dumps.compressed()),
    "var/crash/202501010000/dmesg.202501010000": dumps.log("x"),
}
DUMP = "var/crash/202601010000/dump.202601010000"
LOG = "var/crash/202601010000/dmesg.202601010000"


def machine(make: Make, **changes: Any) -> Sample:
    """An armed machine in its real root; None in `extra` leaves a file out."""
    extra = {path: content for path, content in {**FILES, **changes.pop("extra", {})}.items() if content is not None}
    armed = {
        "cmdline": f"{LINE} crashkernel={AUTO}\n",
        "options": FINAL,
        "crash_size": f"{256 << 20}\n",
        "crash_loaded": "1\n",
        "ignition": None,
        "preset": None,
        "stamp": False,
        "config": False,
        "service": False,
    }
    sample = make(**{**armed, **changes}, extra=extra)
    (sample.root / "sysroot/etc/os-release").unlink()
    (sample.root / "sysroot/etc").rmdir()
    return sample


def target(sample: Sample) -> Target:
    """The sample, in which no program is run."""
    return Target(str(sample.root), live=False)


def crashed(sample: Sample, *, administrator: bool = True) -> None:
    """Say the word."""
    crash_test.carry_out(target(sample), crash_test.look(target(sample), administrator=administrator))


@pytest.fixture
def no_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that the host has unsaved is not ours to wait for."""
    monkeypatch.setattr(os, "sync", lambda: None)


@pytest.fixture
def fatal(monkeypatch: pytest.MonkeyPatch, no_sync: None) -> None:
    """The kernel does panic: nothing is done after the write."""
    trigger = crash._trigger

    def panic(root: str) -> None:
        trigger(root)
        raise Panicked

    monkeypatch.setattr(crash, "_trigger", panic)
    monkeypatch.setattr("orchestrator.write.proof_notes.forget", lambda root: None)


class Panicked(BaseException):
    """Nobody is left."""


PENDING = json.dumps({"id": "a", "time": 1, "machine": "m", "boot": "boot-1", "by": "kdump-karg", "known": [], "subject": {}})


def note(**changes: object) -> str:
    """A note of a pending test."""
    subject = {key: "" for key in ("release", "kernel", "initramfs", "line", "crashkernel", "directory")}
    found = {"id": "a1", "time": 1, "machine": "m", "boot": "boot-1", "by": "kdump-karg", "known": []}
    return json.dumps({**found, "subject": {**subject, "reserved": 0}, **changes})


def panicked(sample: Sample) -> Sample:
    """The same machine after the panic."""
    with pytest.raises(Panicked):
        crashed(sample)
    return sample
