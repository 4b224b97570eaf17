# SPDX-License-Identifier: Apache-2.0
"""What a request comes to, whatever the format: one unit and the files, in the order of their names."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.render import kdump_tools, kdump_utils, suse
from orchestrator.render.distribution import DIRECTORIES, KNOWN_HOSTS, OWN_CONF, Distribution
from orchestrator.render.request import Directory, Format, Request, Ssh
from orchestrator.rules import dump_target

SECRET, PUBLIC = 0o600, 0o644
HEADER = "# Made by kdump-karg render.\n"


@dataclass(frozen=True)
class File:
    """A file. Without a mode the text is added to a file of the image, which keeps its own."""

    path: str
    text: str
    mode: int | None = PUBLIC

    def __repr__(self) -> str:
        """Without the text, which may be a key."""
        return f"File({self.path})"


@dataclass(frozen=True)
class Manifest:
    """The unit to enable, with the text of a drop-in for it, "" for none; and the files."""

    unit: str
    drop_in: str = ""
    files: tuple[File, ...] = ()


def manifest(request: Request) -> Manifest:
    """All of it. Refusal where the distribution's package cannot do what is asked."""
    files = [*_package(request), *_ssh(request), *_directories(request)]
    # Machine Config Operator owns the kernel arguments of its nodes, so there the size is not asked of us.
    if request.crashkernel and request.format is not Format.MACHINECONFIG:
        files.append(File(OWN_CONF, f"{HEADER}crashkernel={request.crashkernel}\n"))
    drop_in = kdump_tools.drop_in(request) if request.distribution is Distribution.DEBIAN else ""
    return Manifest(request.distribution.unit, drop_in, tuple(sorted(files, key=lambda file: file.path)))


def _package(request: Request) -> list[File]:
    """The configuration of the package that loads the capture kernel."""
    if request.distribution is Distribution.DEBIAN:
        return [File(kdump_tools.PATH, HEADER + kdump_tools.text(request), None)]
    rules = suse if request.distribution is Distribution.SUSE else kdump_utils
    text = rules.text(request)
    return [File(rules.PATH, HEADER + text)] if text else []


def _ssh(request: Request) -> list[File]:
    """What ssh needs, where every package looks for it."""
    if not isinstance(request.target, Ssh):
        return []
    return [File(dump_target.KEY, request.target.key, SECRET), File(KNOWN_HOSTS, request.target.host_keys, SECRET)]


def _directories(request: Request) -> list[File]:
    """The directories that must be there, by tmpfiles.d(5): Machine Config Operator takes no directories from a config."""
    wanted = []
    if isinstance(request.target, Ssh):
        wanted.append(KNOWN_HOSTS.rpartition("/")[0])
    if isinstance(request.target, Directory) and request.target.path != dump_target.DIRECTORY:
        wanted.append(request.target.path)  # kdump-utils starts only where it is there; a dump holds all that was in memory
    lines = "".join(f"d {path} 0700 root root -\n" for path in wanted)
    return [File(DIRECTORIES, HEADER + lines)] if lines else []
