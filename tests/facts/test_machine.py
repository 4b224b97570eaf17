# SPDX-License-Identifier: Apache-2.0
"""machine.py: facts of the running system, found below a root."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.errors import Refusal
from orchestrator.facts import machine
from orchestrator.rules import arch
from orchestrator.rules.defaults import Hardware
from tests.conftest import Make
from tests.sample import AUTO, FIRST_BOOT_LINE

DEBIAN_FILE = "sysroot/etc/default/grub.d/kdump-tools.cfg"


@pytest.mark.parametrize(
    ("path", "initramfs", "live", "capture"),
    [
        ("etc/initrd-release", True, False, False),
        ("etc/coreos-live-initramfs", False, True, False),
        ("run/ostree-live", False, True, False),
        ("proc/vmcore", False, False, True),
        ("etc/other", False, False, False),
    ],
)
def test_surroundings(make: Make, path: str, initramfs: bool, live: bool, capture: bool) -> None:
    found = machine.surroundings(str(make(extra={path: ""}).root))
    assert found.cmdline == FIRST_BOOT_LINE
    assert (found.initramfs, found.live_image, found.capture_kernel) == (initramfs, live, capture)


def test_a_missing_command_line_is_an_empty_one(make: Make) -> None:
    assert machine.surroundings(str(make(cmdline=None).root)).cmdline == ""


def test_a_missing_iomem_is_refused(make: Make) -> None:
    with pytest.raises(Refusal, match="^/proc/iomem is missing, .*; mount /proc$"):
        machine.read(str(make(iomem=None).root))


def test_an_unknown_architecture_is_refused(make: Make) -> None:
    with pytest.raises(Refusal, match="vax"):
        machine.read(str(make(arch="vax").root))


DEFAULTS: list[tuple[str, dict[str, Any], str | None]] = [
    ("kdump-utils", {}, AUTO),
    ("none for riscv64", {"arch": "riscv64"}, None),
    ("Debian's own", {"extra": {DEBIAN_FILE: 'X="$X crashkernel=512M-:192M"\n'}}, "512M-:192M"),
    ("Debian's without a size", {"extra": {DEBIAN_FILE: "# nothing\n"}}, AUTO),
]


@pytest.mark.parametrize(("overrides", "expected"), [row[1:] for row in DEFAULTS], ids=[row[0] for row in DEFAULTS])
def test_default(make: Make, overrides: dict[str, Any], expected: str | None) -> None:
    found = machine.read(str(make(**overrides).root)).default
    assert (found.value if found else None) == expected


MLX5 = {"sys/bus/pci/drivers/mlx5_core/bind": ""}
SMMU = {"sys/devices/platform/arm-smmu-v3.0.auto/driver": ""}
KERNEL_64K = {"proc/sys/kernel/osrelease": "6.18.0-1.fc44.aarch64+64k\n"}
SEV = "6,1,2,-;Memory Encryption Features active: AMD SEV SEV-ES\n"
HARDWARE: list[tuple[str, str, dict[str, Any], Hardware]] = [
    ("plain x86", "x86_64", {}, Hardware()),
    ("x86 with mlx5", "x86_64", MLX5, Hardware()),
    ("x86 with SEV", "x86_64", {"dev/kmsg": SEV}, Hardware(memory_encryption=True)),
    ("x86 with SME", "x86_64", {"dev/kmsg": SEV.replace("SEV SEV-ES", "SME")}, Hardware(memory_encryption=True)),
    ("x86 with a log", "x86_64", {"dev/kmsg": "6,1,2,-;Memory Encryption Features active: Intel TDX\n"}, Hardware()),
    ("plain aarch64", "aarch64", {}, Hardware()),
    ("aarch64 64k", "aarch64", KERNEL_64K, Hardware(pages_64k=True)),
    ("aarch64 64k, smmu, mlx5", "aarch64", {**KERNEL_64K, **SMMU, **MLX5}, Hardware(pages_64k=True, smmu=True, mlx5=True)),
    ("ppc64le", "ppc64le", {}, Hardware()),
    (
        "ppc64le nr_cpus",
        "ppc64le",
        {"sysroot/etc/sysconfig/kdump": 'KDUMP_COMMANDLINE_APPEND="irqpoll nr_cpus=16 reset_devices"\n'},
        Hardware(capture_cpus=16),
    ),
]


@pytest.mark.parametrize(("arch", "extra", "expected"), [row[1:] for row in HARDWARE], ids=[row[0] for row in HARDWARE])
def test_hardware(make: Make, arch: str, extra: dict[str, str], expected: Hardware) -> None:
    assert machine.hardware(str(make(extra=extra).root), arch) == expected


FADUMP = "sys/kernel/fadump/enabled"


@pytest.mark.parametrize(("text", "fadump"), [("1\n", True), ("0\n", False)])
def test_fadump(make: Make, text: str, fadump: bool) -> None:
    assert machine.hardware(str(make(extra={FADUMP: text}).root), "ppc64le").fadump is fadump


CPUS: list[tuple[str, bool, int]] = [
    ('KDUMP_COMMANDLINE_APPEND="nr_cpus=8 nr_cpus=x nr_cpus=4 nr_cpus=0"', False, 4),
    ('KDUMP_COMMANDLINE_APPEND="nr_cpus=0"', False, 1),
    ('FADUMP_COMMANDLINE_APPEND="nr_cpus=16"', False, 1),
    ('KDUMP_COMMANDLINE_APPEND="nr_cpus=4"\nFADUMP_COMMANDLINE_APPEND="nr_cpus=16 numa=off"', True, 16),
]


@pytest.mark.parametrize(("text", "fadump", "cpus"), CPUS, ids=[row[0] for row in CPUS])
def test_cpus_of_the_capture_kernel(make: Make, text: str, fadump: bool, cpus: int) -> None:
    extra = {"sysroot/etc/sysconfig/kdump": text + "\n", FADUMP: f"{fadump:d}\n"}
    assert machine.hardware(str(make(extra=extra).root), "ppc64le").capture_cpus == cpus


def test_the_release_decides_which_rules_hold(make: Make) -> None:
    old = machine.read(str(make(extra={"proc/sys/kernel/osrelease": "6.1.0-50-cloud-amd64\n"}).root))
    assert old.arch == arch.named("x86_64", "6.1.0")
    assert machine.read(str(make().root)).arch == arch.named("x86_64") != old.arch
