# SPDX-License-Identifier: Apache-2.0
"""The zip: the application, what starts it and its share of the standard library, as byte code.

Python reads the whole directory of a zip before it imports from it, so there are few members: what the interpreter needs before
our code runs, in the form that zipimport knows, and all other modules one after another in one member, with a table of their
places beside it (start.py reads both).
"""

from __future__ import annotations

import io
import json
import marshal
import os
import tempfile
import zipfile
from collections.abc import Iterable, Mapping

from orchestrator.freeze.interpreter import Interpreter
from orchestrator.freeze.start import INIT, MODULES, TABLE
from orchestrator.freeze.trace import Source

EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip can hold
UNIX = 3
FIRST = ("encodings/", "__future__", "kdump_karg_start")  # what the interpreter imports by itself, and what the launcher does
PYC_HEADER = 16  # bytes before the code in a .pyc file (PEP 552)
TABLE_FORMAT = 2  # of marshal: one that every Python reads, and that gives the same bytes for the same values
READABLE = 0o100644 << 16  # st_mode, where Unix zips keep it
COMPILER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "compiler.py")


def compiled(interpreter: Interpreter, sources: Iterable[Source]) -> dict[str, bytes]:
    """The .pyc contents by path without the suffix; the same bytes for the same sources and the same interpreter."""
    with tempfile.TemporaryDirectory() as scratch:
        outputs = {source: os.path.join(scratch, str(index)) for index, source in enumerate(sources)}
        jobs = [(source.path, f"{source.name}.py", output) for source, output in outputs.items()]
        interpreter.run([COMPILER], stdin=json.dumps(jobs))
        return {source.name: _content(output) for source, output in outputs.items()}


def members(compiled: Mapping[str, bytes], extensions: Iterable[str]) -> dict[str, bytes]:
    """The zip's files from the .pyc contents, and the names of the extension modules beside the zip."""
    files = {f"{name}.pyc": content for name, content in compiled.items() if name.startswith(FIRST)}
    table: dict[str, tuple[bool, int, int]] = {}
    code = bytearray()
    for name, content in sorted(compiled.items()):
        if f"{name}.pyc" not in files:
            table[name.removesuffix(INIT).replace("/", ".")] = (name.endswith(INIT), len(code), len(content) - PYC_HEADER)
            code += content[PYC_HEADER:]
    return {**files, TABLE: marshal.dumps((sorted(extensions), table), TABLE_FORMAT), MODULES: bytes(code)}


def zipped(files: Mapping[str, bytes]) -> bytes:
    """A zip of stored entries: an initramfs is compressed as a whole, and better so."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.create_system = UNIX
            entry.external_attr = READABLE
            archive.writestr(entry, content)
    return buffer.getvalue()


def _content(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
