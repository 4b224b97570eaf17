# SPDX-License-Identifier: Apache-2.0
"""Will a service load the capture kernel, and can this kernel load one? If not, the reservation is for nothing."""

from __future__ import annotations

from dataclasses import replace

from orchestrator.decide.decision import Wanted
from orchestrator.facts import unit
from orchestrator.facts.intent import Intent
from orchestrator.facts.loader import KEXEC, Loader
from orchestrator.facts.service import Service

KEXEC_PACKAGE = "kexec-tools"
# The programs of kdump-utils, of Debian's kdump-tools (its unit starts /etc/init.d/kdump-tools, which calls kdump-config) and
# of SUSE's kdump. They load with kexec; a unit that somebody wrote may call kexec_file_load(2) itself.
KNOWN = ("/kdumpctl", "/kdump-config", "/etc/init.d/kdump-tools")
KNOWN_DIR = "/usr/lib/kdump/"
# Words of ID and ID_LIKE (os-release(5)), whose they are, the unit's name there, and the package that has it.
FAMILIES = (
    (("debian", "ubuntu"), "Debian", "kdump-tools.service", "kdump-tools"),
    (("suse", "opensuse", "sles"), "SUSE", "kdump.service", "kdump"),
    (
        ("fedora", "rhel", "centos"),
        "Fedora and RHEL",
        "kdump.service",
        "kdump-utils (kexec-tools before Fedora 41 and RHEL 10)",
    ),
)


def problem(loader: Loader, wish: Intent) -> str:
    """Why no capture kernel could be loaded, in one sentence; "" where one could, as far as is known.

    A size that somebody named is written even where no service will use it (`warn`), since something else may.
    """
    broken = [_broken(loader, each) for each in loader.usable]
    if loader.extended:
        found = ""
    elif broken:
        found = broken[0] if all(broken) else ""
    else:
        found = _absent(loader, wish.source) if wish.implied else ""
    return found or _incapable(loader)


def _absent(loader: Loader, source: str) -> str:
    """The sentence where a service is enabled by `source` that is not there."""
    masked = next((each for each in loader.services if each.enabled and each.masked_by), None)
    if masked:
        return f"{masked.name} is enabled but masked by /{masked.masked_by}, so it would not be started; remove that file"
    there = next((each.name for each in loader.services if each.file), "")
    name = next((each.name for each in loader.services if each.enabled), "")
    cure = f"enable {there}, which is there" if there else _cure(loader, name)
    return f"{source}: there is no such unit in this system, so nothing would load a capture kernel; {cure}"


def _broken(loader: Loader, found: Service) -> str:
    """Why a service that is started would fail; "" where nothing is known."""
    if found.missing:
        program = found.missing[0]
        cure = _cure(loader, found.name) if _is_known(program) else f"put it into the image, or correct /{found.file}"
        return f"{found.name} starts {program}, which is missing; {cure}"
    if not loader.kexec and any(map(_is_known, found.programs)):
        return f"{found.name} needs /{KEXEC[0]}, which is missing; add the package {KEXEC_PACKAGE} to the image"
    return ""


def _is_known(program: str) -> bool:
    """Is this a program of one of the distributions' packages?"""
    return program.endswith(KNOWN) or program.startswith(KNOWN_DIR)


def _incapable(loader: Loader) -> str:
    """What the kernel was built without."""
    if not loader.lacks:
        return ""
    return f"/{loader.config}: this kernel was built without {', '.join(loader.lacks)}, so it cannot dump; use one that has it"


def _cure(loader: Loader, name: str) -> str:
    """How to get a service of that name, or of the name that the distribution gives it; "": any kdump service."""
    for words, _, its_name, package in FAMILIES:
        if set(words) & set(loader.family):
            return f"add the package {package} to the image" + ("" if name == its_name else f" and enable {its_name}")
    packages = (f"on {whose} {package}" for _, whose, its_name, package in FAMILIES if name in ("", its_name))
    return f"add its package to the image: {', '.join(packages)}"


def warning(loader: Loader, wish: Intent) -> str:
    """Why nothing would use the memory that somebody named a size for, and what to do; "" where something would."""
    if wish.implied or loader.extended or loader.usable:
        return ""
    there = next((each for each in loader.services if each.file), None)
    masked = next((each for each in loader.services if each.masked_by), None)
    if there:
        return f"used by nothing: {there.name} is not enabled; enable {there.name}"
    if masked:
        return f"used by nothing: {masked.name} is masked by /{masked.masked_by}; remove that file and enable {masked.name}"
    return f"used by nothing: there is no {' or '.join(unit.KDUMP_UNITS)}; {_cure(loader, '')}"


def warn(wanted: Wanted, loader: Loader, wish: Intent) -> Wanted:
    """What is wanted, with the warning added to what it is warned of already."""
    both = [text for text in (wanted.warning, warning(loader, wish)) if text]
    return replace(wanted, warning="; and ".join(both))
