# SPDX-License-Identifier: Apache-2.0
"""What the dynamic loader would read in an ELF file."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

from elftools.common.exceptions import ELFError
from elftools.elf.dynamic import DynamicSection, DynamicTag
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerDefSection, GNUVerNeedSection
from elftools.elf.segments import InterpSegment

from orchestrator.errors import Failure


@dataclass(frozen=True)
class Binary:
    """One ELF program or shared library."""

    path: str
    machine: tuple[str, int]  # e_machine and the word size: what a library must share with its user
    interpreter: str  # PT_INTERP, empty in a library
    needed: tuple[str, ...]  # DT_NEEDED, in order
    searched: tuple[str, ...]  # directories of DT_RUNPATH or DT_RPATH, which the loader looks in first (ld.so(8))
    requires: frozenset[tuple[str, str]]  # (soname, version)
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
    sections = list(elf.iter_sections())
    tags = [tag for section in sections if isinstance(section, DynamicSection) for tag in section.iter_tags()]
    interpreters = [segment.get_interp_name() for segment in elf.iter_segments() if isinstance(segment, InterpSegment)]
    used = [pair for section in sections if isinstance(section, GNUVerNeedSection) for pair in section.iter_versions()]
    defined = [pair for section in sections if isinstance(section, GNUVerDefSection) for pair in section.iter_versions()]
    return Binary(
        path=path,
        machine=(elf["e_machine"], elf.elfclass),
        interpreter="".join(interpreters),
        needed=_texts(tags, "needed"),
        searched=_directories(path, ":".join((*_texts(tags, "runpath"), *_texts(tags, "rpath")))),
        requires=frozenset((str(library.name), version.name) for library, versions in used for version in versions),
        provides=frozenset(next(names).name for _, names in defined),
    )


def _texts(tags: Iterable[DynamicTag], name: str) -> tuple[str, ...]:
    """The texts of all dynamic tags of a kind; pyelftools sets them unseen by type checkers."""
    return tuple(str(getattr(tag, name)) for tag in tags if hasattr(tag, name))


def _directories(path: str, search: str) -> tuple[str, ...]:
    """A search path's directories, with the only word for a place that distributions write in one ($ORIGIN)."""
    origin = os.path.dirname(os.path.abspath(path))
    words = (word.replace("${ORIGIN}", "$ORIGIN").replace("$ORIGIN", origin) for word in search.split(":") if word)
    return tuple(os.path.normpath(word) for word in words)
