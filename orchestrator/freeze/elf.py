# SPDX-License-Identifier: Apache-2.0
"""What the dynamic loader would read in an ELF file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from elftools.common.exceptions import ELFError
from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerDefSection, GNUVerNeedSection
from elftools.elf.segments import InterpSegment

from orchestrator.errors import Failure

VER_FLG_BASE = 0x1  # the definition that carries the file's own name, not a version
VER_FLG_WEAK = 0x2  # a needed version the loader only warns about


@dataclass(frozen=True)
class Binary:
    """One ELF program or shared library."""

    path: str
    machine: tuple[str, int]  # e_machine and the word size: what a library must share with its user
    interpreter: str | None  # PT_INTERP
    soname: str | None
    needed: tuple[str, ...]  # DT_NEEDED, in order
    requires: tuple[tuple[str, str], ...]  # (soname, version), sorted
    provides: frozenset[str]  # the versions it defines


def read(path: str) -> Binary:
    """What the file asks of the loader; Failure where it is not an ELF file."""
    try:
        with open(path, "rb") as file:
            return _binary(path, ELFFile(file))
    except OSError as error:
        raise Failure(f"{path} cannot be read ({error.strerror}); check that it exists") from error
    except ELFError as error:
        raise Failure(f"{path} is not an ELF file ({error}); name a program or a shared library") from error


def is_elf(path: str) -> bool:
    """Does the file begin as an ELF file does?"""
    try:
        with open(path, "rb") as file:
            return file.read(4) == b"\x7fELF"
    except OSError:
        return False


def _binary(path: str, elf: ELFFile) -> Binary:
    tags = [tag for section in elf.iter_sections() if isinstance(section, DynamicSection) for tag in section.iter_tags()]
    interpreters = [segment.get_interp_name() for segment in elf.iter_segments() if isinstance(segment, InterpSegment)]
    return Binary(
        path=path,
        machine=(elf["e_machine"], elf.elfclass),
        interpreter=interpreters[0] if interpreters else None,
        # pyelftools sets the attributes `soname` and `needed` on tags of that type, unseen by type checkers.
        soname=next((getattr(tag, "soname") for tag in tags if tag.entry.d_tag == "DT_SONAME"), None),
        needed=tuple(getattr(tag, "needed") for tag in tags if tag.entry.d_tag == "DT_NEEDED"),
        requires=tuple(sorted(_required(elf))),
        provides=frozenset(_provided(elf)),
    )


def _required(elf: ELFFile) -> Iterator[tuple[str, str]]:
    for section in elf.iter_sections():
        if isinstance(section, GNUVerNeedSection):
            for library, versions in section.iter_versions():
                strong = (version for version in versions if not version["vna_flags"] & VER_FLG_WEAK)
                yield from ((str(library.name), version.name) for version in strong)


def _provided(elf: ELFFile) -> Iterator[str]:
    for section in elf.iter_sections():
        if isinstance(section, GNUVerDefSection):
            for definition, names in section.iter_versions():
                if not definition["vd_flags"] & VER_FLG_BASE:
                    yield next(names).name
