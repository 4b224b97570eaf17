# SPDX-License-Identifier: Apache-2.0
"""The only module that starts other programs, but for the emulator itself."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

#: Where these packages are imported from.
VM_TESTS = Path(__file__).resolve().parent.parent

#: An argument of a program.
Word = str | Path


class CommandError(RuntimeError):
    """A program failed; the message carries the end of what it said."""


def run(
    argv: Sequence[Word],
    *,
    stdin: bytes | None = None,
    environment: Mapping[str, str] | None = None,
) -> bytes:
    """Run a program and return its standard output."""
    words = [str(word) for word in argv]
    done = subprocess.run(
        words,
        input=b"" if stdin is None else stdin,
        env={**os.environ, "LC_ALL": "C.UTF-8", **(environment or {})},
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        said = (done.stderr or done.stdout).decode(errors="replace").strip()
        raise CommandError(f"{shlex.join(words)}: exit status {done.returncode}\n{said[-3000:]}")
    return done.stdout


def run_in_tree(
    tree: Path, argv: Sequence[str], environment: Mapping[str, str] | None = None
) -> bytes:
    """Run a program inside `tree`, with a /proc that only it sees and that goes away with it."""
    isolate = [
        "unshare", "--mount", "--pid", "--fork", "--kill-child",
        f"--root={tree}", "--mount-proc=/proc",
    ]  # fmt: skip
    path = {"PATH": "/usr/sbin:/usr/bin", "TMPDIR": "/var/tmp"}
    return run([*isolate, *argv], environment={**path, **(environment or {})})


def run_module(module: str, arguments: Sequence[Word], stdin: bytes | None = None) -> bytes:
    """Run a module of these packages as a program, in a mount namespace of its own."""
    program = ["unshare", "--mount", sys.executable, "-m", module]
    return run([*program, *arguments], stdin=stdin, environment={"PYTHONPATH": str(VM_TESTS)})


def remove_tree(tree: Path) -> None:
    """Delete `tree` and nothing that is mounted below it."""
    run(["rm", "-rf", "--one-file-system", tree])
