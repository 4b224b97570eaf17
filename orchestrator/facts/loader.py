# SPDX-License-Identifier: Apache-2.0
"""Which services will load the capture kernel, and what the running kernel was built with. Read, not judged."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator import log
from orchestrator.errors import Refusal
from orchestrator.facts import ignition_config, lockdown, service, unit
from orchestrator.facts.service import Service
from orchestrator.system import tree
from orchestrator.system.target import provisioned_root

Options = tuple[tuple[str, ...], ...]

KEXEC = ("usr/sbin/kexec", "usr/bin/kexec", "sbin/kexec", "bin/kexec")
OS_RELEASE = ("etc/os-release", "usr/lib/os-release")
# Linux kernel/Kconfig.kexec, fs/proc/Kconfig. CRASH_RESERVE (6.9) is selected by CRASH_DUMP. One of each group must be there.
OPTIONS = (("CONFIG_KEXEC", "CONFIG_KEXEC_FILE"), ("CONFIG_CRASH_DUMP",), ("CONFIG_PROC_VMCORE",))
# A kernel that is locked down turns kexec_load(2) down (kernel/kexec.c kexec_load_check()).
LOCKED_OPTIONS = (("CONFIG_KEXEC_FILE",), *OPTIONS[1:])
RELEASE = "proc/sys/kernel/osrelease"
# Whatever is in there is laid over /usr before kdump starts (systemd-sysext(8)), and may hold all that is looked for here.
EXTENSIONS = ("etc/extensions", "var/lib/extensions")


@dataclass(frozen=True)
class Loader:
    """The facts. `lacks`: options that the kernel was built without, `config`: the file that says so; `family`: words of
    os-release; `extended`: systemd-sysext will add files to /usr."""

    services: tuple[Service, ...]
    kexec: bool
    config: str = ""
    lacks: tuple[str, ...] = ()
    family: tuple[str, ...] = ()
    extended: bool = False

    @property
    def usable(self) -> tuple[Service, ...]:
        """The services that will be started."""
        return tuple(each for each in self.services if each.enabled and each.file)


def read(root: str, enables: str = "") -> Loader:
    """The facts of the provisioned root below `root`, and of the kernel that runs. `enables`: a unit that this run enables."""
    provisioned = provisioned_root(root)
    asked = (*ignition_config.read(root).enabled, enables)
    return Loader(
        tuple(service.read(provisioned, name, asked=name in asked) for name in unit.KDUMP_UNITS),
        any(service.is_there(provisioned, path) for path in KEXEC),
        *_kernel(provisioned, _text(root, RELEASE).strip(), LOCKED_OPTIONS if lockdown.level(root) else OPTIONS),
        family=families(next((text for path in OS_RELEASE if (text := _text(provisioned, path))), "")),
        extended=_extended(root, provisioned),
    )


def _extended(root: str, provisioned: str) -> bool:
    """Are there extensions of /usr? Ignition may have unmounted /var again, so its config is asked as well."""
    return any(tree.names(provisioned, path) for path in EXTENSIONS) or "/extensions/" in _text(root, ignition_config.PATH)


def _kernel(provisioned: str, release: str, options: Options) -> tuple[str, tuple[str, ...]]:
    """The path of the configuration of that kernel release, and what it lacks of the options; nothing where there is none."""
    for path in (f"usr/lib/modules/{release}/config", f"boot/config-{release}"):
        text = _text(provisioned, path) if release else ""
        if text:
            return path, lacking(text, options)
    log.debug(f"no configuration of {release or 'the kernel'} was found, so what the kernel can do is not judged")
    return "", ()


def lacking(config: str, options: Options = OPTIONS) -> tuple[str, ...]:
    """The groups of options of which a kernel's configuration has none, as phrases; nothing for what is no configuration."""
    if "=y\n" not in config:
        return ()
    lines = f"\n{config}\n"
    return tuple(" or ".join(group) for group in options if not any(f"\n{option}=y\n" in lines for option in group))


def families(text: str) -> tuple[str, ...]:
    """The words of ID= and ID_LIKE= in the text of an os-release file."""
    lines = (line.partition("=") for line in text.split("\n"))
    return tuple(word for key, _, value in lines if key in ("ID", "ID_LIKE") for word in value.strip().strip("\"'").split())


def _text(root: str, path: str) -> str:
    """A file's text; nothing where it cannot be read, since that is no reason to refuse."""
    try:
        return tree.read_text(root, path) or ""
    except Refusal:
        return ""
