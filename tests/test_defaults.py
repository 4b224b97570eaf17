# SPDX-License-Identifier: Apache-2.0
"""defaults.py: the values that kdump-utils' own functions print (kdump-lib.sh was run), and Debian's file."""

from __future__ import annotations

import pytest

from orchestrator import defaults, value
from orchestrator.defaults import Hardware
from orchestrator.errors import Refusal

X86 = "2G-64G:256M,64G-:512M"
ARM = "2G-4G:256M,4G-64G:320M,64G-:576M"
TABLE = [
    ("x86_64", Hardware(), X86),
    ("x86_64", Hardware(memory_encryption=True), "2G-64G:320M,64G-:576M"),
    ("x86_64", Hardware(mlx5=True, smmu=True, pages_64k=True), X86),
    ("s390x", Hardware(), X86),
    ("aarch64", Hardware(), ARM),
    ("aarch64", Hardware(smmu=True), ARM),
    ("aarch64", Hardware(mlx5=True), "2G-4G:406M,4G-64G:470M,64G-:726M"),
    ("aarch64", Hardware(pages_64k=True), "2G-4G:356M,4G-64G:420M,64G-:676M"),
    ("aarch64", Hardware(pages_64k=True, smmu=True, mlx5=True), "2G-4G:940M,4G-64G:1004M,64G-:1260M"),
    ("ppc64le", Hardware(), "2G-4G:385M,4G-16G:513M,16G-64G:1025M,64G-128G:2049M,128G-:4097M"),
    ("ppc64le", Hardware(capture_cpus=16), "2G-4G:400M,4G-16G:528M,16G-64G:1040M,64G-128G:2064M,128G-:4112M"),
    (
        "ppc64le",
        Hardware(capture_cpus=0),
        "2G-4G:384M,4G-16G:512M,16G-64G:1G,64G-128G:2G,128G-:4G",
    ),
    (
        "ppc64le",
        Hardware(fadump=True, capture_cpus=16),
        "4G-16G:768M,16G-64G:1G,64G-128G:2G,128G-1T:4G,1T-2T:6G,2T-4T:12G,4T-8T:20G,8T-16T:36G,16T-32T:64G,32T-64T:128G,64T-:180G",
    ),
]


@pytest.mark.parametrize(("arch", "hardware", "expected"), TABLE, ids=[f"{row[0]} {row[2][:24]}" for row in TABLE])
def test_kdump_utils(arch: str, hardware: Hardware, expected: str) -> None:
    found = defaults.kdump_utils(arch, hardware)
    assert found.value == expected
    assert arch in found.rule
    value.check(found.value, "test")


def test_what_is_added_is_told() -> None:
    assert defaults.kdump_utils("x86_64", Hardware(memory_encryption=True)).rule.endswith("+64 MiB for its hardware")
    assert "+" not in defaults.kdump_utils("x86_64", Hardware()).rule


def test_an_architecture_without_a_default_is_refused() -> None:
    with pytest.raises(Refusal, match="riscv64; give a size in /etc/kdump-karg.conf"):
        defaults.kdump_utils("riscv64", Hardware())


DEBIAN = [
    ("as shipped", 'GRUB_CMDLINE_LINUX_DEFAULT="$GRUB_CMDLINE_LINUX_DEFAULT crashkernel=512M-:192M"\n', "512M-:192M"),
    ("in the middle", 'GRUB_CMDLINE_LINUX="crashkernel=384M-:128M quiet"\n', "384M-:128M"),
    ("commented out", '# GRUB_CMDLINE_LINUX_DEFAULT="crashkernel=512M-:192M"\n', None),
    ("comment before", '# crashkernel=1M\nX="crashkernel=2M"\n', "2M"),
    ("none", 'GRUB_CMDLINE_LINUX_DEFAULT="quiet"\n', None),
    ("empty", "", None),
]


@pytest.mark.parametrize(("text", "expected"), [row[1:] for row in DEBIAN], ids=[row[0] for row in DEBIAN])
def test_debian(text: str, expected: str | None) -> None:
    found = defaults.debian(text)
    assert (found.value if found else None) == expected
