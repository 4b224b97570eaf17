# SPDX-License-Identifier: Apache-2.0
"""`auto`: the distribution's published default for the architecture and the hardware found.

Sources: kdump-utils kdump-lib.sh kdump_get_arch_recommend_crashkernel() (Fedora, RHEL), and the file that Debian's
kdump-tools ships for GRUB. The rule is written as the range expression, not as the number it gives on this machine.
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.errors import Refusal
from orchestrator.rules.cmdline import crashkernel_values, is_plain
from orchestrator.rules.crashkernel import memparse

DEBIAN_DEFAULT = "etc/default/grub.d/kdump-tools.cfg"
MIB = 1 << 20
STEP = 16 * MIB  # sizes are raised to a multiple of it, the step at which x86_64 places a reservation

# kdump-lib.sh, kdump_get_arch_recommend_crashkernel: (start, end, MiB) with start and end as written.
KDUMP_UTILS = {
    "x86_64": (("2G", "64G", 256), ("64G", "", 512)),
    "s390x": (("2G", "64G", 256), ("64G", "", 512)),
    "aarch64": (("2G", "4G", 256), ("4G", "64G", 320), ("64G", "", 576)),
    "ppc64le": (("2G", "4G", 384), ("4G", "16G", 512), ("16G", "64G", 1024), ("64G", "128G", 2048), ("128G", "", 4096)),
}
KDUMP_UTILS_FADUMP = (
    ("4G", "16G", 768),
    ("16G", "64G", 1024),
    ("64G", "128G", 2048),
    ("128G", "1T", 4096),
    ("1T", "2T", 6144),
    ("2T", "4T", 12288),
    ("4T", "8T", 20480),
    ("8T", "16T", 36864),
    ("16T", "32T", 65536),
    ("32T", "64T", 131072),
    ("64T", "", 184320),
)


@dataclass(frozen=True)
class Hardware:
    """What kdump-utils looks at beside the architecture."""

    memory_encryption: bool = False  # SME or SEV is active: bounce buffers in the capture kernel
    pages_64k: bool = False  # a kernel of the aarch64 64k flavour
    smmu: bool = False
    mlx5: bool = False
    fadump: bool = False
    capture_cpus: int = 1  # nr_cpus= of the capture kernel (ppc64le), with fadump as well as without


@dataclass(frozen=True)
class Default:
    """The value to write for `auto`, and the rule it comes from, for the report."""

    value: str
    rule: str


def extra_mib(arch: str, hardware: Hardware) -> int:
    """MiB that are added to every size of the list."""
    if arch in ("x86_64", "s390x"):
        return 64 if hardware.memory_encryption else 0
    if arch == "aarch64" and hardware.pages_64k:
        return 100 + (384 if hardware.smmu else 0) + (200 if hardware.mlx5 else 0)
    if arch == "aarch64":
        return 150 if hardware.mlx5 else 0
    return hardware.capture_cpus if arch == "ppc64le" else 0


@dataclass(frozen=True)
class Shape:
    """A value taken apart: the text before each size, the sizes (bytes; -1 for what is none), and what follows the last."""

    before: tuple[str, ...]
    sizes: tuple[int, ...]
    after: str


def shape(value: str) -> Shape:
    """Take a value apart: one size, or a list of ranges, with @OFFSET or a suffix after it."""
    body, at_sign, offset = value.partition("@")
    after = at_sign + offset
    if not is_plain(body):
        body, comma, suffix = body.rpartition(",")
        after = comma + suffix + after
    before, sizes = [], []
    for piece in body.split(","):
        span, colon, text = piece.rpartition(":")
        size, end = memparse(text, 0)
        before.append(span + colon)
        sizes.append(size if text and end == len(text) else -1)
    return Shape(tuple(before), tuple(sizes), after)


def raised(value: str, size: int) -> str:
    """The value with every size below `size` (bytes) raised to it, rounded up to whole steps; the rest stays as written."""
    found = shape(value)
    enough = f"{-(-size // STEP) * STEP // MIB}M"
    pieces = value.removesuffix(found.after).split(",")
    for at, before in enumerate(found.before):
        if found.sizes[at] < size:
            pieces[at] = before + enough
    return ",".join(pieces) + found.after


def is_raised(value: str, default: str) -> bool:
    """Is `value` the default, or the default with sizes raised?"""
    if value == default:
        return True
    ours, theirs = shape(value), shape(default)
    if (ours.before, ours.after) != (theirs.before, theirs.after):
        return False
    return all(ours.sizes[at] >= least for at, least in enumerate(theirs.sizes))


def _size(mib: int) -> str:
    """The largest unit that divides evenly, as kdump-utils' memsize_add prints it."""
    return f"{mib >> 10}G" if mib % 1024 == 0 else f"{mib}M"


def kdump_utils(arch: str, hardware: Hardware) -> Default:
    """kdump-utils' default; Refusal for an architecture it has none for."""
    table = KDUMP_UTILS_FADUMP if arch == "ppc64le" and hardware.fadump else KDUMP_UTILS.get(arch)
    if table is None:
        raise Refusal(f"there is no default crashkernel= for {arch}; give a size in /etc/kdump-karg.conf")
    extra = extra_mib(arch, hardware)
    ranges = (f"{start}-{end}:{_size(mib + extra)}" for start, end, mib in table)
    return Default(
        ",".join(ranges), f"the default of kdump-utils for {arch}" + (f", +{extra} MiB for its hardware" if extra else "")
    )


def debian(text: str) -> Default | None:
    """Debian's default from the text of /etc/default/grub.d/kdump-tools.cfg; None where it sets none.

    The line reads GRUB_CMDLINE_LINUX_DEFAULT="$GRUB_CMDLINE_LINUX_DEFAULT crashkernel=512M-:192M".
    """
    for line in text.splitlines():
        values = crashkernel_values(line.strip().rstrip("\"'")) if not line.startswith("#") else ()
        if values:
            return Default(values[-1], f"the default of kdump-tools in /{DEBIAN_DEFAULT}")
    return None
