# SPDX-License-Identifier: Apache-2.0
"""The packages that the machine is made of, and how they differ from those of the last green gate.

    PYTHONPATH=vm-tests python3 -m image.packagelist             prints what differs
    PYTHONPATH=vm-tests python3 -m image.packagelist update      makes the list of the image here the one to compare with
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from image import rootfs
from image.builder import BUILD, HERE
from image.traits import DEFAULT_SUITE, SUITE, Traits

#: Of the last green gate, which runs on the default suite.
COMMITTED = HERE / "packages.lock"


@dataclass(frozen=True)
class Package:
    """One line of a list."""

    name: str
    version: str
    architecture: str
    suite: str


def parse(text: str) -> dict[str, Package]:
    """The packages of a list by name: a line each, with name, version, architecture and suite."""
    packages = (Package(*line.split()) for line in text.splitlines())
    return {package.name: package for package in packages}


def differences(before: str, after: str) -> tuple[str, ...]:
    """A line for each package that one of two lists lacks or has in another version."""
    old, new = parse(before), parse(after)
    changed = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
    return tuple(f"{name} {_version(old.get(name))} -> {_version(new.get(name))}" for name in changed)


def _version(package: Package | None) -> str:
    return f"{package.version} ({package.suite})" if package else "(none)"


def current(traits: Traits) -> Path:
    """Where the build of such a machine has left its list, or will leave it."""
    return rootfs.list_beside(BUILD / "cache" / rootfs.name(traits))


def advice(suite: str, built: Path, committed: Path = COMMITTED) -> str:
    """For whoever looks for the cause of a failure: is it a package? Empty where none was installed."""
    if not built.exists():
        return ""
    if suite != DEFAULT_SUITE:
        return f"The packages of {suite} are listed in {built}; nothing is kept to compare them with."
    changed = differences(committed.read_text(), built.read_text())
    if not changed:
        return f"The packages are those of the last green gate, in {committed}."
    return "\n".join([f"These packages are not those of the last green gate, in {committed}:", *changed])


def main(words: list[str]) -> None:
    """Print or update."""
    if words == ["update"]:
        shutil.copyfile(current(Traits(DEFAULT_SUITE)), COMMITTED)
    else:
        print(advice(SUITE, current(Traits())))


if __name__ == "__main__":
    main(sys.argv[1:])
