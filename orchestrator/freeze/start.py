# SPDX-License-Identifier: Apache-2.0
"""What the launcher imports, and the last code to run: the zip holds it as `kdump_karg_start`.

Every import here is paid for by every run, so there is none that the interpreter has not already made.
"""

from __future__ import annotations

import marshal
import os
import sys
import zipimport

TYPE_CHECKING = False  # what typing.TYPE_CHECKING is, without the cost of importing typing
if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

AFTER_BUILT_IN = 2  # the place in sys.meta_path behind the finders of built-in and frozen modules
DEBUG_ENV = "KDUMP_KARG_DEBUG"
INTERRUPTED = 130  # what a shell reports for SIGINT
LOCAL_HEADER = 30  # bytes before the name in a zip's local file header (APPNOTE.TXT 4.3.7); our zips have no extra field
PYC_HEADER = 16  # bytes before the code in a .pyc file (PEP 552)


class Finder:
    """Finds modules in the zip as zipimport does, in a tenth of a millisecond less for each.

    zipimport opens the file anew for every module. What is not in the zip, or not byte code, is left to the others.
    """

    def __init__(self, archive: str) -> None:
        """Use the directory that zipimport has already read to find this module."""
        self._files = getattr(zipimport, "_zip_directory_cache")[archive]
        self._zip = os.open(archive, os.O_RDONLY | os.O_CLOEXEC)

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """The importlib protocol; `path` is not needed, the name says it all."""
        inner = name.replace(".", "/")
        for place, is_package in ((inner + ".pyc", False), (inner + "/__init__.pyc", True)):
            entry = self._files.get(place)
            if entry is not None:
                spec: Any = type(__spec__)  # importlib.machinery.ModuleSpec, without importing that
                found: ModuleSpec = spec(name, self, origin=entry[0], loader_state=(entry, place), is_package=is_package)
                return found
        return None

    def create_module(self, spec: ModuleSpec) -> None:
        """The importlib protocol: no special module object."""

    def exec_module(self, module: ModuleType) -> None:
        """The importlib protocol: run the module's code."""
        entry, place = getattr(module.__spec__, "loader_state")
        start = entry[4] + LOCAL_HEADER + len(place) + PYC_HEADER
        exec(marshal.loads(os.pread(self._zip, entry[2] - PYC_HEADER, start)), module.__dict__)


def run() -> None:
    """Run the application on sys.argv and end the process with its status."""
    sys.meta_path.insert(AFTER_BUILT_IN, Finder(__spec__.loader.archive))  # type: ignore
    status = _status()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (AttributeError, OSError):
        status = status or 1  # a stream was closed, or its reader went away before it had all
    # Not sys.exit(): to take the interpreter apart costs as much as a quarter of a run that finds nothing to do.
    os._exit(status)


def _status() -> int:
    try:
        from orchestrator.cli import main

        return main(sys.argv[1:])
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BaseException as error:
        if os.environ.get(DEBUG_ENV):
            sys.excepthook(type(error), error, error.__traceback__)
        print(
            f"kdump-karg: internal error: {type(error).__name__}: {error}; please report it ({DEBUG_ENV}=1 shows where)",
            file=sys.stderr,
        )
        return 1
