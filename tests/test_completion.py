# SPDX-License-Identifier: Apache-2.0
"""completions/kdump-karg: an interactive bash on a terminal is asked, and the program says what may be offered."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator import cli
from orchestrator.errors import UsageError
from tests.helptext import COMMANDS, OPTIONS, RENDER

COMPLETION = Path(__file__).parent.parent / "completions/kdump-karg"
ALL = b"\x1b*"  # readline's insert-completions: every possible one is put into the line
PATIENCE_SECONDS = 60.0
VALUED = tuple(f"--{word}" for word in RENDER)  # the options of render
ENDS_A_RUN = ("--help", "--version")  # whatever else is on the line


class Bash:
    """An interactive bash on a pseudo-terminal, in which kdump-karg is a function that says how it was called."""

    def __init__(self, directory: Path, completion: Path, breaks: str = "") -> None:
        """Start it in a directory; `breaks`: what COMP_WORDBREAKS loses."""
        self.child, self.terminal = pty.fork()
        if self.child == 0:
            os.chdir(directory)
            environment = {"PATH": os.environ["PATH"], "TERM": "dumb", "PS1": "", "INPUTRC": "/dev/null", "HISTFILE": ""}
            os.execvpe("bash", ["bash", "--norc", "--noprofile", "-i"], environment)
        self.said = b""
        self.run("kdump-karg() { printf '\\nCALLED'; printf '<%s>' \"$@\"; printf 'END\\n'; }")
        self.run("ready() { printf '\\nREADY%sEND\\n' 1; }")
        self.run(f"COMP_WORDBREAKS=${{COMP_WORDBREAKS//[{breaks}]}}" if breaks else ":")
        self.run(f". '{completion}'; ready")
        self.wait(rb"\nREADY1END")

    def run(self, line: str) -> None:
        """Type a line."""
        os.write(self.terminal, line.encode() + b"\n")

    def wait(self, pattern: bytes) -> bytes:
        """What the terminal shows up to this pattern, which is its last group."""
        end = time.monotonic() + PATIENCE_SECONDS
        while not (found := re.search(pattern, self.said)):
            ready, _, _ = select.select([self.terminal], [], [], max(0.0, end - time.monotonic()))
            assert ready, f"bash has not answered: {self.said!r}"
            self.said += os.read(self.terminal, 4096)
        self.said = self.said[found.end() :]
        return found.group(1) if found.re.groups else b""

    def completed(self, line: str) -> list[str]:
        """The arguments of kdump-karg once all completions of the line's last word have been put in its place."""
        os.write(self.terminal, b"kdump-karg " + line.encode() + ALL + b"\n")
        return re.findall("<([^>]*)>", self.wait(rb"\nCALLED((?:<[^>]*>)+)END").decode())

    def close(self) -> None:
        """End it."""
        os.close(self.terminal)
        os.waitpid(self.child, 0)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A directory with two directories and a file."""
    for name in ("tree-a", "tree b"):
        (tmp_path / name).mkdir()
    (tmp_path / "tree-file").touch()
    return tmp_path


@pytest.fixture
def bash(directory: Path) -> Iterator[Bash]:
    """A bash in that directory."""
    started = Bash(directory, COMPLETION)
    yield started
    started.close()


def means_something(*argv: str) -> bool:
    """Does the program take these arguments?"""
    try:
        cli.parse(list(argv))
    except UsageError:
        return False
    return True


def may_follow(line: tuple[str, ...]) -> set[str]:
    """The words with which this beginning of a command line can still become one that the program takes."""
    found = set()
    for word in dict.fromkeys((*COMMANDS, *OPTIONS, *VALUED)):
        if word in line or (word in ENDS_A_RUN and line) or ("lint" in line and word in COMMANDS):
            continue  # said already; nobody asks for help when half a command stands there; and what follows lint is a file
        begun = (*line, word, "/") if word in (*cli.VALUES, *VALUED) else (*line, word)
        if means_something(*begun) or any(means_something(*begun, command) for command in COMMANDS):
            found.add(word)
    return found


BEGINNINGS = [
    (),
    *((command,) for command in COMMANDS),
    ("--json",),
    ("--yes",),
    ("test", "--yes"),
    ("--root", "/"),
    ("--json", "--root", "/"),
    ("--undo",),
    ("--json", "--undo"),
    ("plan", "--undo"),
    *((command, "--root", "/") for command in COMMANDS if command not in (*cli.ROOTLESS, "render")),
    ("--memory", "8G"),
    ("--json", "--arch", "x86_64"),
    ("lint", "--json", "--kernel", "7.2"),
    ("render", "--crashkernel", "1G"),
    ("render", "--key=x", "--known-hosts", "y"),
    ("plan", "--json"),
    ("--json", "status"),
    ("--root", "/", "report"),
]


def test_what_is_offered_is_what_the_program_takes(bash: Bash) -> None:
    for line in BEGINNINGS:
        offered = bash.completed("".join(f"{word} " for word in line))[len(line) :]
        files = [word for word in offered if word.startswith("tree")]
        assert bool(files) is ("lint" in line), line
        offered = [word for word in offered if word not in files]
        assert sorted(offered) == sorted(may_follow(line)), line


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("pl", ["plan"]),
        ("st", ["status"]),
        ("rep", ["report"]),
        ("status --j", ["status", "--json"]),
        ("--ver", ["--version"]),
        ("status --root ", ["status", "--root", "tree b", "tree-a"]),
        ("status --root tree-", ["status", "--root", "tree-a"]),
        ("--root tree-a pl", ["--root", "tree-a", "plan"]),
        ("--root=tree-a --json st", ["--root=tree-a", "--json", "status"]),
        ("nonsense", ["nonsense"]),
        ("lint tree-f", ["lint", "tree-file"]),
        ("lint tree-file tree-a", ["lint", "tree-file", "tree-a"]),
        ("lint --format s", ["lint", "--format", "sarif"]),
        ("lint --format=g", ["lint", "--format=github"]),
        ("lint --arch ", ["lint", "--arch", "aarch64", "ppc64le", "riscv64", "s390x", "x86_64"]),
        ("--memory 8G li", ["--memory", "8G", "lint"]),
        ("ren", ["render"]),
        ("render --kn", ["render", "--known-hosts"]),
        ("render --format ", ["render", "--format", "butane", "ignition", "machineconfig"]),
        ("render --distribution su", ["render", "--distribution", "suse"]),
        ("render --from tree-", ["render", "--from", "tree-a", "tree-file"]),
        ("render --crashkernel ", ["render", "--crashkernel"]),
        ("render --format=ig", ["render", "--format=ig"]),
    ],
)
def test_a_word_is_completed(bash: Bash, line: str, expected: list[str]) -> None:
    found = bash.completed(line)
    assert [word.rstrip("/") for word in found] == expected


@pytest.mark.parametrize("breaks", ["", "="], ids=["broken at =", "whole"])
@pytest.mark.parametrize("typed", ["", "tree-"])
def test_a_directory_after_an_equals_sign(directory: Path, breaks: str, typed: str) -> None:
    (directory / "tree b").rmdir()
    bash = Bash(directory, COMPLETION, breaks)
    found = bash.completed(f"status --root={typed}")
    bash.close()
    assert [word.rstrip("/") for word in found] == ["status", "--root=tree-a"]


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_shellcheck_has_nothing_to_say() -> None:
    subprocess.run(["shellcheck", str(COMPLETION)], check=True)
