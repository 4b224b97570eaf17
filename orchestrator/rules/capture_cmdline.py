# SPDX-License-Identifier: Apache-2.0
"""The capture kernel's command line, by the rules of the package that loads it. Rules only: kdumpconf.py reads the facts.

Sources: kdump-utils (March 2026) kdumpctl and kdump-lib.sh prepare_cmdline(); Debian kdump-tools 1.10.9 kdump-config
kdump_load(); openSUSE kdump (April 2026) init/load.sh build_kdump_commandline(). Not in it: elfcorehdr= and memmap=, which
kexec or the kernel adds.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum

from orchestrator.rules import cmdline, xargs
from orchestrator.rules.shell_assignments import Assignments

KDUMP_UTILS_REMOVES = frozenset(
    "crashkernel panic_on_warn root rd.lvm.lv rd.luks.uuid rd.dm.uuid rd.md.uuid fcoe netroot rd.iscsi.initiator "
    "iscsi_initiator".split()
)
KDUMP_UTILS_REMOVE = "hugepages hugepagesz slub_debug"  # kdumpctl's own list, where the file says nothing
KDUMP_TOOLS_REMOVES = ("crashkernel=", "hugepages=", "hugepagesz=", "abm=")
KDUMP_TOOLS_APPEND = "reset_devices systemd.unit=kdump-tools-dump.service nr_cpus=1 irqpoll usbcore.nousb"
SUSE_REMOVES = frozenset(
    "root resume crashkernel splash mem BOOT_IMAGE showopts zfcp.allow_lun_scan hugepages acpi_no_memhotplug "
    "cgroup_disable unknown_nmi_panic rd.udev.children-max".split()
)
SUSE_ADDS = "sysrq=yes reset_devices acpi_no_memhotplug cgroup_disable=memory nokaslr numa=off irqpoll"
SUSE_ROOT = "root=kdump rootflags=bind rd.udev.children-max=8"
SUSE_CPUS = 32  # kdump-read-config.sh
SHELL_READS = '"$`\\'  # inside double quotes
X86 = ("x86_64", "i386", "i586", "i686")


class Package(Enum):
    """Who loads the capture kernel."""

    KDUMP_UTILS = "kdump-utils"
    KDUMP_TOOLS = "kdump-tools"
    SUSE = "SUSE's kdump"


@dataclass(frozen=True)
class Facts:
    """What decides the line. `recorded`: the line that the loaded capture kernel was given, where the package notes it.

    `gone`: the values of `ostree=`, of those that are in use, that lead to no deployment.
    """

    package: Package
    config: Assignments
    cmdline: str
    arch: str
    cpuinfo: str = ""
    watchdog: bool = False
    amazon: bool = False
    xen: bool = False
    recorded: str | None = None
    gone: tuple[str, ...] = ()


@dataclass(frozen=True)
class Prediction:
    """The line that the next load gives; None where it cannot be known, and then `unknown` says why."""

    line: str | None
    unknown: str = ""


class _Unknown(Exception):
    """The line cannot be known, for the reason in `args`."""


def predict(facts: Facts) -> Prediction:
    """The line by the package's own rules. Pure; never raises."""
    rules = {Package.KDUMP_UTILS: _kdump_utils, Package.KDUMP_TOOLS: _kdump_tools, Package.SUSE: _suse}
    try:
        return Prediction(rules[facts.package](facts).strip())
    except _Unknown as unknown:
        return Prediction(None, str(unknown))


def recorded(text: str) -> str | None:
    """The command line in the kexec command that kdump-config notes after a load; None where there is none."""
    _, found, rest = text.partition('--command-line="')
    line, end, _ = rest.partition('"')
    return line.strip() if found and end else None


def recorded_files(text: str) -> tuple[str, str]:
    """The paths of kernel and initramfs in the same command, which kdump_load() puts behind the line; "" for none."""
    words = text.rpartition('"')[2].split()
    initrd = next((word.removeprefix("--initrd=") for word in words if word.startswith("--initrd=")), "")
    return words[-1] if words and words[-1].startswith("/") else "", initrd


def _known(facts: Facts, key: str, default: str = "") -> str:
    """A variable of the configuration. Raises _Unknown."""
    found = facts.config.get(key, default)
    if found.text is None:
        raise _Unknown(found.why)
    return found.text


