# SPDX-License-Identifier: Apache-2.0
"""The zip: the application, what starts it and its share of the standard library, as byte code."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Mapping

from orchestrator.freeze import bytecode, trace
from orchestrator.freeze.bytecode import Source
from orchestrator.freeze.interpreter import Interpreter
from orchestrator.freeze.trace import Modules

EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip can hold
UNIX = 3
READABLE = 0o100644 << 16  # st_mode, where Unix zips keep it
START = Source("kdump_karg_start", os.path.join(trace.HERE, "start.py"), trace.KEPT)


def bundle(interpreter: Interpreter, package_root: str, modules: Modules) -> bytes:
    """The zip's content; the same bytes for the same sources and the same interpreter."""
    sources = (START, *trace.application(package_root), *modules.sources)
    return zipped(bytecode.compiled(interpreter, sources))


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
