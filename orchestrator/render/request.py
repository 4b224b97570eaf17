# SPDX-License-Identifier: Apache-2.0
"""What is asked for, checked: nothing that is in a request can break a line, a quote or a path of the files made of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from orchestrator.errors import Refusal, UsageError
from orchestrator.facts import conf
from orchestrator.render import read, words
from orchestrator.render.distribution import Distribution
from orchestrator.render.words import Given
from orchestrator.rules import crashkernel_value, dump_target

LETTERS = "abcdefghijklmnopqrstuvwxyz"
DIGITS = "0123456789"
NAME = frozenset(f"{LETTERS}{DIGITS}-.")  # of a Kubernetes object: RFC 1123, in small letters
WORD = frozenset(f"{LETTERS}{LETTERS.upper()}{DIGITS}-._")
IN_PATH = WORD | frozenset("/+@:")  # no blank, quote, `%` (tmpfiles.d) or `#` (kdump.conf)
IN_COMMAND = IN_PATH | frozenset(" =,")
ACTIONS = ("reboot", "halt", "poweroff", "shell", "dump_to_rootfs")  # kdump.conf(5), failure_action
TARGETS = ("path", "ssh", "nfs", "raw")
VOLATILE = ("run", "lock", "tmp")  # in /var: links to /run, and what systemd-tmpfiles cleans up
WORKER = "worker"
LONGEST_NAME, LONGEST_ROLE = 253, 63  # a Kubernetes object's name, a label's value


class Format(Enum):
    """What is printed."""

    IGNITION = "ignition"
    BUTANE = "butane"
    MACHINECONFIG = "machineconfig"


@dataclass(frozen=True)
class Directory:
    """A directory of the machine itself."""

    path: str


@dataclass(frozen=True)
class Ssh:
    """A directory that ssh leads to; `key` and `host_keys` are the content of ssh's files."""

    account: str
    host: str
    directory: str
    key: str
    host_keys: str

    def __repr__(self) -> str:
        """Without the key."""
        return f"Ssh({self.account}@{self.host}:{self.directory})"


@dataclass(frozen=True)
class Nfs:
    """An export, into which the dumps go."""

    host: str
    export: str


@dataclass(frozen=True)
class Raw:
    """A partition that is overwritten."""

    device: str


Target = Directory | Ssh | Nfs | Raw


@dataclass(frozen=True)
class Request:
    """A request. Without a size there is no configuration of our own, without a target the package's own place is kept."""

    distribution: Distribution = Distribution.FEDORA
    format: Format = Format.IGNITION
    crashkernel: str = ""
    target: Target | None = None
    collector: str = ""
    failure_action: str = ""
    role: str = WORKER
    name: str = ""


def read_all(options: Mapping[str, Given]) -> Request:
    """The request of the options and of the file of --from, with the files that both name. Raises Refusal, UsageError."""
    given = dict(options)
    source = given.pop(words.FROM, None)
    lines: dict[str, Given] = {}
    if source is not None:
        lines = words.of_text(read.words(source.value), source.value, os.path.dirname(source.value))
    return of_words(words.together(given, lines))


def of_words(given: Mapping[str, Given]) -> Request:
    """The same of words that are put together already."""
    found = Request(
        Distribution(_choice(given, "distribution", [each.value for each in Distribution])),
        Format(_choice(given, "format", [each.value for each in Format])),
        _size(given),
        _target(given),
        _command(given),
        _choice(given, "failure-action", ["", *ACTIONS]),
        _kubernetes(given, "role", LONGEST_ROLE) or WORKER,
        _kubernetes(given, "name", LONGEST_NAME),
    )
    if found.format is Format.MACHINECONFIG:
        _check_machineconfig(found)
    elif "role" in given or "name" in given:
        raise UsageError("--role and --name are of a MachineConfig; they go with --format machineconfig")
    return found


def _check_machineconfig(found: Request) -> None:
    """Refuse what Machine Config Operator has no use for. It owns the kernel arguments, and works out no size."""
    if found.distribution is not Distribution.FEDORA:
        raise UsageError("a MachineConfig is for OpenShift, whose nodes have kdump-utils; it goes with --distribution fedora")
    if found.crashkernel in ("", conf.AUTO):
        raise UsageError(
            "a MachineConfig needs --crashkernel with a size: Machine Config Operator sets it, and knows no default"
        )


def _choice(given: Mapping[str, Given], word: str, known: list[str]) -> str:
    """One of these; the first where nothing is given."""
    if word not in given:
        return known[0]
    value = given[word].value
    if value not in known or not value:
        raise Refusal(f"{given[word].where} is none of {', '.join(filter(None, known))}; give one of them")
    return value


