# SPDX-License-Identifier: Apache-2.0
"""A libpython that belongs to our interpreter alone.

Fedora's executable is a few kilobytes that load libpython, in the directory of the system's libraries, where a Python of the
image's own would have its file of that name. So ours lies beside the executable, which asks for it by its path: a name with
a slash in it is loaded from there and looked for nowhere else (ld.so(8)). Only the bytes of that name change, so the path
must not be longer than the name, `libpython3.11.so.1.0`.
"""

from __future__ import annotations

import io

from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile

from orchestrator.errors import Failure

LIBPYTHON = "libpython"  # how the name begins
PATH = "/lib/kdump-karg/libp"  # through the link /lib -> usr/lib, which leaves one byte for the end
SEARCH_PATHS = ("DT_RUNPATH", "DT_RPATH")


def is_private(soname: str) -> bool:
    """Is that library kept beside the interpreter?"""
    return soname.startswith(LIBPYTHON)


def bound(content: bytes, name: str) -> bytes:
    """The ELF file `content`, asking for its libpython by PATH, and without a search path, which would be the build machine's.

    Raises Failure, which calls the file `name`, where PATH is longer than what it would replace.
    """
    elf = ELFFile(io.BytesIO(content))
    edited = bytearray(content)
    for section in elf.iter_sections():
        if not isinstance(section, DynamicSection):
            continue
        texts = elf.get_section(section["sh_link"])["sh_offset"]
        for tag in section.iter_tags():
            start = texts + tag.entry.d_val
            if tag.entry.d_tag == "DT_NEEDED" and is_private(getattr(tag, "needed")):
                _replace(edited, start, PATH, name)
            elif tag.entry.d_tag in SEARCH_PATHS:
                _replace(edited, start, "", name)  # an empty one is none (glibc elf/dl-load.c: decompose_rpath)
    return bytes(edited)


def _replace(content: bytearray, start: int, text: str, name: str) -> None:
    """Put `text` in the place of the string that starts there.

    A linker lets strings share a tail, but no name of a symbol, a library or a version is the tail of a libpython's name or of
    a path.
    """
    size = content.index(0, start) - start
    if len(text) > size:
        raise Failure(f"{name} loads {content[start:start + size].decode()}, shorter than {text}; freeze with another Python")
    content[start : start + size] = text.encode().ljust(size, b"\0")
