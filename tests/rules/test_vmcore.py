# SPDX-License-Identifier: Apache-2.0
"""vmcore.py: headers of dumps, whole and cut short, of both byte orders."""

from __future__ import annotations

import pytest

from orchestrator.rules import vmcore
from orchestrator.rules.vmcore import Format, Header
from tests import dumps
from tests.dumps import RELEASE


def parse(content: bytes) -> Header:
    """The header of a file of this content."""
    return vmcore.parse(lambda offset, length: content[offset : offset + length], len(content))


WHOLE = dumps.flattened(dumps.compressed())
READ: list[tuple[str, bytes, Header]] = [
    ("compressed", dumps.compressed(), Header(Format.COMPRESSED, RELEASE, True)),
    ("compressed, of a big endian machine", dumps.compressed(order=">"), Header(Format.COMPRESSED, RELEASE, True)),
    ("no room was left", dumps.compressed(status=1 | 8), Header(Format.COMPRESSED, RELEASE, False)),
    ("no room, big endian", dumps.compressed(status=8, order=">"), Header(Format.COMPRESSED, RELEASE, False)),
    ("zstd is no sign of it", dumps.compressed(status=0x20), Header(Format.COMPRESSED, RELEASE, True)),
    ("flattened", WHOLE, Header(Format.FLATTENED, RELEASE, True)),
    ("flattened in large records", dumps.flattened(dumps.compressed(), piece=1 << 20), Header(Format.FLATTENED, RELEASE, True)),
    ("flattened, no end", dumps.flattened(dumps.compressed(), ended=False), Header(Format.FLATTENED, RELEASE, False)),
    ("flattened, cut in its last byte", WHOLE[:-1], Header(Format.FLATTENED, RELEASE, False)),
    ("flattened, flag", dumps.flattened(dumps.compressed(status=9)), Header(Format.FLATTENED, RELEASE, False)),
    ("flattened ELF", dumps.flattened(dumps.elf(), piece=1 << 20), Header(Format.FLATTENED, RELEASE, True)),
    ("ELF", dumps.elf(), Header(Format.ELF, RELEASE, True)),
    ("ELF, big endian", dumps.elf(order=">"), Header(Format.ELF, RELEASE, True)),
    ("ELF, cut short", dumps.elf()[:-1], Header(Format.ELF, RELEASE, False)),
    ("ELF, no room was left", dumps.elf(flags=1), Header(Format.ELF, RELEASE, False)),
]


@pytest.mark.parametrize(("content", "expected"), [row[1:] for row in READ], ids=[row[0] for row in READ])
def test_a_header(content: bytes, expected: Header) -> None:
    assert parse(content) == expected


NONE: list[tuple[str, bytes, str]] = [
    ("empty", b"", "is empty"),
    ("gzip", b"\x1f\x8b\x08" + bytes(99), "begins with 1f 8b 08"),
    ("zeros", bytes(1 << 16), "begins with 00"),
    ("header cut", dumps.compressed()[:300], "ends within its header"),
    ("flat header cut", WHOLE[:4100], "ends within its header"),
    ("flat without a header", WHOLE[:4096] + vmcore.FLAT_END, "main header is not where"),
    ("flat, another thing within", dumps.flattened(bytes(1 << 13)), "holds no dump"),
    ("a program", dumps.elf().replace(b"\x04\x00\x3e", b"\x02\x00\x3e", 1), "no core dump of a 64-bit machine"),
    ("32 bits", b"\x7fELF\x01" + bytes(99), "no core dump of a 64-bit machine"),
    ("no notes", dumps.elf().replace(b"OSRELEASE", b"OSRELEASX"), "no notes that name the kernel"),
]


@pytest.mark.parametrize(("content", "words"), [row[1:] for row in NONE], ids=[row[0] for row in NONE])
def test_no_dump(content: bytes, words: str) -> None:
    with pytest.raises(vmcore.NotADump, match=words):
        parse(content)


def test_little_is_read_of_a_large_dump() -> None:
    taken = 0
    content = dumps.flattened(dumps.compressed().ljust(8 << 20, b"x"))

    def read(offset: int, length: int) -> bytes:
        nonlocal taken
        taken += length
        return content[offset : offset + length]

    assert vmcore.parse(read, len(content)).complete
    assert taken < 1024
