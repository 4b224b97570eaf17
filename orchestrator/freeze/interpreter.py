# SPDX-License-Identifier: Apache-2.0
"""The Python of an unpacked suite, run where it lies: by its own loader, with its own C library and standard library."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.errors import Failure
from orchestrator.freeze import closure, elf
from orchestrator.freeze.archive import Unpacked
from orchestrator.freeze.closure import Library
from orchestrator.freeze.elf import Binary

RUN_TIMEOUT = 300.0  # seconds; a trace or a compilation takes a few


@dataclass(frozen=True)
class Interpreter:
    """A Python that is not installed."""

    root: str
    version: str
    program: Binary
    libraries: tuple[Library, ...]

    @property
    def stdlib(self) -> str:
        """Its standard library's directory."""
        return os.path.join(self.root, "usr/lib", f"python{self.version}")

    def run(self, arguments: Sequence[str], *, path: Sequence[str] = (), stdin: str = "") -> str:
        """Standard output of a run with `path` before the standard library; Failure with the last line of its
        error output."""
        files = {library.soname: library.file.path for library in self.libraries}
        loader = files[os.path.basename(self.program.interpreter)]  # the C library asks for it by that name
        library_path = os.pathsep.join(sorted({os.path.dirname(file) for file in files.values()}))
        command = [loader, "--library-path", library_path, self.program.path, "-sSB", "-Xutf8", *arguments]
        environment = {
            "PYTHONHOME": os.path.join(self.root, "usr"),
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
    program = elf.read(os.path.join(unpacked.root, "usr/bin", f"python{version}"))
    return Interpreter(unpacked.root, version, program, closure.closure([program], unpacked.root))
