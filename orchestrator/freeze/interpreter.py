# SPDX-License-Identifier: Apache-2.0
"""The Python that the program is frozen with, and how it is run where it lies.

That of an unpacked suite is run by its own loader, with its own C library and standard library; that of a build root is
installed there (buildroot.py).
"""

from __future__ import annotations

import glob
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator.errors import Failure
from orchestrator.freeze import closure, elf, licences
from orchestrator.freeze.archive import Unpacked
from orchestrator.freeze.elf import Binary

RUN_TIMEOUT = 300.0  # seconds; a trace or a compilation takes a few


@dataclass(frozen=True)
class Interpreter:
    """A Python, and where all that belongs to it lies."""

    root: str  # where the system that it was built for begins
    version: str
    program: Binary
    stdlib: str  # the standard library's directory
    command: tuple[str, ...]  # runs it, in this environment
    environment: Mapping[str, str]
    licence: str  # the file with its licence
    origin: tuple[str, ...]  # what MANIFEST says of it, in lines
    places: tuple[str, ...] = ()  # where its loader looks for libraries, besides its own directories
    runs_from: str = ""  # the standard library that `command` imports, where that is a Python of another architecture (foreign.py)

    def own(self, path: str) -> str:
        """Its own file for one that was imported, which differs where another architecture's Python did the work.

        The application's files have none but themselves. The name of an extension module has the architecture in it.
        """
        if not self.runs_from or not path.startswith(f"{self.runs_from}/"):
            return path
        wanted = os.path.join(self.stdlib, os.path.relpath(path, self.runs_from))
        if wanted.endswith(".py"):
            found = [wanted] if os.path.exists(wanted) else []
        else:
            found = glob.glob(f"{glob.escape(wanted.partition('.cpython-')[0])}.cpython-*.so")
        if len(found) != 1:
            raise Failure(f"{self.stdlib} has no file for {path}; empty the --cache, and freeze again")
        return found[0]

    def run(self, arguments: Sequence[str], *, path: Sequence[str] = (), stdin: str = "") -> str:
        """Standard output of a run with `path` before the standard library; Failure with the last line of its
        error output."""
        command = [*self.command, "-sSB", "-Xutf8", *arguments]
        environment = {
            **self.environment,
            "PYTHONPATH": os.pathsep.join(path),
            "PYTHONHASHSEED": "0",  # the order of a frozenset constant in byte code depends on it
            "PYTHONSAFEPATH": "1",
            "PYTHONNODEBUGRANGES": "1",  # columns are for tracebacks that show source, and there is none
        }
        done = subprocess.run(
            command, env=environment, input=stdin, capture_output=True, text=True, timeout=RUN_TIMEOUT, check=False
        )
        if done.returncode:
            complaint = (done.stderr.strip().splitlines() or ["no message"])[-1]
            asked = " ".join(" ".join(arguments).split())
            raise Failure(f"Python {self.version} failed on `{asked}`: {complaint}; mend the application, then freeze again")
        return done.stdout


def interpreter(unpacked: Unpacked) -> Interpreter:
    """The Python of a suite; Failure where a library that it needs was not unpacked with it."""
    version = unpacked.suite.python
    root = unpacked.root
    program = elf.read(os.path.join(root, "usr/bin", f"python{version}"))
    files = {library.soname: library.file.path for library in closure.closure([program], root)}
    loader = files[os.path.basename(program.interpreter)]  # the C library asks for it by that name
    library_path = os.pathsep.join(sorted({os.path.dirname(file) for file in files.values()}))
    stdlib = os.path.join(root, "usr/lib", f"python{version}")
    return Interpreter(
        root=root,
        version=version,
        program=program,
        stdlib=stdlib,
        command=(loader, "--library-path", library_path, program.path),
        environment={"PYTHONHOME": os.path.join(root, "usr")},
        licence=licences.of_python(root, version, stdlib),
        origin=(f"suite {unpacked.suite.name}", *unpacked.packages),
    )
