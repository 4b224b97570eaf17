# SPDX-License-Identifier: Apache-2.0
"""What the launcher imports, and the last code to run: the zip holds it as `kdump_karg_start`.

Here, and nowhere else, the cost of importing is dealt with. Every module names what it uses in import statements at its top, as
everywhere. In the frozen program such a statement gives a module that has not run yet: its code is read and run when a name of
it is asked for the first time (`from module import Name` asks at once). So a run pays only for the modules that it uses. Every
import of this module itself is paid for by every run, so there is none that the interpreter has not already made.
"""

from __future__ import annotations

import _collections_abc
import _imp
import gc
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
MODULES, TABLE = "modules", "modules.table"  # in the zip: all code; extension modules beside the zip, {name: (is a package, offset, size)}
INIT = "/__init__"


class Late(ModuleType):
    """A module of the zip, or an extension module beside it, that has not run yet."""

    def __getattr__(self, name: str) -> Any:
        """A name that is not there yet: run the module's code, and look again."""
        if name == "__path__":  # the interpreter asks every module whether it is a package
            raise AttributeError(name)
        _execute(self)
        return getattr(self, name)


def _execute(module: Late) -> None:
    """Run the code of a module, which is an ordinary one from here on; of an extension module it takes over all names."""
    place = module.__dict__.pop("_place")
    module.__class__ = ModuleType  # type: ignore[assignment]
    if isinstance(place, str):
        made = _imp.create_dynamic(type(__spec__)(module.__name__, None, origin=place))
        _imp.exec_dynamic(made)
        module.__dict__.update(made.__dict__)
    else:
        archive, start, size = place
        exec(marshal.loads(os.pread(archive, size, start)), module.__dict__)


def install(path: str) -> None:
    """Give every module in the zip at `path` its place among the interpreter's, but for those that it has run already."""
    archive = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    start, _ = _member(path, MODULES)
    table, size = _member(path, TABLE)
    known = sys.modules
    extensions, places = marshal.loads(os.pread(archive, size, table))
    for name in extensions:
        if name in known:
            continue
        known[name] = module = Late(name)
        module.__dict__["_place"] = f"{os.path.dirname(path)}/{name}.so"
    for name, (is_package, offset, length) in places.items():
        if name in known:
            continue
        known[name] = module = Late(name)
        parent, _, child = name.rpartition(".")
        within = module.__dict__
        within["_place"] = (archive, start + offset, length)
        within["__package__"] = name if is_package else parent
        if is_package:
            within["__path__"] = []  # everything in it has its place already
        if parent:  # a package comes before what is in it
            known[parent].__dict__[child] = module
    # As Lib/collections/__init__.py does it: the interpreter has the module already, and its package need not run.
    known["collections.abc"] = _collections_abc


def _member(path: str, name: str) -> tuple[int, int]:
    """Where the content of a stored file of the zip starts, and its size; zipimport has read the directory."""
    entry = getattr(zipimport, "_zip_directory_cache")[path][name]
    return entry[4] + LOCAL_HEADER + len(name), entry[2]


def run() -> None:
    """Run the application on sys.argv and end the process with its status."""
    gc.disable()  # a run ends before it has made enough garbage to look for
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
