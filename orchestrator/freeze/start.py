# SPDX-License-Identifier: Apache-2.0
"""What the launcher imports, and the last code to run: the zip holds it as `kdump_karg_start`.

Here, and nowhere else, the cost of importing is dealt with. Every module names what it uses in import statements at its top, as
everywhere. In the frozen program such a statement gives a module that has not run yet: its code is read and run when a name of
it is asked for the first time (`from module import Name` asks at once). So a run pays only for the modules that it uses. Every import
of this module itself is paid for by every run, so there is none that the interpreter has not already made.
"""

from __future__ import annotations

import _collections_abc
import marshal
import os
import sys
import zipimport

TYPE_CHECKING = False  # what typing.TYPE_CHECKING is, without the cost of importing typing
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any
else:
    ModuleType = type(sys)

DEBUG_ENV = "KDUMP_KARG_DEBUG"
INTERRUPTED = 130  # what a shell reports for SIGINT
LOCAL_HEADER = 30  # bytes before the name in a zip's local file header (APPNOTE.TXT 4.3.7); our zips have no extra field
PYC_HEADER = 16  # bytes before the code in a .pyc file (PEP 552)
BYTE_CODE, PACKAGE = ".pyc", "/__init__.pyc"


class Late(ModuleType):
    """A module of the zip that has not run yet."""

    def __getattr__(self, name: str) -> Any:
        """A name that is not there yet: run the module's code, and look again."""
        if name == "__path__":  # the interpreter asks every module whether it is a package
            raise AttributeError(name)
        _execute(self)
        return getattr(self, name)


def _execute(module: Late) -> None:
    """Run the code of a module, which is an ordinary one from here on."""
    archive, start, size = module.__dict__.pop("_place")
    module.__class__ = ModuleType  # type: ignore[assignment]
    exec(marshal.loads(os.pread(archive, size, start)), module.__dict__)


def install(path: str) -> None:
    """Give every module of the zip at `path` its place among the interpreter's, but for those that it has run already."""
    archive = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    for place, entry in getattr(zipimport, "_zip_directory_cache")[path].items():
        inner = place.removesuffix(PACKAGE).removesuffix(BYTE_CODE)
        name = inner.replace(os.sep, ".")
        if name in sys.modules:
            continue
        module = Late(name)
        if place.endswith(PACKAGE):
            module.__path__ = []  # everything in it has its place already
            module.__package__ = name
        else:
            module.__package__ = name.rpartition(".")[0]
        start = entry[4] + LOCAL_HEADER + len(place) + PYC_HEADER
        module.__dict__["_place"] = (archive, start, entry[2] - PYC_HEADER)
        sys.modules[name] = module
    for name, module in [*sys.modules.items()]:
        parent, _, child = name.rpartition(".")
        if parent and type(module) is Late:
            setattr(sys.modules[parent], child, module)
    # As Lib/collections/__init__.py does it: the interpreter has the module already, and its package need not run.
    sys.modules["collections.abc"] = _collections_abc


def run() -> None:
    """Run the application on sys.argv and end the process with its status."""
    install(__spec__.loader.archive)  # type: ignore
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
