# SPDX-License-Identifier: Apache-2.0
"""The interpreter's ELF file, asking the dynamic loader for less than its distribution built it to ask.

Three changes, all in place, so that no section moves and strip(1), which dracut runs, finds what it expects (it breaks
a file that patchelf made longer): libraries that only serve modules we never import are no longer loaded; their symbols
become weak, which the loader leaves at 0; and a version of the C library that only stands for a new variant of an old
function becomes the old version, so that an older C library will do.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection, GNUVerSymSection
from elftools.elf.sections import SymbolTableSection

from orchestrator.errors import Failure

# Functions that got a second version only because the first sets errno in a wrapper, which Python does not look at.
ALIKE = frozenset(("hypot", "fmod"))
STB_WEAK = 2
VERNEED, VERNAUX = "HHIII", "IHHII"
ST_INFO = 4  # offset of st_info in an Elf64_Sym


@dataclass(frozen=True)
class Need:
    """One version in .gnu.version_r: where its record and its file's record lie, and what they say."""

    file_at: int
    at: int
    library: str
    version: str
    index: int
    name: int  # offset of the version's name in .dynstr
    file_name: int  # offset of the file's name in .dynstr
    hash: int


@dataclass(frozen=True)
class Tables:
    """The parts of an ELF file that are read and changed here."""

    order: str  # struct's sign for the byte order
    dynamic: DynamicSection
    symbols: SymbolTableSection
    versions: GNUVerSymSection
    needs: tuple[Need, ...]


def loosened(content: bytes, unused: Iterable[str], absent: frozenset[str]) -> bytes:
    """The program without the libraries `unused`, which alone define the symbols `absent`."""
    tables = _tables(content)
    dropped = frozenset(unused)
    image = bytearray(content)
    _drop_needed(image, tables, dropped)
    _weaken(image, tables, absent)
    names = _names(tables)
    for need in tables.needs:
        if need.library in dropped:
            _replace(image, tables, need, _oldest(tables, "libc.so.6"))
        elif names[need.index] <= ALIKE:
            _replace(image, tables, need, _oldest(tables, need.library))
    return bytes(image)


def exports(path: str) -> frozenset[str]:
    """The names of the symbols that a shared library defines."""
    with open(path, "rb") as file:
        section = ELFFile(file).get_section_by_name(".dynsym")
        if not isinstance(section, SymbolTableSection):
            raise Failure(f"{path} has no dynamic symbols; name a shared library")
        return frozenset(symbol.name for symbol in section.iter_symbols() if symbol["st_shndx"] != "SHN_UNDEF")


def _tables(content: bytes) -> Tables:
    elf = ELFFile(io.BytesIO(content))
    found = {name: elf.get_section_by_name(name) for name in (".dynamic", ".dynsym", ".gnu.version", ".gnu.version_r")}
    dynamic, symbols, versions, needs = found.values()
    if not (
        elf.elfclass == 64
        and isinstance(dynamic, DynamicSection)
        and isinstance(symbols, SymbolTableSection)
        and isinstance(versions, GNUVerSymSection)
        and isinstance(needs, GNUVerNeedSection)
    ):
        raise Failure("the interpreter is not a dynamic 64-bit program with symbol versions; take Debian's")
    order = "<" if elf.little_endian else ">"
    return Tables(order, dynamic, symbols, versions, tuple(_needs(content, order, needs)))


def _needs(content: bytes, order: str, section: GNUVerNeedSection) -> Iterator[Need]:
    strings = section.stringtable
    file_at = section["sh_offset"]
    for _ in range(section["sh_info"]):
        _, count, file_name, first, following = struct.unpack_from(order + VERNEED, content, file_at)
        at = file_at + first
        for _ in range(count):
            digest, _, index, name, step = struct.unpack_from(order + VERNAUX, content, at)
            library, version = strings.get_string(file_name), strings.get_string(name)
            yield Need(file_at, at, library, version, index, name, file_name, digest)
            at += step
        file_at += following


def _oldest(tables: Tables, library: str) -> Need:
    """The oldest version that is needed of a library, which every build of it has."""
    return min((need for need in tables.needs if need.library == library), key=_age)


def _age(need: Need) -> tuple[int, ...]:
    """Orders GLIBC_2.2.5 before GLIBC_2.14; whatever is not such a version comes last."""
    numbers = need.version.partition("_")[2].split(".")
    return tuple(map(int, numbers)) if all(map(str.isdigit, numbers)) else (1 << 30,)


def _names(tables: Tables) -> dict[int, frozenset[str]]:
    """The symbols that are wanted in each version, by the version's index."""
    names: dict[int, set[str]] = {need.index: set() for need in tables.needs}
    for symbol, version in zip(tables.symbols.iter_symbols(), tables.versions.iter_symbols(), strict=True):
        if version["ndx"] in names:
            names[version["ndx"]].add(symbol.name)
    return {index: frozenset(found) for index, found in names.items()}


def _drop_needed(image: bytearray, tables: Tables, dropped: frozenset[str]) -> None:
    """Close the gaps that those DT_NEEDED entries leave; DT_NULL fills the end."""
    at, size = tables.dynamic["sh_offset"], tables.dynamic["sh_entsize"]
    count = tables.dynamic["sh_size"] // size
    entries = [bytes(image[at + index * size : at + (index + 1) * size]) for index in range(count)]
    tags = list(tables.dynamic.iter_tags())
    kept = [
        entry
        for index, entry in enumerate(entries)
        if index >= len(tags) or tags[index].entry.d_tag != "DT_NEEDED" or getattr(tags[index], "needed") not in dropped
    ]
    image[at : at + count * size] = b"".join(kept).ljust(count * size, b"\0")


def _weaken(image: bytearray, tables: Tables, absent: frozenset[str]) -> None:
    """Make those undefined symbols weak: the loader gives them the address 0 and does not complain."""
    at, size = tables.symbols["sh_offset"], tables.symbols["sh_entsize"]
    for index, symbol in enumerate(tables.symbols.iter_symbols()):
        if symbol["st_shndx"] == "SHN_UNDEF" and symbol.name in absent:
            where = at + index * size + ST_INFO
            image[where] = STB_WEAK << 4 | image[where] & 0xF


def _replace(image: bytearray, tables: Tables, need: Need, other: Need) -> None:
    """Say in one version record what another says; its index, which the symbols refer to, stays."""
    if need.file_name != other.file_name:
        struct.pack_into(tables.order + "I", image, need.file_at + 4, other.file_name)
    struct.pack_into(tables.order + "I", image, need.at, other.hash)
    struct.pack_into(tables.order + "I", image, need.at + 8, other.name)