def _size(given: Mapping[str, Given]) -> str:
    """A value of crashkernel= that may be written, or `auto`."""
    if "crashkernel" not in given:
        return ""
    value, where = given["crashkernel"].value, given["crashkernel"].where
    if value != conf.AUTO:
        crashkernel_value.check(value, where)
    return value


def _target(given: Mapping[str, Given]) -> Target | None:
    """The one target."""
    named = [word for word in TARGETS if word in given]
    if len(named) > 1:
        raise UsageError(f"a dump goes to one place, not to {' and '.join(named)}; give one of {', '.join(TARGETS)}")
    kind = named[0] if named else ""
    for word in ("key", "known-hosts"):
        if word in given and kind != "ssh":
            raise UsageError(f"{word} is for a dump over ssh; it goes with --ssh")
    if kind == "ssh":
        return _ssh(given)
    if kind == "nfs":
        return _nfs(given["nfs"])
    if kind == "raw":
        return Raw(_device(given["raw"]))
    return Directory(_local(given["path"])) if kind else None


def _local(given: Given) -> str:
    """A directory of the machine that outlives a crash and an update."""
    _check_path(given.value, given.where)
    top, *below = given.value.split("/")[1:]
    if top != "var" or not below or below[0] in VOLATILE:
        raise Refusal(f"{given.where} is no directory that an ostree system keeps; give one below /var, such as /var/crash")
    return given.value


def _device(given: Given) -> str:
    """A device's name that is the same at the next boot, as far as a name tells."""
    _check_path(given.value, given.where)
    if not given.value.startswith("/dev/"):
        raise Refusal(f"{given.where} is no device; give a partition by a lasting name, such as /dev/disk/by-partlabel/dump")
    return given.value


def _ssh(given: Mapping[str, Given]) -> Ssh:
    """An account on a host, a directory there, and what ssh needs to get there with nobody at hand."""
    where = given["ssh"].where
    account, at, rest = given["ssh"].value.partition("@")
    host, colon, directory = rest.partition(":")
    directory = directory if colon else dump_target.DIRECTORY
    # Not repeated: what stands before the @ may have a password in it.
    if not at or not account or account[0] in "-." or set(account) - WORD or not _is_host(host):
        raise Refusal(f"{where} is not USER@HOST or USER@HOST:DIR, with a name or IPv4 address and no password; write it so")
    _check_path(directory, where)
    for word, need in (("key", "the private key that opens the account"), ("known-hosts", f"the host key of {host}")):
        if word not in given:
            raise UsageError(f"{where} needs --{word} with {need}: ssh would ask, and nobody answers after a crash")
    key = read.private_key(given["key"])
    return Ssh(account, host, directory, key, read.host_keys(given["known-hosts"], host))


def _nfs(given: Given) -> Nfs:
    """A host and the path of an export."""
    host, colon, export = given.value.partition(":")
    if not colon or not _is_host(host):
        raise Refusal(f"{given.where} is not HOST:/EXPORT with a name or an IPv4 address; write it so")
    if export != "/":
        _check_path(export, given.where)
    return Nfs(host, export)


def _is_host(text: str) -> bool:
    """Is it a host's name or an IPv4 address?"""
    return bool(text) and not set(text) - WORD and text[0] not in "-._" and text[-1] not in "-._" and ".." not in text


def _check_path(path: str, where: str) -> None:
    """Refuse a path that is not absolute, in its shortest form, and of plain characters."""
    strange = sorted(set(path) - IN_PATH)
    if strange:
        raise Refusal(f"{where} holds the character {strange[0]!r}; a path may have letters, digits and . _ - + @ : / here")
    steps = path.split("/")[1:]
    if not path.startswith("/") or any(step in ("", ".", "..") for step in steps):
        raise Refusal(f"{where} is not an absolute path in its shortest form; write it as /DIR/DIR, without a slash at its end")


def _command(given: Mapping[str, Given]) -> str:
    """The core collector, with one blank between its words."""
    if "core-collector" not in given:
        return ""
    command = " ".join(given["core-collector"].value.split())
    strange = sorted(set(command) - IN_COMMAND)
    if strange or not command:
        shown = f"the character {strange[0]!r}" if strange else "no command"
        where = given["core-collector"].where
        raise Refusal(f"{where} holds {shown}; give a command without quotes, such as makedumpfile -l -d 31")
    return command


def _kubernetes(given: Mapping[str, Given], word: str, longest: int) -> str:
    """A name as Kubernetes takes it."""
    if word not in given:
        return ""
    value = given[word].value
    ends = frozenset(LETTERS + DIGITS)
    if set(value) - NAME or len(value) > longest or not {value[0], value[-1]} <= ends:
        raise Refusal(f"{given[word].where} is no name for Kubernetes; use at most {longest} small letters, digits, - and .")
    return value
