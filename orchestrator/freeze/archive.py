# SPDX-License-Identifier: Apache-2.0
"""Packages of one suite of a Debian archive, downloaded by apt and unpacked, without touching the machine's own state."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator.errors import Failure

ARCHIVE_ENV = "KDUMP_KARG_ARCHIVE"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"  # of the package debian-archive-keyring: every suite's key
TARGET_FORMAT = "$(LABEL)|$(REPO_URI)"
PACKAGES = ("python{v}-minimal", "libpython{v}-minimal", "libpython{v}-stdlib", "libc6", "zlib1g", "libexpat1")


@dataclass(frozen=True)
class Suite:
    """A suite and the Python that it carries."""

    name: str
    python: str

    @property
    def packages(self) -> tuple[str, ...]:
        """The interpreter, its standard library, and what both link to."""
        return tuple(package.format(v=self.python) for package in PACKAGES)


@dataclass(frozen=True)
class Unpacked:
    """The packages of a suite, unpacked below `root`; `packages` are their file names, sorted."""

    suite: Suite
    root: str
    packages: tuple[str, ...]


SUITES = {suite.name: suite for suite in (Suite("bookworm", "3.11"), Suite("trixie", "3.13"), Suite("forky", "3.14"))}


def unpack(wanted: Suite, cache: str, environment: Mapping[str, str], architecture: str = "") -> Unpacked:
    """The unpacked packages of a suite, downloaded unless `cache` has them; for this machine where no architecture is named."""
    place = os.path.join(os.path.abspath(cache), "-".join(filter(None, (wanted.name, architecture))))
    tree = os.path.join(place, "tree")
    if not os.path.isdir(tree):
        packages = os.path.join(place, "packages")
        _download(wanted, place, packages, _uri(environment), architecture)
        _extract(packages, tree)
    return Unpacked(wanted, tree, tuple(sorted(os.listdir(os.path.join(place, "packages")))))


def _uri(environment: Mapping[str, str]) -> str:
    """Where the archive is: the one that the environment names, else the machine's own Debian source."""
    if environment.get(ARCHIVE_ENV):
        return environment[ARCHIVE_ENV]
    listed = _run(["apt-get", "indextargets", "--format", TARGET_FORMAT, "Created-By: Packages"])
    for line in listed.splitlines():
        label, _, uri = line.partition("|")
        if label == "Debian":
            return uri
    raise Failure(f"apt knows no Debian archive on this machine; run `apt-get update` or set {ARCHIVE_ENV} to an archive's URI")


def own_architecture() -> str:
    """Debian's name of this machine's architecture."""
    return _run(["dpkg", "--print-architecture"]).strip()


def _download(wanted: Suite, place: str, packages: str, uri: str, architecture: str) -> None:
    """Fill `packages` with the suite's .deb files."""
    state = os.path.join(place, "apt")
    for directory in (packages, state):
        shutil.rmtree(directory, ignore_errors=True)
    for directory in (packages, os.path.join(state, "lists/partial"), os.path.join(state, "cache/archives/partial")):
        os.makedirs(directory)
    _write(os.path.join(state, "status"), "")
    trust = f"[signed-by={KEYRING}] " if os.path.exists(KEYRING) else ""
    _write(os.path.join(state, "sources.list"), f"deb {trust}{uri} {wanted.name} main\n")
    options = (*_options(state), *_foreign(architecture))
    _run(["apt-get", *options, "-q", "update"])
    _run(["apt-get", *options, "-q", "download", *wanted.packages], cwd=packages)


def _options(state: str) -> tuple[str, ...]:
    """Options that keep apt inside `state`; on the command line, so that the machine's proxy settings stay in force."""
    settings = (
        f"Dir::State={state}",
        f"Dir::State::status={state}/status",
        f"Dir::State::lists={state}/lists",
        f"Dir::Cache={state}/cache",
        f"Dir::Etc::sourcelist={state}/sources.list",
        "Dir::Etc::sourceparts=-",
        "Dir::Etc::preferences=/dev/null",
        "Dir::Etc::preferencesparts=-",
        "APT::Default-Release=",
        "Acquire::Languages=none",
        "APT::Update::Error-Mode=any",
        "APT::Sandbox::User=root",  # apt's own user may not write below a checkout
    )
    return tuple(word for setting in settings for word in ("-o", setting))


def _foreign(architecture: str) -> tuple[str, ...]:
    """Options that have apt take another architecture for the machine's."""
    return ("-o", f"APT::Architecture={architecture}", "-o", f"APT::Architectures={architecture}") if architecture else ()


def _extract(packages: str, tree: str) -> None:
    """Unpack every package; the name `tree` appears only when all are."""
    unfinished = tree + ".part"
    shutil.rmtree(unfinished, ignore_errors=True)
    for name in sorted(os.listdir(packages)):
        _run(["dpkg-deb", "--extract", os.path.join(packages, name), unfinished])
    os.rename(unfinished, tree)


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def _run(argv: Sequence[str], cwd: str | None = None) -> str:
    """A program's standard output; Failure with the first error it names."""
    try:
        done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True, check=True)
    except FileNotFoundError as error:
        raise Failure(f"{argv[0]} is not installed; freeze on a Debian machine") from error
    except subprocess.CalledProcessError as error:
        lines = error.stderr.strip().splitlines() or ["no message"]
        complaint = next((line for line in lines if line.startswith("E:")), lines[-1])
        words = [word for word in argv if not word.startswith("-") and "=" not in word]
        raise Failure(f"`{' '.join(words)}` failed ({complaint}); check the network, or set {ARCHIVE_ENV}") from error
    return done.stdout
