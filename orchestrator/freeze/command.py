# SPDX-License-Identifier: Apache-2.0
"""The command line of the build: `--output DIR` freezes, `install` puts what was frozen into a root."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from orchestrator.errors import KdumpKargError
from orchestrator.freeze import archive, install, tree

DEFAULT_SUITE = "bookworm"
CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def main(argv: Sequence[str]) -> int:
    """Do what `argv` asks; the exit status is that of the application: 0 done, 1 failed, 2 usage, 3 refused."""
    options = _parser().parse_args(argv)
    try:
        if options.command == "install":
            _install(options)
        else:
            _freeze(options)
    except KdumpKargError as error:
        print(f"freeze: {error}", file=sys.stderr)
        return error.exit_status
    return 0


def _freeze(options: argparse.Namespace) -> None:
    unpacked = archive.unpack(archive.suite(options.suite), options.cache, os.environ)
    tree.freeze(unpacked, os.path.abspath(options.output), os.path.abspath(options.package_root))


def _install(options: argparse.Namespace) -> None:
    for path in install.install(options.frozen, options.target):
        print(path)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python3 -m orchestrator.freeze", description=__doc__)
    parser.add_argument("--output", default="build/frozen", help="the frozen root to make (%(default)s)")
    parser.add_argument("--suite", default=DEFAULT_SUITE, choices=archive.SUITES, help="whose Python (%(default)s)")
    parser.add_argument("--cache", default="build/cache", help="where packages are kept (%(default)s)")
    parser.add_argument("--package-root", default=CHECKOUT, help="the directory that holds the package orchestrator")
    commands = parser.add_subparsers(dest="command")
    installer = commands.add_parser("install", help="put a frozen root's files into another root")
    installer.add_argument("--frozen", default="build/frozen", help="the frozen root (%(default)s)")
    installer.add_argument("--target", required=True, help="the root to install into, or an empty staging directory")
    return parser
