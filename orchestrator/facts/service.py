# SPDX-License-Identifier: Apache-2.0
"""A service as systemd will find it in the provisioned root: its file, what masks it, the programs that it starts."""

from __future__ import annotations

import os
from dataclasses import dataclass

from orchestrator.errors import Refusal
from orchestrator.facts import unit
from orchestrator.system import tree

# systemd.unit(5), "Unit File Search Path", without /run, which is empty again when the real root starts.
UNIT_DIRS = (unit.UNIT_DIR, "usr/local/lib/systemd/system", unit.VENDOR_UNIT_DIR, "lib/systemd/system")
SETTING = "ExecStart"
PREFIXES = "@-:+!|"  # systemd.service(5), "Special executable prefixes"
UNKNOWN = "%$\\\"'"  # what only systemd can expand
# What lies elsewhere may be on a file system that Ignition has unmounted again when this is read: /var, and what links into it.
IMAGE_DIRS = ("bin", "etc", "lib", "lib64", "sbin", "usr")


@dataclass(frozen=True)
class Service:
    """`enabled`: by anything. `masked_by`: the file that masks it. `file`: its unit file, "" without one or where it is masked.

    `programs` are the absolute paths that it starts and cannot do without, `missing` those of them that are not in the image.
    """

    name: str
    enabled: bool = False
    masked_by: str = ""
    file: str = ""
    programs: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


def read(root: str, name: str, *, asked: bool = False) -> Service:
    """The service of that name below the provisioned root; `asked`: the rendered config enables it."""
    enabled = asked or unit.is_enabled(root, name)
    path = _file(root, name)
    if not path:
        return Service(name, enabled)
    if _masks(root, path):
        return Service(name, enabled, masked_by=path)
    found = programs(_text(root, path), *_drop_ins(root, name))
    return Service(name, enabled, "", path, found, tuple(program for program in found if is_missing(root, program)))


def _file(root: str, name: str) -> str:
    """The unit file that counts: that of the first directory, where a link that leads nowhere is no file."""
    return next((path for directory in UNIT_DIRS if is_there(root, path := f"{directory}/{name}")), "")


def _masks(root: str, path: str) -> bool:
    """A link to /dev/null or an empty file masks the unit of its name (systemd.unit(5))."""
    if tree.resolve(root, path) == f"{root}/dev/null":
        return True
    try:
        return os.stat(tree.resolve(root, path)).st_size == 0
    except OSError:
        return False


def is_there(root: str, path: str) -> bool:
    """Is there a file under this name, links followed inside the root? What cannot be looked up may be there."""
    place = tree.resolve(root, path)
    if place == f"{root}/dev/null":
        return True  # there is no /dev in the provisioned root
    try:
        os.stat(place)
    except OSError as error:
        return error.errno not in tree.ABSENT
    return True


def is_missing(root: str, program: str) -> bool:
    """Is the program known not to be in the image? False where it may be on another file system."""
    place = tree.resolve(root, program).removeprefix(f"{root}/")
    return place.split("/", 1)[0] in IMAGE_DIRS and not is_there(root, program)


def _drop_ins(root: str, name: str) -> list[str]:
    """The texts of the unit's drop-ins in the order in which they count: by name; a file in an earlier directory
    hides one of the same name."""
    found = {
        file: f"{directory}/{name}.d/{file}"
        for directory in reversed(UNIT_DIRS)
        for file in tree.names(root, f"{directory}/{name}.d")
        if file.endswith(".conf")
    }
    return [_text(root, found[file]) for file in sorted(found)]


def _text(root: str, path: str) -> str:
    """A file's text; nothing where it cannot be read; then the unit is not judged."""
    try:
        content = tree.read_bytes(root, path)
    except Refusal:
        return ""
    return (content or b"").decode("utf-8", "surrogateescape")


def programs(*texts: str) -> tuple[str, ...]:
    """The programs of every ExecStart= in force, from a unit's text and those of its drop-ins (systemd.service(5)).

    An empty ExecStart= takes back those before it. One that may fail (`-`) counts only where there is no other, and one whose
    path is not absolute or is to be expanded not at all.
    """
    commands = _commands("\n".join(texts).replace("\\\n", " "))
    needed = [command for command in commands if "-" not in _prefix(command)] or commands
    paths = ((command[len(_prefix(command)) :].split(maxsplit=1) or [""])[0] for command in needed)
    return tuple(path for path in paths if path.startswith("/") and not any(char in path for char in UNKNOWN))


def _commands(text: str) -> list[str]:
    """The value of every ExecStart= in force, in a text in which no line goes on in the next."""
    commands: list[str] = []
    for line in text.split("\n"):
        key, equals, command = line.partition("=")
        if key.strip() == SETTING and equals:
            commands.append(command.strip())
            if not command.strip():
                commands.clear()
    return commands


def _prefix(command: str) -> str:
    """The characters in front of the path."""
    return command[: len(command) - len(command.lstrip(PREFIXES))]
