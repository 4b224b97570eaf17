# SPDX-License-Identifier: Apache-2.0
"""The machine that a config is for, as far as the command line says; without that, what holds for all."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.errors import Refusal
from orchestrator.rules import arch, crashkernel, defaults
from orchestrator.rules.arch import GIB, Arch
from orchestrator.rules.capture_cmdline import Package
from orchestrator.rules.cmdline import KEY
from orchestrator.rules.defaults import Hardware
from orchestrator.rules.memory import Memory

DEBIAN = "512M-:192M"  # kdump-tools 1.10.9, /etc/default/grub.d/kdump-tools.cfg
BELOW_4G = 3 * GIB  # what firmware leaves below 4 GiB for devices is taken for one GiB


@dataclass(frozen=True)
class Assumed:
    """`memory`: None, and `arch` and `kernel`: "", where nothing is said."""

    memory: Memory | None = None
    arch: str = ""
    kernel: str = ""

    def arches(self) -> tuple[Arch, ...]:
        """The rules of every kernel that it can be."""
        return tuple(arch.named(name, self.kernel) for name in ([self.arch] if self.arch else arch.NAMES))


def of_size(total: int) -> Memory:
    """Memory of that many bytes, as a common machine has it: a part below 4 GiB, the rest above."""
    if total <= BELOW_4G:
        return Memory(((0, total),))
    return Memory(((0, BELOW_4G), (4 * GIB, GIB + total)))


def reserved(values: tuple[str, ...], memory: Memory, rules: Arch) -> int:
    """Bytes that these crashkernel= values reserve there."""
    return crashkernel.evaluate(" ".join(KEY + value for value in values), memory, rules).total


def usual(memory: Memory, rules: Arch, package: Package | None) -> int:
    """Bytes that the package's default reserves there; 0 where it has none or the memory is too small for it."""
    if package is Package.KDUMP_TOOLS:
        return reserved((DEBIAN,), memory, rules)
    try:
        default = defaults.kdump_utils(rules.name, Hardware(capture_cpus=0))
    except Refusal:
        return 0
    return reserved((default.value,), memory, rules)
