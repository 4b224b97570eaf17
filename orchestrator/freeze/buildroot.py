# SPDX-License-Identifier: Apache-2.0
"""The Python of a build root: one that is installed there, linked with its libpython or not, and that needs no network."""

from __future__ import annotations

import os
import subprocess

from orchestrator.errors import Failure
from orchestrator.freeze import elf, licences
from orchestrator.freeze.interpreter import Interpreter

OLDEST = (3, 11)  # the first whose module path a file beside the executable can be on any system (Modules/getpath.py: ._pth)
TIMEOUT = 60.0  # seconds
# Asked of the Python itself. In a virtual environment sys.executable is a link of its own, and sys._base_executable the
# Python that it was made from. os is frozen into the executable, and names the standard library's directory all the same.
QUESTION = """
import os, sys
print(sys.implementation.name, *sys.version_info[:3])
print(os.path.realpath(getattr(sys, "_base_executable", sys.executable)))
print(os.path.dirname(os.__file__))
print(os.path.join(sys.base_exec_prefix, sys.platlibdir))
print(os.path.join(sys.base_exec_prefix, "lib"))
"""
SEARCH = "LD_LIBRARY_PATH"


def interpreter(program: str) -> Interpreter:
    """The Python that `program` starts: a path, or a name to look for in $PATH. Failure where it is none that will do."""
    implementation, *places = _asked(program)
    kind, *version = implementation.split()
    if kind != "cpython" or tuple(map(int, version)) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise Failure(f"{program} is {kind} {'.'.join(version)}; name a CPython of version {oldest} or newer")
    executable, stdlib, *libraries = places
    short = ".".join(version[:2])
    return Interpreter(
        root="/",
        version=short,
        program=elf.read(executable),
        stdlib=stdlib,
        command=(executable,),
        environment=_environment(),
        licence=licences.of_python("/", short, stdlib),
        origin=(f"python {'.'.join(version)}",),
        places=(*filter(None, os.environ.get(SEARCH, "").split(os.pathsep)), *libraries),
    )


def _asked(program: str) -> list[str]:
    """The lines of the answer."""
    argv = [program, "-sSB", "-c", QUESTION]
    try:
        done = subprocess.run(argv, env=_environment(), capture_output=True, text=True, timeout=TIMEOUT, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise Failure(f"{program} does not run as a Python ({error}); name one, such as /usr/bin/python3") from error
    return done.stdout.splitlines()


def _environment() -> dict[str, str]:
    """What a Python may need to start, and nothing that changes what it does."""
    found = {name: os.environ[name] for name in ("PATH", SEARCH) if name in os.environ}
    return {**found, "PYTHONSAFEPATH": "1"}
