# SPDX-License-Identifier: Apache-2.0
"""The tests of a checkout, found as kola finds them (harness.go registerTestDir())."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from exttest import header
from exttest.header import Header

TESTS = "tests/kola"
#: A single executable of this name gives its test the name of the directory.
DEFAULT, CONFIG, BUTANE, DATA = "test.sh", "config.ign", "config.bu", "data"
EXECUTABLE = 0o001


class LayoutError(ValueError):
    """A directory that kola would take in another way than it looks, or not at all."""


@dataclass(frozen=True)
class ExternalTest:
    """One test: the program that runs in the machine, and what comes with it."""

    name: str
    program: Path
    header: Header
    config: Path | None
    data: Path | None


def tests(checkout: Path) -> tuple[ExternalTest, ...]:
    """All tests of a checkout, by name; LayoutError for a file that means nothing to kola."""
    return tuple(sorted(_below(checkout / TESTS, f"ext.{checkout.resolve().name}"), key=lambda test: test.name))


def _below(directory: Path, name: str) -> list[ExternalTest]:
    found: list[ExternalTest] = []
    programs = []
    for path in sorted(directory.iterdir()):
        if path.is_dir():
            found += [] if path.name == DATA else _below(path, f"{name}.{path.name}")
        elif path.stat().st_mode & EXECUTABLE:
            programs.append(path)
        elif path.name not in (CONFIG, BUTANE):
            raise LayoutError(f"{path}: neither executable nor a file that kola knows")
    return found + [_test(path, name, alone=len(programs) == 1) for path in programs]


def _test(program: Path, name: str, alone: bool) -> ExternalTest:
    config, data = program.with_name(CONFIG), program.with_name(DATA)
    if program.with_name(BUTANE).exists() and not config.exists():
        raise LayoutError(f"{config}: missing beside {BUTANE}; make it by `butane --pretty --strict`")
    return ExternalTest(
        name if alone and program.name == DEFAULT else f"{name}.{program.name}",
        program,
        header.parse(program.read_text()),
        config if config.exists() else None,
        data.resolve() if data.is_dir() else None,
    )
