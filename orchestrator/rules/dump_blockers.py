# SPDX-License-Identifier: Apache-2.0
"""What must not be on the capture kernel's command line, what must, and which safeguards a configuration lacks. Rules only."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.rules import capture_cmdline, cmdline
from orchestrator.rules.capture_cmdline import Facts, Package, Prediction

FIRST_BOOT = "ignition.firstboot"
# With these there is no dump. Every package's default list removes hugepages (but SUSE's, hugepagesz).
FATAL = {
    FIRST_BOOT: "the capture kernel would provision the machine again instead of saving the dump",
    "hugepages": "the capture kernel would give its little memory away as huge pages",
    "rd.break": "the capture kernel would stop in a shell",
}
# With these there may be none. Each is on the list of one of the packages, which says that it does harm.
DOUBTFUL = ("crashkernel", "hugepagesz", "hugetlb_cma", "cma", "swiotlb", "log_buf_len", "slub_debug", "panic_on_warn")
SWITCHED_OFF = ("0", "no", "off", "noforce")  # `cma=0` is what kdump-utils itself adds
OVERRIDE = {
    Package.KDUMP_UTILS: "KDUMP_COMMANDLINE",
    Package.KDUMP_TOOLS: "KDUMP_CMDLINE",
    Package.SUSE: "KDUMP_COMMANDLINE",
}
UNIT = {
    Package.KDUMP_UTILS: "kdump.service",
    Package.KDUMP_TOOLS: "kdump-tools.service",
    Package.SUSE: "kdump.service",
}


@dataclass(frozen=True)
class Blocker:
    """What is wrong with a line, and how to mend it."""

    reason: str
    mend: str


def blocker(facts: Facts, line: str) -> Blocker | None:
    """The first thing for which this line would give no dump, None for a clean one."""
    for word in cmdline.words(line):
        name, _, value = word.text.partition("=")
        if name in FATAL and value not in SWITCHED_OFF:
            return Blocker(f"{word.text} is on it: {FATAL[name]}", _removal(facts, name))
    for name in _needed(facts):
        if cmdline.value(line, name) is None:
            override = OVERRIDE[facts.package]
            reason = f"it has no {name}=, and the capture kernel would not find its root"
            mend = f"add {name}= to {override} in {facts.config.path}, or take {override} out; {_restart(facts)}"
            return Blocker(reason, mend)
    return _without_deployment(facts, line)


def _without_deployment(facts: Facts, line: str) -> Blocker | None:
    """kdump-tools' capture kernel boots the deployment that the line names, by a link that ostree renames when it deploys."""
    target = cmdline.ostree_target(line)
    if facts.package is not Package.KDUMP_TOOLS or target not in facts.gone:
        return None
    reason = f"ostree={target} leads nowhere since ostree has deployed at once, and the capture kernel would not find its root"
    override = f"{OVERRIDE[facts.package]} in {facts.config.path}"
    return Blocker(reason, f"reboot (or set {override} to a line with the new ostree= of the entry; {_restart(facts)})")


def _needed(facts: Facts) -> tuple[str, ...]:
    """The arguments without which the capture kernel has no root. kdump-utils' initramfs mounts the target by itself."""
    if facts.package is Package.SUSE:
        return ("root",)
    if facts.package is Package.KDUMP_TOOLS:
        return tuple(name for name in ("root", "ostree") if cmdline.value(facts.cmdline, name) is not None)
    return ()


def warnings(facts: Facts, expected: Prediction) -> tuple[str, ...]:
    """One sentence for everything that may cost a dump some day."""
    found = [lost_from_the_list(facts), without_root(facts), _stale(facts, expected)]
    for text in doubtful(facts.recorded or expected.line or ""):
        harm = f"the capture kernel gets {text}, which may take the memory that it needs"
        found.append(f"{harm}: {_removal(facts, text.partition('=')[0])}")
    return tuple(text for text in found if text)


def doubtful(line: str) -> tuple[str, ...]:
    """The words of a capture kernel's line that may cost the dump."""
    named = ((word.text, *word.text.partition("=")) for word in cmdline.words(line))
    return tuple(text for text, name, _, value in named if name in DOUBTFUL and value not in SWITCHED_OFF)


def lost_from_the_list(facts: Facts) -> str:
    """kdump-utils ships a list that has ignition.firstboot; a file in its place, as OpenShift's published sample, may not."""
    if facts.package is not Package.KDUMP_UTILS:
        return ""
    key = "KDUMP_COMMANDLINE_REMOVE"
    listed = facts.config.get(key, capture_cmdline.KDUMP_UTILS_REMOVE).text
    if listed is None or FIRST_BOOT in (word.partition("=")[0] for word in listed.split()):
        return ""
    return f"{key} in {facts.config.path} lacks {FIRST_BOOT}, so a crash in a first boot would provision again: add it"


def without_root(facts: Facts) -> str:
    """kdump-utils' file itself asks for a root= in KDUMP_COMMANDLINE. (For the other packages this is no mere warning.)"""
    line = facts.config.get("KDUMP_COMMANDLINE").text
    if facts.package is not Package.KDUMP_UTILS or not line or cmdline.value(line, "root") is not None:
        return ""
    return f"KDUMP_COMMANDLINE in {facts.config.path} names no root=: use KDUMP_COMMANDLINE_APPEND to add arguments instead"


def _stale(facts: Facts, expected: Prediction) -> str:
    """Was the capture kernel loaded before the configuration was changed?"""
    if facts.recorded is None or expected.line is None or facts.recorded.split() == expected.line.split():
        return ""
    return f"the capture kernel was loaded with other arguments than {facts.config.path} gives it now: {_restart(facts)}"


def _removal(facts: Facts, name: str) -> str:
    """How to get rid of an argument."""
    if facts.package is Package.KDUMP_UTILS:
        where = f"add {name} to KDUMP_COMMANDLINE_REMOVE in {facts.config.path} (and take it out of KDUMP_COMMANDLINE_APPEND)"
    else:
        where = f"set {OVERRIDE[facts.package]} in {facts.config.path} to a line without {name}"
    return f"{where}; {_restart(facts)}"


def _restart(facts: Facts) -> str:
    """How to have the capture kernel loaded anew."""
    return f"then systemctl restart {UNIT[facts.package]}"
