# SPDX-License-Identifier: Apache-2.0
"""The pairs of memory and command line that prediction and kernel are compared on, and which kernels are asked for which pair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kernel_comparison.kernels import KERNELS, Kernel

MAIN = tuple(kernel for kernel in KERNELS if kernel.arch in ("x86_64", "aarch64"))
NEWEST = MAIN[2]


@dataclass(frozen=True)
class Pair:
    """`unknown`: why the prediction cannot know what the kernel finds free; it may then refuse what was predicted to fit."""

    memory_mib: int
    line: str
    unknown: str = ""


#: How the text is read. The code is the same on all architectures: the newest x86_64 and one other kernel in turn.
GRAMMAR = (
    Pair(1024, ""),
    Pair(1024, "crashkernel"),
    Pair(1024, "crashkernel="),
    Pair(1024, "crashkernel=128M"),
    Pair(1024, "crashkernel=128m quiet"),
    Pair(1024, "crashkernel=131072K"),
    Pair(1024, "crashkernel=134217728"),
    Pair(1024, "crashkernel=0x8000000"),
    Pair(1024, "crashkernel=0X80M"),
    Pair(1024, "crashkernel=0200M"),
    Pair(1024, "crashkernel=010M"),
    Pair(1024, "crashkernel=08M"),
    Pair(1024, "crashkernel=0x"),
    Pair(1024, "crashkernel=0xg"),
    Pair(1024, "crashkernel=0"),
    Pair(1024, "crashkernel=128MB"),
    Pair(1024, "crashkernel=128MiB"),
    Pair(1024, "crashkernel=128M,"),
    Pair(1024, "crashkernel=128M#"),
    Pair(1024, "crashkernel=128M-"),
    Pair(1024, "crashkernel=1.5G"),
    Pair(1024, "crashkernel=-128M"),
    Pair(1024, "crashkernel=auto"),
    Pair(1024, "crashkernel=128M@"),
    Pair(1024, "crashkernel=128M@0"),
    Pair(1024, "crashkernel=128M@junk"),
    Pair(2048, "crashkernel=64M@1280Mjunk"),
    Pair(2048, "crashkernel=64M@0x50000000"),
    Pair(1024, 'crashkernel="128M"'),
    Pair(1024, '"crashkernel=128M"'),
    Pair(1024, '"crashkernel=128M "'),
    Pair(1024, "crashkernel=128M\tquiet"),
    Pair(1024, 'dyndbg="file a crashkernel=64M +p"'),
    Pair(1024, "quiet -- crashkernel=64M"),
    Pair(1024, "nocrashkernel=64M"),
    Pair(1024, "rd.foo.crashkernel=64M"),
    Pair(1024, "crash_kernel=64M crash-kernel=64M CRASHKERNEL=64M"),
    Pair(1024, "crashkernel=crashkernel=64M"),
    Pair(1024, "crashkernel=64M crashkernel=128M"),
    Pair(1024, "crashkernel=128M nocrashkernel=64M"),
    Pair(1024, "crashkernel=128M crashkernel=bad"),
    Pair(1024, "crashkernel=bad crashkernel=128M"),
    Pair(1024, "crashkernel=64M,high crashkernel=128M"),
    Pair(1024, "crashkernel=128M crashkernel=bad,high"),
    Pair(1024, "crashkernel=128M,low"),
    Pair(1024, "crashkernel=64M,cma crashkernel=128M"),
    Pair(1024, "crashkernel=128M,High"),
    Pair(1024, "crashkernel=128M,high,low"),
    Pair(1024, "crashkernel=128M,low,high"),
    Pair(1024, "crashkernel=128MB,high"),
    Pair(1024, "crashkernel=,high"),
    Pair(1024, "crashkernel=0,high"),
    Pair(1024, "crashkernel=512M-:128M,high"),
    Pair(1024, "crashkernel=64M,high crashkernel=128M,high"),
    Pair(1024, "nocrashkernel=64M,high"),
    Pair(1024, "crashkernel=:128M"),
    Pair(1024, "crashkernel=128M:"),
    Pair(1024, "crashkernel=1G:128M"),
    Pair(1024, "crashkernel=1G-2G"),
    Pair(1024, "crashkernel=x-:128M"),
    Pair(1024, "crashkernel=512M-x:128M"),
    Pair(1024, "crashkernel=2G-1G:128M"),
    Pair(1024, "crashkernel=1G-1G:128M"),
    Pair(1024, "crashkernel=512M-2G,4G-:128M"),
    Pair(1024, "crashkernel=4G-:128M"),
    Pair(1024, "crashkernel=4G-:128M,"),
    Pair(1024, "crashkernel=512M-:0"),
    Pair(1024, "crashkernel=512M-:1G"),
    Pair(1024, "crashkernel=64G-:1G,512M-:128M"),
    Pair(1024, "crashkernel=512M-:128M,64G-:1G"),
    Pair(1024, "crashkernel=512M-:128M,512M-:64M"),
    Pair(1024, "crashkernel=512M-:128Mgarbage,nonsense"),
    Pair(2048, "crashkernel=512M-:64Mgarbage@1280M"),
    Pair(2048, "crashkernel=512M-1G:64M,1G-:128M@1280M"),
    Pair(1024, "crashkernel=0-:128M"),
    Pair(1024, "crashkernel=0x20000000-0x80000000:128M"),
    Pair(1024, "crashkernel=01000M-02000M:64M,02000M-:128M"),
    Pair(1024, "crashkernel=512M-:64M crashkernel=1T-:1G"),
    Pair(1024, "crashkernel=2G-64G:256M,64G-:512M"),
    Pair(4096, "crashkernel=2G-64G:256M,64G-:512M"),
    Pair(8192, "crashkernel=2G-4G:256M,4G-64G:320M,64G-:576M"),
    Pair(3072, "crashkernel=2G-4G:256M,4G-64G:320M,64G-:576M"),
    Pair(512, "crashkernel=512M-:192M"),
    Pair(384, "crashkernel=512M-:192M"),
    Pair(512, "crashkernel=384M-:128M"),
)  # fmt: skip

#: How versions differ in reading it.
READING = (
    Pair(1024, "crashkernel=M"),
    Pair(1024, "crashkernel=K-:128M"),
    Pair(1024, "crashkernel=17179869184G"),
    Pair(1024, "crashkernel=18446744073843769344"),
    Pair(1024, "crashkernel=512M-:"),
    Pair(1024, "crashkernel=512M-:128M@"),
    Pair(1024, "crashkernel=64M,cma"),
    Pair(1024, "crashkernel=128M crashkernel=64M,cma"),
    Pair(1024, "crashkernel=bad crashkernel=128M,high"),
    Pair(1024, "crashkernel=0 crashkernel=128M,high"),
    Pair(1024, "crashkernel=4G-:64M crashkernel=128M,high"),
    Pair(8192, "crashkernel=128M,high crashkernel=bad,low"),
)  # fmt: skip

#: How much there is, and where it is put.
PLACEMENT = (
    Pair(1024, "crashkernel=512M-1G:64M,1G-:128M"),
    Pair(897, "crashkernel=512M-1G:64M,1G-:128M"),
    Pair(896, "crashkernel=512M-1G:64M,1G-:128M"),
    Pair(2048, "mem=1G crashkernel=512M-1G:64M,1G-2G:128M,2G-:192M"),
    Pair(1024, "crashkernel=134217729"),
    Pair(1024, "crashkernel=1K"),
    Pair(2048, "crashkernel=128M@1281M"),
    Pair(2048, "crashkernel=128M@1282M"),
    Pair(2048, "crashkernel=128M@64G"),
    Pair(2048, "crashkernel=128M@16E"),
    Pair(8192, "crashkernel=128M@5G"),
    Pair(8192, "crashkernel=128M@5G crashkernel=72M,low"),
    Pair(8192, "crashkernel=128M@3584M"),
    Pair(8192, "crashkernel=256M crashkernel=72M,low"),
    Pair(2048, "crashkernel=256M,high"),
    Pair(8192, "crashkernel=256M,high"),
    Pair(8192, "crashkernel=256M,high crashkernel=72M,low"),
    Pair(8192, "crashkernel=0,low crashkernel=256M,high"),
    Pair(8192, "crashkernel=256M,high crashkernel=3584M,low"),
    Pair(8192, "swiotlb=262144 crashkernel=256M,high"),
    Pair(8192, "crashkernel=2G"),
    Pair(12288, "crashkernel=4G"),
    Pair(12288, "crashkernel=4G crashkernel=72M,low"),
    Pair(8192, "crashkernel=6G"),
    Pair(8192, "crashkernel=8G"),
    Pair(8192, "crashkernel=9G"),
    Pair(1024, "crashkernel=1T"),
    Pair(256, "crashkernel=224M", "the kernel itself lies in the only piece of memory"),
    Pair(8192, "crashkernel=3G", "on aarch64 the piece below 4 GiB is 3 GiB long, and the kernel lies in it"),
    Pair(2048, "crashkernel=128M@16M", "on x86_64 the kernel lies there; with KASLR, nobody knows where"),
)  # fmt: skip

#: Costly for their memory map of 1 GiB.
LARGE = (Pair(65536, "crashkernel=2G-64G:256M,64G-:512M"), Pair(65535, "crashkernel=2G-64G:256M,64G-:512M,high"))

#: What the other architectures do differently.
FURTHER = (
    Pair(4096, "crashkernel=2G-4G:384M,4G-16G:512M,16G-64G:1G,64G-128G:2G,128G-:4G"),
    Pair(2048, "crashkernel=134217729"),
    Pair(2048, "crashkernel=128M,High"),
    Pair(2048, "crashkernel=128M@1281M"),
    Pair(8192, "crashkernel=128M@5G crashkernel=72M,low"),
    Pair(2048, "crashkernel=128M@64G"),
    Pair(8192, "crashkernel=256M,high"),
    Pair(8192, "crashkernel=256M,high crashkernel=72M,low"),
    Pair(8192, "crashkernel=4G"),
    Pair(8192, "crashkernel=7G"),
    Pair(8192, "crashkernel=7800M"),
    Pair(8192, "crashkernel=9G"),
    Pair(2048, "crashkernel=128M crashkernel=64M,cma"),
    Pair(2048, "crashkernel=128M@16M", "on ppc64le the kernel lies there"),
)  # fmt: skip


def pairs(kernel: Kernel) -> tuple[Pair, ...]:
    """What this kernel is asked."""
    if kernel not in MAIN:
        return FURTHER
    others = [found for found in MAIN if found != NEWEST]
    grammar = [
        pair for turn, pair in enumerate(GRAMMAR) if kernel in (NEWEST, others[turn % len(others)])
    ]  # fmt: skip
    large = [pair for pair in LARGE if kernel.version == NEWEST.version]
    return (*grammar, *READING, *PLACEMENT, *large)


def sample(kernel: Kernel, asked: Sequence[Pair], every: int) -> list[Pair]:
    """Each `every`th, others for another kernel."""
    return list(asked[KERNELS.index(kernel) % every :: every])
