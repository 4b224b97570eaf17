# SPDX-License-Identifier: Apache-2.0
"""What a config says, as data with places; and what two configs say together, by Ignition's rules (config/merge/merge.go)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum

from orchestrator.lint.place import Place


class Kind(Enum):
    """What sort of document it is."""

    IGNITION = "Ignition config"
    MACHINECONFIG = "MachineConfig"


@dataclass(frozen=True)
class Contents:
    """A file's bytes; None where they are elsewhere or broken. `added`: they come after what is there already."""

    data: bytes | None
    added: bool = False

    @property
    def text(self) -> str | None:
        """The same as text; bytes that are no UTF-8 do no harm."""
        return None if self.data is None else self.data.decode("utf-8", "surrogateescape")


@dataclass(frozen=True)
class File:
    """A file to be written. `contents`: None where the config gives none; `mode`: None where it says none."""

    path: str
    place: Place
    contents: Contents | None = None
    mode: int | None = None
    overwrite: bool = False


@dataclass(frozen=True)
class Link:
    """A link to be made."""

    path: str
    place: Place
    target: str


@dataclass(frozen=True)
class Unit:
    """A unit of systemd's. `enabled` and `masked`: None where the config does not say; `texts`: its contents and drop-ins."""

    name: str
    place: Place
    enabled: bool | None = None
    masked: bool | None = None
    contents: str | None = None
    texts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Argument:
    """A kernel argument."""

    text: str
    place: Place


@dataclass(frozen=True)
class Manifest:
    """All that is looked at.

    `directories`: the paths of those that it makes; `mounts`: of file systems of their own; `sealed`: LUKS devices;
    `elsewhere`: a part of it is fetched from somewhere.
    """

    kind: Kind
    place: Place
    name: str = ""
    role: str = ""
    files: tuple[File, ...] = ()
    links: tuple[Link, ...] = ()
    units: tuple[Unit, ...] = ()
    arguments: tuple[Argument, ...] = ()
    absent: tuple[Argument, ...] = ()
    directories: tuple[str, ...] = ()
    mounts: tuple[str, ...] = ()
    sealed: tuple[Place, ...] = ()
    elsewhere: bool = False

    def file(self, path: str) -> File | None:
        """The file at a path."""
        return next((file for file in self.files if file.path == path), None)

    def text(self, path: str) -> str | None:
        """The text of a file whose contents are known, and are all that it holds."""
        found = self.file(path)
        return None if found is None or found.contents is None or found.contents.added else found.contents.text

    def brings(self, path: str) -> bool:
        """Is there a file or a link at this path?"""
        return self.file(path) is not None or any(link.path == path for link in self.links)

    def unit(self, name: str) -> Unit | None:
        """The unit of that name."""
        return next((unit for unit in self.units if unit.name == name), None)


def merged(parent: Manifest, child: Manifest) -> Manifest:
    """Both together: what the child says counts."""
    paths = {*(file.path for file in child.files), *(link.path for link in child.links)}
    kept = [link for link in parent.links if link.path not in paths]
    files = [file for file in parent.files if file.path not in {link.path for link in child.links}]
    return replace(
        parent,
        files=_files(files, child.files),
        links=(*kept, *child.links),
        units=_units(parent.units, child.units),
        arguments=_arguments(parent, child),
        absent=(*parent.absent, *child.absent),
        directories=(*parent.directories, *child.directories),
        mounts=(*parent.mounts, *child.mounts),
        sealed=(*parent.sealed, *child.sealed),
        elsewhere=parent.elsewhere or child.elsewhere,
    )


def _files(old: Iterable[File], new: Iterable[File]) -> tuple[File, ...]:
    """The old ones, joined with the new ones of the same path, and then the other new ones."""
    found = {file.path: file for file in old}
    for file in new:
        found[file.path] = _file(found[file.path], file) if file.path in found else file
    return tuple(found.values())


def _units(old: Iterable[Unit], new: Iterable[Unit]) -> tuple[Unit, ...]:
    """The same for units, by their names."""
    found = {unit.name: unit for unit in old}
    for unit in new:
        found[unit.name] = _unit(found[unit.name], unit) if unit.name in found else unit
    return tuple(found.values())


def _arguments(parent: Manifest, child: Manifest) -> tuple[Argument, ...]:
    """Ignition has every argument once; of MachineConfigs the lists are joined (openshift/machine-config-operator#4046)."""
    both = (*parent.arguments, *child.arguments)
    return both if parent.kind is Kind.MACHINECONFIG else tuple({each.text: each for each in both}.values())


def _file(old: File, new: File) -> File:
    """One file of two: what the new one does not say stays."""
    contents = old.contents if new.contents is None else new.contents
    if old.contents is not None and new.contents is not None and new.contents.added:
        known = old.contents.data is not None and new.contents.data is not None
        contents = Contents((old.contents.data or b"") + (new.contents.data or b"") if known else None, old.contents.added)
    mode = old.mode if new.mode is None else new.mode
    return replace(new, contents=contents, mode=mode, overwrite=old.overwrite or new.overwrite)


def _unit(old: Unit, new: Unit) -> Unit:
    """One unit of two."""
    return replace(
        new,
        enabled=old.enabled if new.enabled is None else new.enabled,
        masked=old.masked if new.masked is None else new.masked,
        contents=old.contents if new.contents is None else new.contents,
        texts=(*old.texts, *new.texts),
    )
