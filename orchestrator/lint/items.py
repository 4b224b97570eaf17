# SPDX-License-Identifier: Apache-2.0
"""The parts of one config: files, links, units, kernel arguments, and what is wrong with them whatever they are for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from orchestrator.lint import packages
from orchestrator.lint.document import at, objects, string, strings
from orchestrator.lint.findings import Finding, shown
from orchestrator.lint.manifest import Argument, Contents, File, Kind, Link, Manifest, Unit
from orchestrator.lint.place import Place

KERNEL_ARGUMENTS_SINCE = (3, 3)  # the specification that has them (Ignition, Upgrading Configs)
MAJOR = 3


def version_flaws(config: dict[str, object], place: Place) -> Iterator[Finding]:
    """Is the config one that Ignition 2 takes, and understands whole?"""
    text = string(config, "ignition", "version")
    numbers = tuple(int(each) for each in text.split(".")[:2] if each.isascii() and each.isdecimal() and len(each) < 10)
    where = place.below("ignition", "version") if text else place
    if len(numbers) < 2 or numbers[0] != MAJOR:
        said = f"version {shown(text)} is not one of specification 3" if text else "there is no ignition.version"
        yield Finding("ignition-version", where, said)
    elif numbers < KERNEL_ARGUMENTS_SINCE and at(config, "kernelArguments") is not None:
        sentence = f"version {shown(text)} does not know kernelArguments, so Ignition warns of an unused key and sets none"
        yield Finding("kargs-version", where, sentence)


def file(each: dict[str, object], place: Place, contents: Contents | None) -> File:
    """A file."""
    mode = at(each, "mode")
    bits = mode if isinstance(mode, int) and not isinstance(mode, bool) and 0 <= mode < 1 << 32 else None
    return File(string(each, "path"), place, contents, bits, at(each, "overwrite") is True)


def without_files(config: dict[str, object], place: Place) -> Manifest:
    """All of a config but its files."""
    storage = place.below("storage")
    links = (
        Link(string(each, "path"), storage.below("links", number), string(each, "target"))
        for number, each in objects(config, "storage", "links")
    )
    units = (unit(each, place.below("systemd", "units", number)) for number, each in objects(config, "systemd", "units"))
    kernel = place.below("kernelArguments")
    return Manifest(
        Kind.IGNITION,
        place,
        links=tuple(links),
        units=tuple({each.name: each for each in units}.values()),
        arguments=arguments(config, "shouldExist", kernel),
        absent=arguments(config, "shouldNotExist", kernel),
        directories=tuple(string(each, "path") for _, each in objects(config, "storage", "directories")),
        mounts=tuple(string(each, "path") for _, each in objects(config, "storage", "filesystems")),
        sealed=tuple(storage.below("luks", number) for number, _ in objects(config, "storage", "luks")),
    )


def arguments(config: dict[str, object], key: str, place: Place) -> tuple[Argument, ...]:
    """Kernel arguments of an Ignition config."""
    return tuple(Argument(text, place.below(key, number)) for number, text in strings(config, "kernelArguments", key))


def words(document: dict[str, object], place: Place) -> tuple[Argument, ...]:
    """Kernel arguments of a MachineConfig, one string of which may hold several."""
    below = place.below("spec", "kernelArguments")
    listed = strings(document, "spec", "kernelArguments")
    return tuple(Argument(word, below.below(number)) for number, text in listed for word in text.split())


def unit(each: dict[str, object], place: Place) -> Unit:
    """A unit, with its contents and drop-ins."""
    enabled, masked = at(each, "enabled"), at(each, "mask")
    contents = at(each, "contents")
    text = contents if isinstance(contents, str) and contents else None
    texts = [text or "", *(string(drop_in, "contents") for _, drop_in in objects(each, "dropins"))]
    return Unit(
        string(each, "name"),
        place,
        enabled if isinstance(enabled, bool) else None,
        masked if isinstance(masked, bool) else None,
        text,
        tuple(text for text in texts if text),
    )


def doubled(files: Iterable[File]) -> Iterator[Finding]:
    """A path that one config has twice, which Ignition refuses (config/validate: duplicate entry)."""
    seen: set[str] = set()
    for each in files:
        if each.path in seen and each.path:
            yield Finding("file-twice", each.place, f"{shown(each.path)} is listed twice in one config")
        seen.add(each.path)


def overridden(parent: Manifest, child: Manifest) -> Iterator[Finding]:
    """A file of kdump's that two configs write: the second one counts, and the first is lost whole."""
    for each in child.files:
        before = parent.file(each.path) if packages.concerns_kdump(each.path) else None
        if before is not None and before.contents and each.contents and not each.contents.added:
            yield Finding("file-overridden", each.place, f"{shown(each.path)} takes the place of that of {before.place}")
