# SPDX-License-Identifier: Apache-2.0
"""The pages for people agree with each other, with the Makefile and with what the program prints."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from orchestrator.facts import proof_record
from orchestrator.facts.proof_record import Proof
from orchestrator.facts.proof_subject import Subject
from tests.conftest import Make
from tests.facts.test_deployments import deployed
from tests.sample import LATER_LINE, NO_WISH, OPTIONS, Sample
from tests.write.test_enabling import ASKED as ENABLING

CHECKOUT = Path(__file__).parent.parent
README = CHECKOUT / "README.md"
PAGES = sorted([README, *(CHECKOUT / "docs").glob("*.md"), CHECKOUT / "vm-tests/README.md"])
OPERATOR = CHECKOUT / "docs/operator.md"
FIELDS = CHECKOUT / "docs/json.md"
MOST_LINES, MOST_COLUMNS = 150, 128  # of README.md
FENCE = "```"
LINK = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`]+)`")
# A file of this project, named in a page or in a comment. NAME and STAGE stand for something.
FILE = re.compile(r"\b(?:orchestrator|tests|vm-tests|docs)/[\w/.-]*\w\.(?:py|md|txt|lock)\b")
STANDS_FOR = ("NAME", "STAGE")
TARGET = re.compile(r"(?:^|[\s;&(])make(?: -\S+| [A-Z_]+=\S+)* ([a-z][a-z0-9-]*)")
TYPES: dict[type, str] = {bool: "boolean", int: "integer", str: "string", list: "list", dict: "object", type(None): "null"}

PROVEN = Proof(True, "whole", 1, "", Subject(release="another"), "/var/crash/202601010000/dump.202601010000")
KDUMP_TOOLS = {"sysroot/usr/sbin/kdump-config": ""}
ARMED: dict[str, Any] = {
    "cmdline": f"{LATER_LINE} root=UUID=1 crashkernel=16M\n",
    "options": f"{OPTIONS} crashkernel=16M",
    "crash_size": f"{16 << 20}\n",  # less than is needed, for a warning
    "crash_loaded": "1\n",
    "extra": {
        **KDUMP_TOOLS,
        "sysroot/etc/default/kdump-tools": "KDUMP_CMDLINE=\n",
        "sysroot/var/lib/kdump/initrd.img": bytes(1 << 20),
        "sysroot/var/crash/kexec_cmd": f'/sbin/kexec -p --command-line="{LATER_LINE} root=UUID=1" /vmlinuz\n',
        "sysroot/var/crash/202601010000/dump.202601010000": "",
        f"sysroot/{proof_record.PROOF}": proof_record.encode(PROVEN),
    },
}
FIRST, SECOND = (f"/ostree/deploy/debian/deploy/{digit * 64}.0" for digit in "ab")
NEXT: dict[str, Any] = {
    **ARMED,
    "cmdline": f"ostree={FIRST} root=UUID=1 crashkernel=16M\n",
    "options": f"ostree={FIRST} root=UUID=1 crashkernel=16M",
    "extra": {
        **ARMED["extra"],
        f"sysroot{FIRST}/usr/lib/os-release": "",
        f"sysroot{SECOND}/usr/lib/modules/7.3/vmlinuz": "",
        f"sysroot{SECOND}/usr/lib/modules/7.3/initramfs.img": bytes(1 << 20),
        "boot/loader.1/entries/ostree-2.conf": f"version 2\noptions ostree={SECOND} crashkernel=16M\n",
    },
}
BUILT: dict[str, Any] = {
    "extra": {"sysroot/usr/bin/kdumpctl": "", "proc/sys/kernel/osrelease": "7.2\n", "boot/ostree/d-1/initramfs-7.2kdump.img": "x"}
}
PENDING = {**ARMED, "options": f"{OPTIONS} crashkernel=32M"}
# A unit is masked, and a config that is merged is none.
MISTAKEN = json.dumps(
    {
        "ignition": {"version": "3.4.0", "config": {"merge": [{"source": "data:,%7B%7D"}]}},
        "systemd": {"units": [{"name": "kdump.service", "enabled": True, "mask": True}]},
    }
)
UPDATED = "updated"  # in place of overrides: an update is there, which is booted next
SAMPLES: dict[str, tuple[tuple[str, dict[str, Any] | str], ...]] = {
    "plan --json": (
        ("a change", {}),
        ("nothing asked", {"ignition": NO_WISH, "preset": None}),
        ("another deployment is booted next", UPDATED),
        ("refused", {"conf": "crashkernel=8T\n"}),
        ("a unit to be enabled", ENABLING),
        ("mistakes in the config", {"ignition": MISTAKEN, "extra": {"etc/initrd-release": ""}}),
    ),
    "status --json": (
        ("armed", ARMED),
        ("a reboot is due", PENDING),
        ("an update is pending", NEXT),
        ("an update without a kernel", {**NEXT, "extra": {**NEXT["extra"], f"sysroot{SECOND}/usr/lib/modules/7.4/vmlinuz": ""}}),
        ("built on this machine", BUILT),
        ("what only a shell knows", {"extra": {**KDUMP_TOOLS, "sysroot/etc/default/kdump-tools": "KDUMP_CMDLINE=$(a)\n"}}),
        ("not wanted", {"ignition": NO_WISH, "preset": None, "crash_size": None}),
        ("of a known size", {**ARMED, "extra": {"sysroot/etc/sysconfig/kdump": "", "proc/meminfo": "MemFree: 4 kB\n"}}),
    ),
}
# What no captured tree tells (vm-tests/test_status.py looks at it), and what only `plan --undo` does (tests/write/test_enabling.py).
LIVE: dict[str, set[tuple[str, str]]] = {"plan --json": {("disables", "string")}, "status --json": {("target.free_bytes", "integer")}}


def name(path: Path) -> str:
    """How a page is called in a test's ID."""
    return str(path.relative_to(CHECKOUT))