def _kdump_utils(facts: Facts) -> str:
    """prepare_cmdline(). Raises _Unknown."""
    if cmdline.value(facts.cmdline, "fadump") not in (None, "off"):
        raise _Unknown("fadump boots the system's own entry again")
    if facts.watchdog:
        raise _Unknown("kdumpctl adds pretimeout=0 for the driver of this machine's watchdog, which only modprobe can name")
    if facts.amazon and facts.arch == "aarch64":
        raise _Unknown("kdumpctl drops irqpoll on Amazon's own processors, which only lscpu can tell")
    try:
        listed = xargs.pairs(_known(facts, "KDUMP_COMMANDLINE_REMOVE", KDUMP_UTILS_REMOVE))
        given = xargs.pairs(_known(facts, "KDUMP_COMMANDLINE") or facts.cmdline)
    except xargs.OpenQuote:
        raise _Unknown("kdumpctl's xargs stops at a quote that is not closed") from None
    removed = KDUMP_UTILS_REMOVES.union(key for key, _ in listed)
    words = [f"{key}={text}" if text else key for key, text in given if key not in removed]
    words.append(_known(facts, "KDUMP_COMMANDLINE_APPEND"))
    apicid = _boot_apicid(facts.cpuinfo)
    words += [f"disable_cpu_apicid={apicid}"] if apicid else []
    line = " ".join([*words, "rd.systemd.gpt_auto=no"])
    return " ".join(word for word in line.split(" ") if word)


def _boot_apicid(cpuinfo: str) -> str:
    """get_bootcpu_apicid(): of the processor that is number 0; "" where the architecture has none."""
    processor = ""
    for line in cpuinfo.splitlines():
        fields = line.split()
        if fields[:2] == ["processor", ":"]:
            processor = fields[-1]
        elif processor == "0" and line.startswith("apicid"):
            return fields[-1]
    return ""


def _kdump_tools(facts: Facts) -> str:
    """kdump_load(). Raises _Unknown."""
    kept = [word for word in facts.cmdline.split(" ") if not word.startswith(KDUMP_TOOLS_REMOVES)]
    line = _known(facts, "KDUMP_CMDLINE") or " ".join(kept)
    return _evaluated(f"{line} {_known(facts, 'KDUMP_CMDLINE_APPEND') or KDUMP_TOOLS_APPEND}", "kdump-config")


def _suse(facts: Facts) -> str:
    """build_kdump_commandline(). Raises _Unknown."""
    if facts.xen:
        raise _Unknown("load.sh asks Xen for the console")
    if _known(facts, "KDUMP_FADUMP") in ("true", "yes", "1"):
        raise _Unknown("fadump boots the system's own entry again")
    line = _known(facts, "KDUMP_COMMANDLINE") or _suse_default(facts)
    line = f"{line} {_known(facts, 'KDUMP_COMMANDLINE_APPEND')}"
    return _evaluated(line if cmdline.value(line, "panic") is not None else f"{line} panic=1", "load.sh")


def _suse_default(facts: Facts) -> str:
    """What load.sh makes of /proc/cmdline."""
    removed = SUSE_REMOVES | ({"quiet"} if _number(facts, "KDUMP_VERBOSE", 0) & 8 else frozenset())
    cpus = _number(facts, "KDUMP_CPUS", SUSE_CPUS)
    line = f"{_without(facts.cmdline, removed)} {SUSE_ADDS} {f'nr_cpus={cpus}' if cpus else ''} {SUSE_ROOT}"
    if facts.arch.startswith("s390"):
        return f"{line} zfcp.allow_lun_scan=0"
    if facts.arch not in X86:
        return line
    initial = next((text for text in facts.cpuinfo.splitlines() if text.startswith("initial apicid")), "")
    apicid = initial.partition(":")[2].strip()
    line += f" disable_cpu_apicid={apicid}" if apicid else ""
    return _without(line, ("unknown_nmi_panic", "notsc", "console=hvc0"))


def _number(facts: Facts, key: str, default: int) -> int:
    """A whole number of the configuration; the default for what is none, as kdump-read-config.sh has it."""
    text = _known(facts, key)
    return int(text) if text.removeprefix("-").isdecimal() and text.isascii() else default


def _without(line: str, options: Collection[str]) -> str:
    """remove_from_commandline(): without the words that are an option, or an option and `=`; quotes do not count."""
    kept = []
    for word in cmdline.words(line):
        bare = word.text.replace('"', "")
        if not any(bare == option or bare.startswith(f"{option}=") for option in options):
            kept.append(word.text)
    return " ".join(kept)


def _evaluated(line: str, script: str) -> str:
    """The line where it passes unharmed through the shell command that the script builds of it. Raises _Unknown."""
    for char in line:
        if char in SHELL_READS:
            raise _Unknown(f"the line holds {char!r}, and {script} has a shell evaluate it once more")
    return " ".join(line.split(" ")).strip()
