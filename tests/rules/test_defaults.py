# SPDX-License-Identifier: Apache-2.0
"""defaults.py: the values that kdump-utils' own functions print (kdump-lib.sh of March 2026 was run), and Debian's file."""

from __future__ import annotations

import pytest

from orchestrator.errors import Refusal
from orchestrator.rules import crashkernel_value, defaults
from orchestrator.rules.defaults import Hardware

X86 = "2G-64G:256M,64G-:512M"
ARM = "2G-4G:256M,4G-64G:320M,64G-:576M"
TABLE = [
    ("x86_64", Hardware(), X86),
    ("x86_64", Hardware(memory_encryption=True), "2G-64G:320M,64G-:576M"),
    ("x86_64", Hardware(mlx5=True, smmu=True, pages_64k=True), X86),
    ("s390x", Hardware(), X86),
    ("s390x", Hardware(memory_encryption=True), "2G-64G:320M,64G-:576M"),
    ("aarch64", Hardware(), ARM),
    ("aarch64", Hardware(smmu=True), ARM),
    ("aarch64", Hardware(mlx5=True), "2G-4G:406M,4G-64G:470M,64G-:726M"),
    ("aarch64", Hardware(pages_64k=True), "2G-4G:356M,4G-64G:420M,64G-:676M"),
    ("aarch64", Hardware(pages_64k=True, mlx5=True), "2G-4G:556M,4G-64G:620M,64G-:876M"),
    ("aarch64", Hardware(pages_64k=True, smmu=True), "2G-4G:740M,4G-64G:804M,64G-:1060M"),
    ("aarch64", Hardware(smmu=True, mlx5=True), "2G-4G:406M,4G-64G:470M,64G-:726M"),
    ("aarch64", Hardware(pages_64k=True, smmu=True, mlx5=True), "2G-4G:940M,4G-64G:1004M,64G-:1260M"),
    ("ppc64le", Hardware(), "2G-4G:385M,4G-16G:513M,16G-64G:1025M,64G-128G:2049M,128G-:4097M"),
    ("ppc64le", Hardware(capture_cpus=16), "2G-4G:400M,4G-16G:528M,16G-64G:1040M,64G-128G:2064M,128G-:4112M"),
    (
        "ppc64le",
        Hardware(fadump=True),
        "4G-16G:769M,16G-64G:1025M,64G-128G:2049M,128G-1T:4097M,1T-2T:6145M,2T-4T:12289M,4T-8T:20481M,8T-16T:36865M,"
        "16T-32T:65537M,32T-64T:131073M,64T-:184321M",
    ),
    (
        "ppc64le",
        Hardware(fadump=True, capture_cpus=16),
        "4G-16G:784M,16G-64G:1040M,64G-128G:2064M,128G-1T:4112M,1T-2T:6160M,2T-4T:12304M,4T-8T:20496M,8T-16T:36880M,"
        "16T-32T:65552M,32T-64T:131088M,64T-:184336M",
    ),
]


@pytest.mark.parametrize(("arch", "hardware", "expected"), TABLE, ids=[f"{row[0]} {row[2][:14]}" for row in TABLE])
def test_kdump_utils(arch: str, hardware: Hardware, expected: str) -> None:
    found = defaults.kdump_utils(arch, hardware)
    assert found.value == expected
    assert arch in found.rule
    crashkernel_value.check(found.value, "test")


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


RAISED = [
    ("512M-:192M", 200, "512M-:208M"),
    ("512M-:192M", 192, "512M-:192M"),
    ("2G-64G:256M,64G-:512M", 300, "2G-64G:304M,64G-:512M"),
    ("2G-64G:256M,64G-:512M", 600, "2G-64G:608M,64G-:608M"),
    ("2G-4G:1G,4G-:192M", 300, "2G-4G:1G,4G-:304M"),
    ("256M", 257, "272M"),
    ("192M,high", 250, "256M,high"),
    ("512M-:192M@64M", 250, "512M-:256M@64M"),
    ("64M@16M", 65, "80M@16M"),
]


@pytest.mark.parametrize(("text", "mib", "expected"), RAISED, ids=[f"{row[0]} to {row[1]}" for row in RAISED])
def test_raised(text: str, mib: int, expected: str) -> None:
    found = defaults.raised(text, mib << 20)
    assert found == expected
    crashkernel_value.check(found, "test")
    assert defaults.is_raised(found, text)
    assert defaults.is_raised(text, found) is (text == found)


@pytest.mark.parametrize(
    "text", ["", "256M", "512M-:191M", "1G-:192M", "512M-:192M,", "512M-:192M@1M", "512M-:192M,high", "512M-:300MB", "512M-:"]
)
def test_what_is_no_raised_default(text: str) -> None:
    assert not defaults.is_raised(text, "512M-:192M")
