# SPDX-License-Identifier: Apache-2.0
"""The capture kernel's command line, by the rules of the package that loads it (rules/capture_cmdline.py, dump_blockers.py)."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.facts.kdumpconf import CONFIGS
from orchestrator.lint import packages
from orchestrator.lint.assumed import Assumed
from orchestrator.lint.findings import Finding, shown
from orchestrator.lint.manifest import Manifest
from orchestrator.lint.place import Place
from orchestrator.rules import capture_cmdline, dump_blockers
from orchestrator.rules.capture_cmdline import Facts, Package
from orchestrator.rules.shell_assignments import Assignments

APPEND = "KDUMP_COMMANDLINE_APPEND"
KEXEC = "KEXEC_ARGS"
BY_FILE = ("-s", "-a", "--kexec-file-syscall", "--kexec-syscall-auto")  # kexec(8)
LOADS_BY_FILE = ("", "x86_64", "aarch64", "ppc64le", "s390x")  # gen-kdump-sysconfig.sh
RUNNING = "root=x ostree=x"  # what every line of such a system has


def findings(config: Manifest, machine: Assumed) -> Iterator[Finding]:
    """All of this theme."""
    package = packages.package(config)
    if package is None:
        return
    path = f"/{CONFIGS[package]}"
    file, settings = config.file(path), packages.assignments(config, path)
    if file is None or settings is None:
        return
    if settings.program:
        yield Finding("capture-unknown", file.place, f"{path} is more than assignments")
        return
    facts = Facts(package, settings, f"{RUNNING} {_running(config)}".strip(), machine.arch or "x86_64")
    if dump_blockers.lost_from_the_list(facts):
        lack = f"KDUMP_COMMANDLINE_REMOVE in {path} lacks {dump_blockers.FIRST_BOOT}"
        yield Finding("capture-first-boot", file.place, f"{lack}: a crash in the first boot provisions again")
    if dump_blockers.without_root(facts):
        yield Finding("capture-root", file.place, f"KDUMP_COMMANDLINE in {path} names no root=")
    yield from _line(facts, file.place)
    if package is Package.KDUMP_UTILS:
        yield from _own(settings, file.place, machine)


def _running(config: Manifest) -> str:
    """The arguments that the config adds to the running kernel's line, which are the capture kernel's as well."""
    return " ".join(each.text for each in config.arguments if not any(char in each.text for char in ' "\t\n'))


def _line(facts: Facts, place: Place) -> Iterator[Finding]:
    """What would be on the line."""
    expected = capture_cmdline.predict(facts)
    if expected.line is None:
        yield Finding("capture-unknown", place, f"only a shell can tell the capture kernel's line by {facts.config.path}")
        return
    blocker = dump_blockers.blocker(facts, expected.line)
    if blocker is not None:
        word = next((name for name in (*dump_blockers.FATAL, "root", "ostree") if name in blocker.reason), "a word")
        harm = "has" if word in dump_blockers.FATAL else "lacks"
        yield Finding("capture-blocked", place, f"the capture kernel's line {harm} {word}, and there is no dump", _mend(word))
    for text in dump_blockers.doubtful(expected.line)[:3]:
        name = text.partition("=")[0]
        sentence = f"the capture kernel gets {shown(name)}, which may take the memory that it needs"
        yield Finding("capture-doubtful", place, sentence)


def _mend(word: str) -> str:
    """The mend for a blocker."""
    taken_out = f"take {word} out of the line"
    return taken_out if word in dump_blockers.FATAL else f"add {word}= to the line, or leave the line to the package"


def _own(settings: Assignments, place: Place, machine: Assumed) -> Iterator[Finding]:
    """kdump-utils' own file, replaced whole: what its defaults had and this one lacks."""
    added = settings.get(APPEND).text
    if added is not None:
        words = added.split()
        counts = [word for word in words if word.startswith(("nr_cpus=", "maxcpus="))]
        if not counts:
            yield Finding("capture-cpus", place, f"{APPEND} has neither nr_cpus= nor maxcpus=, so every processor takes memory")
        elif machine.arch == "ppc64le" and "nr_cpus=1" in counts:
            yield Finding("capture-cpus", place, f"{APPEND} has nr_cpus=1, which ppc64le does not support", "write maxcpus=1")
    given = settings.get(KEXEC).text
    if given is not None and machine.arch in LOADS_BY_FILE and not set(given.split()) & set(BY_FILE):
        yield Finding("capture-kexec", place, f"{KEXEC} lacks -s, and a kernel in lockdown loads nothing without it")
