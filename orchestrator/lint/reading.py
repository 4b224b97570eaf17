# SPDX-License-Identifier: Apache-2.0
"""Configs as they are given made manifests: merged with what they name, as far as that is here.

By Ignition's specification 3.0 to 3.6 and internal/exec/engine.go (renderConfig), and the MachineConfig of
openshift/machine-config-operator. What is wrong with the config itself is a finding; what must not be read is a Refusal.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

from orchestrator.errors import Refusal
from orchestrator.lint import document, items, manifest, source
from orchestrator.lint.document import NotJson, at, objects, string
from orchestrator.lint.findings import Finding, shown
from orchestrator.lint.limits import Budget
from orchestrator.lint.manifest import Contents, Kind, Manifest
from orchestrator.lint.place import Place
from orchestrator.lint.shelf import Shelf

ROLE = "machineconfiguration.openshift.io/role"


@dataclass(frozen=True)
class Resource:
    """What a `source` or `local` leads to. `data`: None where it is not here or broken; `place`: the top of what is in it."""

    data: bytes | None
    place: Place
    directory: str


class Reader:
    """One run's reading: the texts of the files, for line numbers, and what was found wrong on the way."""

    def __init__(self, shelf: Shelf) -> None:
        """Nothing yet."""
        self.shelf, self.budget = shelf, Budget()
        self.texts: dict[str, str] = {}
        self.flaws: list[Finding] = []

    def given(self, file: str) -> list[Manifest]:
        """The configs of a file from the command line. Refusal where it is no JSON."""
        return self.rendered(self.text(file), file)

    def rendered(self, text: str, file: str) -> list[Manifest]:
        """The configs in a text."""
        self.texts[file] = text
        try:
            found = document.parse(text, file)
        except NotJson as problem:
            raise Refusal(f"{file} {problem}; {document.ADVICE}") from None
        place, directory = Place(file), os.path.dirname(file)
        if string(found, "kind").endswith("List"):  # what oc get prints of several
            return [self.top(each, place.below("items", number), directory) for number, each in objects(found, "items")]
        return [self.top(found, place, directory)]

    def text(self, file: str) -> str:
        """A file's text."""
        return document.text_of(self.shelf.read(file), file)

    def top(self, found: dict[str, object], place: Place, directory: str) -> Manifest:
        """One document, by its kind."""
        if string(found, "kind") != "MachineConfig":
            return self.config(found, place, directory)
        config = at(found, "spec", "config")
        inner = config if isinstance(config, dict) else {}
        below = place.below("spec", "config")
        made = self.config(inner, below, directory) if inner else Manifest(Kind.IGNITION, below)
        if made.arguments:
            self.flaws.append(Finding("kargs-place", made.arguments[0].place, "kernelArguments in spec.config reach no node"))
        role = string(found, "metadata", "labels", ROLE)
        if not role:
            self.flaws.append(Finding("machineconfig-role", place, "the MachineConfig has no label that names its role"))
        name = string(found, "metadata", "name")
        words = items.words(found, place)
        return replace(made, kind=Kind.MACHINECONFIG, place=place, name=name, role=role, arguments=words, absent=())

    def config(self, found: dict[str, object], place: Place, directory: str) -> Manifest:
        """An Ignition config with all that it merges, or what it is replaced by."""
        self.budget.one_config(place.file)
        self.flaws += items.version_flaws(found, place)
        references = place.below("ignition", "config")
        replacing = at(found, "ignition", "config", "replace")
        if isinstance(replacing, dict) and (string(replacing, "source") or string(replacing, "local")):
            instead = self.referenced(replacing, references.below("replace"), directory)
            return instead or Manifest(Kind.IGNITION, place, elsewhere=True)
        made = self.own(found, place, directory)
        for number, each in objects(found, "ignition", "config", "merge"):
            child = self.referenced(each, references.below("merge", number), directory)
            if child is not None:
                self.flaws += items.overridden(made, child)
            made = replace(made, elsewhere=True) if child is None else manifest.merged(made, child)
        return made

    def referenced(self, reference: dict[str, object], place: Place, directory: str) -> Manifest | None:
        """The config that a reference leads to; None where it is not here or broken."""
        resource = self.resource(reference, place, directory)
        if resource.data is None:
            return None
        where = resource.place.file
        try:
            text = document.text_of(resource.data, where)
            found = document.parse(text, where)
        except NotJson as problem:
            self.flaws.append(Finding("config-json", place, f"the config that this leads to {problem}"))
            return None
        if not resource.place.nested:
            self.texts[where] = text
        return self.config(found, resource.place, resource.directory)

    def resource(self, reference: dict[str, object], place: Place, directory: str) -> Resource:
        """What a reference leads to: a file, the contents of a data: URL, or something elsewhere."""
        local, url = string(reference, "local"), string(reference, "source")
        if local:
            file = os.path.join(directory, local)
            return Resource(self.unpacked(self.shelf.read(file), reference, place), Place(file), os.path.dirname(file))
        below = place.below("source")
        if not source.is_data(url):
            if url:
                sentence = "this is fetched when a machine boots, and was not looked at"
                self.flaws.append(Finding("source-elsewhere", below, sentence))
            return Resource(None, below, directory)
        try:
            data = source.decode(url)
        except source.Broken as problem:
            self.flaws.append(Finding("data-url", below, f"the contents cannot be had: this {problem}"))
            return Resource(None, below, directory)
        return Resource(self.unpacked(data, reference, place), below.inside(), directory)

    def unpacked(self, data: bytes, reference: dict[str, object], place: Place) -> bytes | None:
        """The bytes after decompression; None where they are not packed as the reference says."""
        compression = at(reference, "compression") or ""
        if compression == "gzip":
            try:
                data = source.inflate(data, self.budget, place.file)
            except source.Broken as problem:
                self.flaws.append(Finding("data-gzip", place, f"compression is gzip, and the source {problem}"))
                return None
        elif compression:
            self.flaws.append(Finding("data-gzip", place.below("compression"), "Ignition knows no compression but gzip"))
            return None
        self.budget.take(len(data), place.file)
        return data

    def own(self, found: dict[str, object], place: Place, directory: str) -> Manifest:
        """What the config says by itself."""
        files = []
        for number, each in objects(found, "storage", "files"):
            below = place.below("storage", "files", number)
            files.append(items.file(each, below, self.contents(each, below, directory)))
        self.flaws += items.doubled(files)
        made = items.without_files(found, place)
        return replace(made, files=tuple({file.path: file for file in files}.values()))

    def contents(self, each: dict[str, object], place: Place, directory: str) -> Contents | None:
        """What a file will hold: its contents and what is appended; None where the config gives neither."""
        whole = at(each, "contents")
        pieces = [(whole, place.below("contents"))] if isinstance(whole, dict) and has_source(whole) else []
        added = not pieces
        pieces += [(piece, place.below("append", number)) for number, piece in objects(each, "append")]
        if not pieces:
            return None
        found = [self.resource(piece, where, directory).data for piece, where in pieces]
        known = [data for data in found if data is not None]
        return Contents(b"".join(known) if len(known) == len(found) else None, added)


def has_source(reference: dict[str, object]) -> bool:
    """Does it say what the contents are? An empty data: URL is contents too."""
    return isinstance(at(reference, "source"), str) or bool(string(reference, "local"))


def files_of(reader: Reader, files: tuple[str, ...]) -> list[Manifest]:
    """The configs of all files; the MachineConfigs of one role as one, in the order of their names."""
    found = [made for file in files for made in reader.given(file)]
    if not found:
        raise Refusal(f"{', '.join(map(shown, files))}: there is no config in it; {document.ADVICE}")
    return grouped(reader, found)


def grouped(reader: Reader, found: list[Manifest]) -> list[Manifest]:
    """MachineConfigs of one role are merged by their operator; every Ignition config stands for itself."""
    alone = [made for made in found if made.kind is Kind.IGNITION]
    roles: dict[str, Manifest] = {}
    for made in sorted((made for made in found if made.kind is Kind.MACHINECONFIG), key=lambda made: made.name):
        if made.role in roles:
            reader.flaws += items.overridden(roles[made.role], made)
            made = manifest.merged(roles[made.role], made)
        roles[made.role] = made
    return [*alone, *roles.values()]
