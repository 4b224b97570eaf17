# SPDX-License-Identifier: Apache-2.0
"""The command line front end: the only place that knows `/`, maps what happened to an exit status, and prints.

Written without argparse: importing that costs as much as a whole run of `apply` with nothing to do.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

from orchestrator import __version__, commands, log, offline, run, usage
from orchestrator.errors import Failure, KdumpKargError, Refusal, UsageError
from orchestrator.render import words as render_words
from orchestrator.system import private_mounts
from orchestrator.system.target import Target

COMMANDS = ("plan", "apply", "undo", "write", "status", "report", "test", "lint", "render", "kargs")
# The commands that each flag goes with, and each option with a value but --root.
FLAGS = {"--json": ("plan", "status", "lint"), "--undo": ("plan",), "--yes": ("test",)}
FOR_LINT = dict.fromkeys(("--memory", "--arch", "--kernel", "--format"), ("lint",))
VALUES = ("--root", *FOR_LINT)
ASKS = ("--should-exist", "--should-not-exist")  # of kargs, each with an argument after it
# The commands that have no --root, and why.
ROOTLESS = {
    "write": "on a captured tree apply writes at once",
    "test": "a captured tree cannot be crashed",
    "lint": "it looks at the files that it is given",
}
RENDER = "render"
WRITERS = ("apply", "undo")  # that a person may run on the system in use


@dataclass(frozen=True)
class Arguments:
    """What the user typed. `root` is None for the running system; `flags` are those of FLAGS that were given.

    `values`: the options of FOR_LINT with what follows them. `rest`: the files of lint, the options of render, what is asked of
    kargs, each as it came.
    """

    command: str
    root: str | None = None
    flags: frozenset[str] = frozenset()
    values: tuple[tuple[str, str], ...] = ()
    rest: tuple[str, ...] = ()

    @property
    def json(self) -> bool:
        """Is JSON to be printed?"""
        return "--json" in self.flags


def parse(argv: list[str]) -> Arguments:
    """The arguments in any order. UsageError for anything not in usage.HELP."""
    if argv[:1] == [RENDER] and argv[1:2] not in (["-h"], ["--help"]):
        render_words.of_options(argv[1:])
        return Arguments(RENDER, rest=tuple(argv[1:]))
    plain: list[str] = []
    flags: set[str] = set()
    values: dict[str, str] = {}
    asks: list[str] = []
    words = iter(argv)
    for word in words:
        name, equals, value = word.partition("=")
        if word in ASKS and plain == ["kargs"]:
            argument = next(words, None)
            asks += [word] if argument is None else [word, argument]
        elif word in ("-h", "--help", "--version"):
            return Arguments(word)
        elif word in FLAGS:
            flags.add(word)
        elif name in VALUES:
            values[name] = value if equals else next(words, "")
        elif word == "--" and plain[:1] == ["lint"]:
            plain += words  # files, whatever they begin with
        elif word.startswith("-"):
            raise UsageError(f"unknown option {word}; see kdump-karg --help")
        else:
            plain.append(word)
    command, *files = plain or [""]
    if files and command != "lint":
        raise UsageError(f"one command at a time, not {command} and {files[0]}; see kdump-karg --help")
    root = values.pop("--root", None)
    return _checked(Arguments(command, root, frozenset(flags), tuple(values.items()), tuple(files or asks)))


def _checked(arguments: Arguments) -> Arguments:
    """Refuse combinations that mean nothing."""
    command, root = arguments.command, arguments.root
    if command == RENDER:
        raise UsageError("render comes first, its own options after it; see kdump-karg --help")
    if command not in COMMANDS:
        raise UsageError(f"{command or 'no command'!r} is not one of {', '.join(COMMANDS)}; see kdump-karg --help")
    allowed = {**FLAGS, **FOR_LINT}
    for option in sorted({*arguments.flags, *dict(arguments.values)}):
        if command not in allowed[option]:
            raise UsageError(f"{command} has no {option}; it goes with {' and '.join(allowed[option])}")
    if command in ROOTLESS and root is not None:
        raise UsageError(f"{command} has no --root; {ROOTLESS[command]}")
    if root is not None and not os.path.isdir(root):
        raise UsageError(f"--root {root!r} is not a directory; name the top of a captured tree")
    return arguments


def main(argv: list[str]) -> int:
    """Run one command; its exit status. Every error is one line on stderr."""
    try:
        arguments = parse(argv)
        return _dispatch(arguments)
    except KdumpKargError as error:
        log.say(log.ERROR, str(error))
        return error.exit_status
    except OSError as error:
        log.say(log.ERROR, f"{error.filename or 'the system'}: {error.strerror or error}; no file is left half written")
        return Failure.exit_status
    except Exception as error:  # a bug of ours: still one line, unless somebody is looking for it
        if log.is_verbose():
            raise
        log.say(log.ERROR, f"internal error: {type(error).__name__}: {error}; boot with rd.kdump_karg.debug to see where")
        return Failure.exit_status


def _dispatch(arguments: Arguments) -> int:
    """The command's own function."""
    if arguments.command.startswith("-"):
        return _print_help(arguments.command)
    if arguments.command == "lint":
        return offline.lint(arguments.rest, dict(arguments.values), json=arguments.json)
    if arguments.command == RENDER:
        return offline.render(arguments.rest)
    target = Target("" if arguments.root is None else os.path.abspath(arguments.root), arguments.root is None)
    if arguments.command in WRITERS and target.live:
        _see_to_privileges(arguments.command, target)
    if arguments.command == "plan":
        return commands.plan(target, arguments.json, undo="--undo" in arguments.flags)
    if arguments.command == "undo":
        return commands.undo(target)
    if arguments.command == "apply":
        return commands.apply(target)
    if arguments.command == "write":
        return commands.write(target)
    if arguments.command == "status":
        return commands.status(target, arguments.json)
    if arguments.command == "test":
        return commands.test(target, "--yes" in arguments.flags)
    if arguments.command == "kargs":
        return commands.kargs(target, list(arguments.rest))
    return commands.report(target)


def _see_to_privileges(command: str, target: Target) -> None:
    """Refuse a user who cannot write /boot. In a real root, go on in a mount namespace where no other process sees that."""
    if os.geteuid() != 0:
        raise Refusal(f"{command} changes /boot, which only root may; run it as root (kdump-karg plan shows what it would do)")
    if not run.in_initramfs(target):
        private_mounts.run_again()


def _print_help(option: str) -> int:
    """--help or --version."""
    sys.stdout.write(f"kdump-karg {__version__}\n" if option == "--version" else usage.HELP)
    return 0


def entry() -> None:
    """What an installed `kdump-karg` script calls."""
    sys.exit(main(sys.argv[1:]))
