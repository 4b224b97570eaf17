# SPDX-License-Identifier: Apache-2.0
"""The command line front end: the only place that knows `/`, maps what happened to an exit status, and prints.

Written without argparse: importing that costs as much as a whole run of `apply` with nothing to do.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

from orchestrator import __version__, commands, log, run
from orchestrator.errors import Failure, KdumpKargError, Refusal, UsageError
from orchestrator.system import private_mounts
from orchestrator.system.target import Target

HELP = """\
usage: kdump-karg COMMAND [--root DIR] [--json] [--undo] [--yes]
       kdump-karg kargs [--root DIR] [--should-exist ARG]... [--should-not-exist ARG]...

Reserve memory for kdump on the first boot of an ostree + Ignition system.

commands:
  plan      show what would be done and why, as a diff; writes nothing
  apply     do it; in the initramfs: decide, and hand the change over to `write` (kdump-karg.service)
  undo      take back exactly what kdump-karg wrote into the booted deployment's entry, and nothing else
  write     write what apply has handed over, at the end of the initramfs (kdump-karg-write.service)
  status    show the chain from the config to the capture kernel, and the first broken link
  report    write the status to the journal and the login console where a report is due
  test      crash this machine on purpose, to prove that a dump succeeds; without --yes: say what would be proven
  kargs     what Ignition's kargs stage calls: bring the entry to its kernelArguments, and have this boot end in a reboot

options:
  --root DIR   look everything up below DIR, a captured tree; mount nothing
  --json       print JSON (plan, status)
  --undo       show what `undo` would do (plan)
  --yes        do crash the machine (test)
  --should-exist ARG      a kernel argument that is to be there (kargs)
  --should-not-exist ARG  a kernel argument that is not to be there (kargs)
  --help       print this help
  --version    print the version

exit status: 0 done, armed or nothing to do, 1 failed, 2 usage, 3 refused, 4 kdump wanted but not armed (status, report)
"""
COMMANDS = ("plan", "apply", "undo", "write", "status", "report", "test", "kargs")
ASKS = ("--should-exist", "--should-not-exist")  # of kargs, each with an argument after it
# The commands that each flag goes with.
FLAGS = {"--json": ("plan", "status"), "--undo": ("plan",), "--yes": ("test",)}
WRITERS = ("apply", "undo")  # that a person may run on the system in use


@dataclass(frozen=True)
class Arguments:
    """What the user typed. `root` is None for the running system; `flags` are those of FLAGS that were given.

    `asks`: the arguments of kargs as they came.
    """

    command: str
    root: str | None = None
    flags: frozenset[str] = frozenset()
    asks: tuple[str, ...] = ()

    @property
    def json(self) -> bool:
        """Is JSON to be printed?"""
        return "--json" in self.flags


def parse(argv: list[str]) -> Arguments:
    """The arguments in any order. UsageError for anything not in HELP."""
    command, root = "", None
    flags: set[str] = set()
    asks: list[str] = []
    words = iter(argv)
    for word in words:
        if word in ASKS and command == "kargs":
            argument = next(words, None)
            asks += [word] if argument is None else [word, argument]
        elif word in ("-h", "--help", "--version"):
            return Arguments(word)
        elif word in FLAGS:
            flags.add(word)
        elif word == "--root" or word.startswith("--root="):
            root = word.partition("=")[2] or next(words, "")
        elif word.startswith("-"):
            raise UsageError(f"unknown option {word}; see kdump-karg --help")
        elif command:
            raise UsageError(f"one command at a time, not {command} and {word}; see kdump-karg --help")
        else:
            command = word
    return _checked(Arguments(command, root, frozenset(flags), tuple(asks)))


def _checked(arguments: Arguments) -> Arguments:
    """Refuse combinations that mean nothing."""
    if arguments.command not in COMMANDS:
        raise UsageError(f"{arguments.command or 'no command'!r} is not one of {', '.join(COMMANDS)}; see kdump-karg --help")
    for flag in sorted(arguments.flags):
        if arguments.command not in FLAGS[flag]:
            raise UsageError(f"{arguments.command} has no {flag}; it goes with {' and '.join(FLAGS[flag])}")
    if arguments.command == "write" and arguments.root is not None:
        raise UsageError("write has no --root; on a captured tree apply writes at once")
    if arguments.command == "test" and arguments.root is not None:
        raise UsageError("test has no --root; a captured tree cannot be crashed")
    if arguments.root is not None and not os.path.isdir(arguments.root):
        raise UsageError(f"--root {arguments.root!r} is not a directory; name the top of a captured tree")
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
        return commands.kargs(target, list(arguments.asks))
    return commands.report(target)


def _see_to_privileges(command: str, target: Target) -> None:
    """Refuse a user who cannot write /boot. In a real root, go on in a mount namespace where no other process sees that."""
    if os.geteuid() != 0:
        raise Refusal(f"{command} changes /boot, which only root may; run it as root (kdump-karg plan shows what it would do)")
    if not run.in_initramfs(target):
        private_mounts.run_again()


def _print_help(option: str) -> int:
    """--help or --version."""
    sys.stdout.write(f"kdump-karg {__version__}\n" if option == "--version" else HELP)
    return 0


def entry() -> None:
    """What an installed `kdump-karg` script calls."""
    sys.exit(main(sys.argv[1:]))