def prose(path: Path) -> Iterator[str]:
    """The lines of a page outside fenced code."""
    fenced = False
    for line in path.read_text().splitlines():
        if line.startswith(FENCE):
            fenced = not fenced
        elif not fenced:
            yield line


def code(path: Path) -> Iterator[str]:
    """What a page shows as code: fenced or indented lines, and spans."""
    fenced = False
    for line in path.read_text().splitlines():
        if line.startswith(FENCE):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            yield line
        else:
            yield from CODE.findall(line)


def headings(path: Path) -> list[str]:
    """The headings of a page, without their marks."""
    return [line.lstrip("#").strip() for line in prose(path) if line.startswith("#")]


def anchor(heading: str) -> str:
    """The fragment that GitHub gives a heading."""
    kept = "".join(char for char in heading.lower() if char.isalnum() or char in " -_")
    return kept.replace(" ", "-")


def section(path: Path, heading: str) -> list[str]:
    """The lines below a heading, up to the next."""
    lines = list(prose(path))
    start = next(at for at, line in enumerate(lines) if line.lstrip("#") == f" {heading}" and line.startswith("#"))
    end = next((at for at in range(start + 1, len(lines)) if lines[at].startswith("#")), len(lines))
    return lines[start + 1 : end]


@cache
def targets() -> frozenset[str]:
    """The targets of the Makefile."""
    return frozenset(re.findall(r"^([a-z][a-z0-9-]*):", (CHECKOUT / "Makefile").read_text(), re.MULTILINE))


def run(command: str, root: Path) -> Any:
    """The JSON that a command prints for a sample tree."""
    argv = [sys.executable, "-m", "orchestrator", *command.split(), "--root", str(root)]
    return json.loads(subprocess.run(argv, cwd=CHECKOUT, capture_output=True, text=True, check=False).stdout)


def sampled(make: Make, overrides: dict[str, Any] | str) -> Sample:
    """The tree of a row of SAMPLES."""
    return deployed(make()) if isinstance(overrides, str) else make(**overrides)


def fields(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    """Path and type of every field of a document, and of what is in it. For an object in a list its fields stand."""
    if path and not (isinstance(value, dict) and path.endswith("[]")):
        yield path, TYPES[type(value)]
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from fields(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for inner in value:
            yield from fields(inner, f"{path}[]")


def documented(heading: str) -> set[tuple[str, str]]:
    """Path and type of every field that the page's section has a row for."""
    rows = (re.match(r"\| `([^`]+)` \| ([a-z ]+) \|", line) for line in section(FIELDS, heading))
    return {(row[1], kind) for row in rows if row for kind in row[2].split(" or ")}


def test_readme_is_short() -> None:
    lines = README.read_text().splitlines()
    assert len(lines) <= MOST_LINES
    assert not [line for line in lines if len(line) > MOST_COLUMNS]


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in LINK.findall("\n".join(prose(page))):
        if "://" in link:
            continue
        place, _, fragment = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        assert target.exists(), link
        if fragment:
            assert fragment in map(anchor, headings(target)), link


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_make_target_exists(page: Path) -> None:
    named = {target for text in code(page) for target in TARGET.findall(text)}
    assert named <= targets()


def test_the_pages_name_make_targets_and_link_to_each_other() -> None:
    """What the tests above look for is found at all."""
    assert {"demo", "check"} <= {target for text in code(README) for target in TARGET.findall(text)}
    linked = set(LINK.findall(README.read_text()))
    assert {name(page) for page in PAGES} - {"README.md"} <= {link.partition("#")[0] for link in linked}


@pytest.mark.parametrize("command", SAMPLES)
def test_the_json_fields_are_those_of_the_page(make: Make, command: str) -> None:
    """Every field that is printed has a row with its type; every row is printed by a sample, or on the running system only."""
    printed = {field for _, overrides in SAMPLES[command] for field in fields(run(command, sampled(make, overrides).root))}
    assert printed | LIVE[command] == documented(command)


def test_every_link_of_the_chain_has_a_section(make: Make) -> None:
    links = [link["name"] for link in run("status --json", make(**ARMED).root)["links"]]
    assert len(links) == 9
    found = headings(OPERATOR)
    start = found.index(links[0])
    assert found[start : start + len(links)] == links


def named_files() -> Iterator[tuple[str, str]]:
    """(who names it, the file) for every file of this project that a page or a source file names."""
    sources = (path for folder in ("orchestrator", "tests", "vm-tests") for path in (CHECKOUT / folder).rglob("*.py"))
    for path in (*PAGES, CHECKOUT / "CONTRIBUTING.md", CHECKOUT / "Makefile", *sources):
        yield from ((name(path), found) for found in FILE.findall(path.read_text()) if not any(word in found for word in STANDS_FOR))


def test_every_file_that_is_named_is_there() -> None:
    """A file that moved leaves its old name behind in pages and comments."""
    assert [f"{where} names {file}" for where, file in named_files() if not (CHECKOUT / file).exists()] == []
