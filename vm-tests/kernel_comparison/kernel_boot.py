# SPDX-License-Identifier: Apache-2.0
"""Boots a real kernel with a command line and asks what it has reserved.

    PYTHONPATH=vm-tests python3 -m kernel_comparison.kernel_boot x86_64-7.2 2048 'crashkernel=256M'

is one boot; it prints prediction and verdict.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass

from harness.qemu import GUARD
from host.cache import Cache
from host.progress import Progress
from image.builder import BUILD

from kernel_comparison import kernels
from kernel_comparison.kernels import KERNELS, Kernel
from orchestrator.rules import arch, crashkernel, memory, placement
from orchestrator.rules.arch import Arch
from orchestrator.rules.placement import Reservation

TIMEOUT = 120.0
PATIENCE = float(os.environ.get("KDUMP_KARG_PATIENCE", "1"))
MIB = 1 << 20

#: A kernel that says nothing on its console by itself, so that all there is comes from /init.
BASE = "loglevel=1 panic=-1 cryptomgr.notests"
MACHINES = {
    "x86_64": (
        "qemu-system-x86_64", "-machine", "pc", "-cpu", "qemu64",
        "-append", f"console=ttyS0 acpi=off {BASE} ",
    ),
    "aarch64": (
        "qemu-system-aarch64", "-machine", "virt,gic-version=3", "-cpu", "cortex-a57",
        "-append", f"console=ttyAMA0 {BASE} ",
    ),
    "riscv64": ("qemu-system-riscv64", "-machine", "virt", "-append", f"console=ttyS0 {BASE} "),
    "ppc64le": ("qemu-system-ppc64", "-machine", "pseries", "-cpu", "POWER9", "-append", f"console=hvc0 {BASE} "),
}  # fmt: skip
INIT = """#!/bin/busybox sh
busybox=/bin/busybox
$busybox mount -t proc proc /proc
$busybox mount -t sysfs sys /sys
echo
echo "answer: release $($busybox uname -r)"
echo "answer: size $($busybox cat /sys/kernel/kexec_crash_size)"
$busybox grep -E ' : (System RAM|Crash kernel)' /proc/iomem | $busybox sed 's/^/answer: iomem /'
$busybox dmesg | $busybox grep -iE 'crash|emory value expected' | $busybox grep -v 'ommand line: ' |
    $busybox sed 's/^/answer: dmesg /'
echo "answer: end"
$busybox reboot -f
"""
#: Where the log repeats the command line.
QUOTING = ("Unknown kernel command line parameters", " ")
#: Whose /proc/iomem does not list the reservation.
HIDING = ("ppc64le",)
ANSWER = re.compile(r"^answer: (\w+) ?(.*)$", re.MULTILINE)


class NoVerdictError(RuntimeError):
    """The kernel did not get as far as its initramfs."""


@dataclass(frozen=True)
class Verdict:
    """What a kernel said: its release, kexec_crash_size in bytes, /proc/iomem's lines and its log's lines about the matter."""

    release: str
    crash_size: int
    iomem: str
    log: tuple[str, ...]

    @property
    def parts(self) -> tuple[int, ...]:
        """Bytes of every "Crash kernel" of /proc/iomem, lowest first."""
        found = re.findall(r"^ *([0-9a-f]+)-([0-9a-f]+) : Crash kernel$", self.iomem, re.MULTILINE)
        return tuple(int(end, 16) + 1 - int(start, 16) for start, end in found)


@dataclass(frozen=True)
class Prediction:
    """What orchestrator/rules/crashkernel.py expects of the same machine."""

    reservation: Reservation
    arch: Arch

    @property
    def crash_size(self) -> int:
        """Bytes in kexec_crash_size."""
        return placement.crash_size(self.reservation, self.arch)

    @property
    def parts(self) -> tuple[int, ...]:
        """Bytes of the low part, if any, and of the main one."""
        return tuple(size for size in (self.reservation.low, self.reservation.high) if size)


def predict(kernel: Kernel, verdict: Verdict, line: str) -> Prediction:
    """From what a user has before the reboot: /proc/iomem, the release and the command line."""
    rules = arch.named(kernel.arch, verdict.release)
    return Prediction(crashkernel.evaluate(command_line(kernel, line), memory.parse(verdict.iomem), rules), rules)


def command_line(kernel: Kernel, line: str) -> str:
    """The whole of it."""
    return MACHINES[kernel.arch][-1] + line


def ask(kernel: Kernel, memory_mib: int, line: str, progress: Progress) -> Verdict:
    """One boot. Raises NoVerdictError with what is on the console."""
    cache = Cache(BUILD / "cache")
    words = [
        *GUARD, *MACHINES[kernel.arch][:-1], command_line(kernel, line),
        "-no-user-config", "-nodefaults", "-display", "none", "-no-reboot",
        "-accel", "tcg,tb-size=64", "-m", str(memory_mib), "-serial", "stdio",
        # More than this machine has is fine: hardly any of it is ever touched.
        "-object", f"memory-backend-ram,id=memory,size={memory_mib}M,reserve=off", "-machine", "memory-backend=memory",
        "-kernel", str(kernels.image(kernel, cache, progress)),
        "-initrd", str(kernels.initramfs(kernel.arch, INIT, cache, progress)),
    ]  # fmt: skip
    try:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT * PATIENCE, check=False)
        said, complaint = done.stdout, done.stderr
    except subprocess.TimeoutExpired as expired:
        said, complaint = expired.stdout or b"", b"time-out"
    text = said.decode(errors="replace").replace("\r", "")
    answers = ANSWER.findall(text)
    if ("end", "") not in answers:
        raise NoVerdictError(f"{kernel}, {memory_mib} MiB, {line!r}: {complaint.decode(errors='replace')}\n{text[-2000:]}")
    lines = [re.sub(r"^\[[^]]*\] ", "", rest) for key, rest in answers if key == "dmesg"]
    return Verdict(
        release=next(rest for key, rest in answers if key == "release"),
        crash_size=int(next(rest for key, rest in answers if key == "size")),
        iomem="\n".join(rest for key, rest in answers if key == "iomem"),
        log=tuple(line for line in lines if not line.startswith(QUOTING)),
    )


def main() -> None:
    """One boot by hand."""
    name, memory_mib, line = sys.argv[1:]
    kernel = next(found for found in KERNELS if str(found) == name)
    verdict = ask(kernel, int(memory_mib), line, Progress("kernel"))
    print(predict(kernel, verdict, line).reservation)
    print(verdict.crash_size, verdict.parts, *verdict.log, verdict.iomem, sep="\n")


if __name__ == "__main__":
    main()
