# SPDX-License-Identifier: Apache-2.0
"""Freeze the program (`--output DIR`), or `install` what was frozen into a root."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from orchestrator.errors import KdumpKargError, UsageError

try:
    from orchestrator.freeze import archive, buildroot, foreign, install, interpreter, tree
    from orchestrator.freeze.interpreter import Interpreter
except ModuleNotFoundError as error:
    sys.exit(f"freeze: there is no Python module {error.name}; use `make freeze`, or install this project's extra `build`")


def main(argv: Sequence[str]) -> int:
    """Do what `argv` asks; the exit status is that of the application: 0 done, 1 failed, 2 usage, 3 refused."""
    options = _parser().parse_args(argv)
    try:
        if options.command == "install":
            _install(options.frozen, options.target)
        else:
            tree.freeze(_interpreter(options), os.path.abspath(options.output))
    except KdumpKargError as error:
        print(f"freeze: {error}", file=sys.stderr)
        return error.exit_status
    return 0


def _interpreter(options: argparse.Namespace) -> Interpreter:
    """The build root's Python where one is named, which takes no network; else one from Debian's archive."""
    if options.python:
        if options.architecture:
            raise UsageError("--python is this machine's own and has no other --architecture; leave one of them out")
        return buildroot.interpreter(options.python)
    suite = archive.SUITES[options.suite]
    here = interpreter.interpreter(archive.unpack(suite, options.cache, os.environ))
    if options.architecture in ("", archive.own_architecture()):
        return here
    return foreign.interpreter(archive.unpack(suite, options.cache, os.environ, options.architecture), here)


def _install(frozen: str, target: str) -> None:
    installed = install.install(frozen, target)
    print("\n".join(installed.paths))
    if installed.unseen:
        print(f"freeze: {target} has no C library; an image needs {', '.join(installed.unseen)}", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python3 -m orchestrator.freeze", description=__doc__)
    parser.add_argument("--output", default="build/frozen", help="the frozen root to make (%(default)s)")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--suite", default="bookworm", choices=archive.SUITES, help="whose Python (%(default)s)")
    source.add_argument("--python", metavar="PROGRAM", help="this machine's Python instead, without network; of 3.11 or newer")
    parser.add_argument("--architecture", default="", help="Debian's name of the program's (this machine's own), such as arm64")
    parser.add_argument("--cache", default="build/cache", help="where packages are kept (%(default)s)")
    installer = parser.add_subparsers(dest="command").add_parser("install", help="put a frozen program into another root")
    installer.add_argument("--frozen", default="build/frozen", help="the frozen root (%(default)s)")
    installer.add_argument("--target", required=True, help="an image's root, or a package's staging directory")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
