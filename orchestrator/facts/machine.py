# SPDX-License-Identifier: Apache-2.0
"""Facts of the running system, read and not judged. Everything is looked up below a root directory."""

from __future__ import annotations

import os
from dataclasses import dataclass

from orchestrator.errors import Refusal
from orchestrator.rules import arch, defaults, memory
from orchestrator.rules.arch import Arch
from orchestrator.rules.defaults import Default, Hardware
from orchestrator.rules.memory import Memory
from orchestrator.system import tree
from orchestrator.system.target import provisioned_root

CMDLINE = "proc/cmdline"
KDUMP_SYSCONFIG = "etc/sysconfig/kdump"
# Left in Ignition's kargs stage: what kernelArguments ask for that needs the reboot (facts/arguments_due.py reads it).
ARGUMENTS_DUE = "run/kdump-karg/kernel-arguments"
FADUMP_ENABLED = "sys/kernel/fadump/enabled"  # kdump-lib.sh is_fadump_capable()


@dataclass(frozen=True)
class Surroundings:
    """Where the program runs; cheap to read, enough to see that there is nothing to do."""

    cmdline: str
    initramfs: bool  # initrd-release(5): the file that tells an initramfs from a real root
    live_image: bool
    capture_kernel: bool


@dataclass(frozen=True)
class Machine:
    """What decides how much would be reserved."""

    arch: Arch
    memory: Memory
    default: Default | None  # None: the distribution publishes none for this architecture


def surroundings(root: str) -> Surroundings:
    """Read them; a missing /proc/cmdline reads as an empty one, and bytes that are no UTF-8 do no harm."""
    return Surroundings(
        cmdline=(tree.read_bytes(root, CMDLINE) or b"").decode("utf-8", "surrogateescape").rstrip("\n"),
        initramfs=tree.exists(root, "etc/initrd-release"),
        # Fedora CoreOS: the first inside its live initramfs, the second in the live system's real root.
        live_image=tree.exists(root, "etc/coreos-live-initramfs") or tree.exists(root, "run/ostree-live"),
        capture_kernel=tree.exists(root, "proc/vmcore"),
    )


def read(root: str) -> Machine:
    """Architecture, memory and default. Refusal where /proc/iomem is missing or an architecture is not known."""
    text = tree.read_text(root, memory.IOMEM, tree.LARGEST_OF_KERNEL)
    if text is None:
        raise Refusal(f"/{memory.IOMEM} is missing, so no reservation can be predicted; mount /proc")
    found = rules(root)
    return Machine(found, memory.parse(text), default(root, found.name))


def rules(root: str) -> Arch:
    """The rules of the running kernel. Refusal for an architecture that is not known."""
    release = (tree.read_text(root, "proc/sys/kernel/osrelease") or "").strip()
    return arch.named(architecture(root), release)


def architecture(root: str) -> str:
    """The machine's uname(2) name: what the kernel says below the root (/proc/sys/kernel/arch, linux 6.1), else our own."""
    return (tree.read_text(root, "proc/sys/kernel/arch") or "").strip() or os.uname().machine


def default(root: str, name: str) -> Default | None:
    """The distribution's `auto` for this machine: the one its own package ships, else kdump-utils'."""
    shipped = tree.read_text(provisioned_root(root), defaults.DEBIAN_DEFAULT)
    found = defaults.debian(shipped) if shipped is not None else None
    if found is not None:
        return found
    try:
        return defaults.kdump_utils(name, hardware(root, name))
    except Refusal:
        return None


def hardware(root: str, name: str) -> Hardware:
    """What kdump-utils' default depends on. Only what matters for the architecture is looked at."""
    mlx5 = tree.exists(root, "sys/bus/pci/drivers/mlx5_core")
    if name == "aarch64":
        release = tree.read_text(root, "proc/sys/kernel/osrelease") or ""
        platform = tree.names(root, "sys/devices/platform")
        return Hardware(
            pages_64k="64k" in release, smmu=any(device.startswith("arm-smmu-") for device in platform), mlx5=mlx5
        )
    if name == "ppc64le":
        fadump = (tree.read_text(root, FADUMP_ENABLED) or "").strip() == "1"
        return Hardware(fadump=fadump, capture_cpus=_capture_cpus(provisioned_root(root), fadump))
    return Hardware(memory_encryption=_memory_encryption(root))


def _capture_cpus(provisioned: str, fadump: bool) -> int:
    """The last nr_cpus= above 0 that the capture kernel's arguments have, 1 without any (kdump-lib.sh find_nr_cpus())."""
    key = "FADUMP_COMMANDLINE_APPEND=" if fadump else "KDUMP_COMMANDLINE_APPEND="
    found = 1
    for line in (tree.read_text(provisioned, KDUMP_SYSCONFIG) or "").splitlines():
        words = line.removeprefix(key).strip("\"'").split() if line.startswith(key) else []
        counts = [word.removeprefix("nr_cpus=") for word in words if word.startswith("nr_cpus=")]
        found = next((int(count) for count in reversed(counts) if count.isdecimal() and count[0] != "0"), found)
    return found


def _memory_encryption(root: str) -> bool:
    """Has this kernel logged that SME or SEV is in use? (arch/x86/mm/mem_encrypt.c print_mem_encrypt_feature_info)

    /dev/kmsg gives one record a read and EAGAIN at the end; where it cannot be read the answer is no.
    """
    try:
        log = os.open(tree.resolve(root, "dev/kmsg"), os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        while record := os.read(log, 1 << 16):
            if b"Memory Encryption Features active: AMD" in record:
                return b" SME" in record or b" SEV" in record
    except OSError:
        pass
    finally:
        os.close(log)
    return False
