# SPDX-License-Identifier: Apache-2.0
"""kdump-karg.conf, read by its own parser (facts/conf.py). What stands on a wrong line is not repeated: it may be a secret."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.errors import Refusal
from orchestrator.facts import conf
from orchestrator.facts.conf import Setting
from orchestrator.facts.unit import KDUMP_UNITS
from orchestrator.lint import limits, packages
from orchestrator.lint.assumed import Assumed
from orchestrator.lint.findings import Finding, shown
from orchestrator.lint.manifest import File, Manifest
from orchestrator.lint.place import Place

LIKE_OURS = ("kdump-karg", "kdump_karg", "kdumpkarg")  # what a name of such a file begins with


def findings(config: Manifest, machine: Assumed) -> Iterator[Finding]:
    """All of this theme."""
    for file in packages.own_files(config):
        yield from _file(file)
    yield from _against_itself(config)
    known = {file.path for file in packages.own_files(config)}
    for file in config.files:
        name = file.path.rpartition("/")[2]
        if (
            file.path.startswith("/etc/")
            and file.path not in known
            and (file.path.startswith(packages.OWN_DIR) or name.startswith(LIKE_OURS))
        ):
            yield Finding("conf-ignored", file.place, f"{shown(file.path)} is not read by kdump-karg")


def _against_itself(config: Manifest) -> Iterator[Finding]:
    """enable=yes beside a unit that is masked or disabled."""
    wanted = enable(config)
    if wanted is None or wanted[0].value != "yes":
        return
    for unit in config.units:
        if unit.name in KDUMP_UNITS and (unit.masked or unit.enabled is False):
            how = "masked" if unit.masked else "disabled"
            yield Finding("conf-contradicts", wanted[1], f"enable=yes, and {unit.name} is {how} here ({unit.place})")


def _file(file: File) -> Iterator[Finding]:
    """One file, line by line."""
    text = file.contents.text if file.contents else None
    wrong = 0
    for number, line in enumerate((text or "").split("\n"), start=1):
        problem = _problem(line)
        if problem and wrong < limits.MOST_ALIKE:
            wrong += 1
            yield Finding("conf-malformed", file.place, f"line {number} {problem}")


def _problem(line: str) -> str:
    """What is wrong with a line, "" for nothing."""
    if len(line) > limits.LONGEST_LINE and not line.lstrip().startswith("#"):
        return "is longer than any value"
    try:
        settings = conf.parse(line, "")
    except Refusal:
        return f"is no setting; known keys are {', '.join(conf.KEYS)}"
    try:
        conf.merge(settings)
    except Refusal:
        return f"gives {settings[0].key} a value that it does not take"
    return ""


def size(config: Manifest) -> tuple[Setting, Place] | None:
    """The crashkernel= that the files ask for together, and where; None where they ask for none or one that is refused."""
    return _last(config, "crashkernel")


def enable(config: Manifest) -> tuple[Setting, Place] | None:
    """The same of `enable`."""
    return _last(config, "enable")


def _last(config: Manifest, key: str) -> tuple[Setting, Place] | None:
    """The setting of a key that counts."""
    found = None
    for file in packages.own_files(config):
        for line in ((file.contents.text if file.contents else None) or "").split("\n"):
            settings = () if _problem(line) else conf.parse(line, "")
            found = next(((each, file.place) for each in settings if each.key == key), found)
    return found
