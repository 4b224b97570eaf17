# SPDX-License-Identifier: Apache-2.0
"""Files to findings, and findings to an exit status."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from orchestrator.errors import Refusal, UsageError
from orchestrator.facts import ignition_config, machine
from orchestrator.lint import document, formats, limits, options, reading
from orchestrator.lint.assumed import Assumed
from orchestrator.lint.checks import capture, crashkernel, files, kdump_conf, own_conf, target, units
from orchestrator.lint.findings import Finding
from orchestrator.lint.manifest import Manifest
from orchestrator.lint.reading import Reader
from orchestrator.lint.shelf import Shelf
from orchestrator.lint.table import Severity
from orchestrator.system import tree

FOUND = 4  # the exit status where there is a finding of severity error
RENDERED = f"/{ignition_config.PATH}"


def lint(named: tuple[str, ...], values: dict[str, str], *, json: bool) -> tuple[str, int]:
    """What is printed, and the exit status. UsageError, or Refusal for what must not or cannot be read."""
    wanted = options.parse(named, values, json=json)
    found = of_files(wanted.files, wanted.machine)
    return formats.shown(wanted.format, found, len(wanted.files)), status(found)


def status(found: Iterable[Finding]) -> int:
    """The exit status."""
    return FOUND if any(each.severity is Severity.ERROR for each in found) else 0


def of_files(named: tuple[str, ...], assumed: Assumed) -> tuple[Finding, ...]:
    """What is found in the files."""
    reader = Reader(Shelf(named))
    return _checked(reader, reading.files_of(reader, named), assumed)


def of_text(text: str, file: str, assumed: Assumed) -> tuple[Finding, ...]:
    """What is found in a text. Files that it names by `local` are refused: there is no directory to look in."""
    reader = Reader(Shelf(()))
    return _checked(reader, reading.grouped(reader, reader.rendered(text, file)), assumed)


def warnings(root: str) -> tuple[Finding, ...]:
    """What `plan` says of the rendered config: errors and warnings."""
    return tuple(each for each in of_rendered(root) if each.severity is not Severity.INFO)


def of_rendered(root: str) -> tuple[Finding, ...]:
    """What is found in the rendered config of this boot, for this machine; nothing where there is none or it is too large.

    Never raises: what makes the config unreadable is what `plan` refuses.
    """
    try:
        text = tree.read_text(root, ignition_config.PATH, limits.LARGEST_FILE)
        return () if text is None else of_text(text, RENDERED, _here(root))
    except (Refusal, UsageError):
        return ()


def _here(root: str) -> Assumed:
    """The machine below the root, as far as it can be known."""
    try:
        found = machine.read(root)
        return Assumed(found.memory, found.arch.name, (tree.read_text(root, "proc/sys/kernel/osrelease") or "").strip())
    except Refusal:
        return Assumed()


def _checked(reader: Reader, configs: Iterable[Manifest], assumed: Assumed) -> tuple[Finding, ...]:
    """Everything that was found, in the order of files and lines."""
    found = list(reader.flaws)
    for config in configs:
        for theme in (crashkernel, units, kdump_conf, target, capture, files, own_conf):
            found += theme.findings(config, assumed)
    numbers = {file: number for number, file in enumerate(reader.texts)}

    def order(each: Finding) -> tuple[int, int, str]:
        return numbers.get(each.place.file, len(numbers)), each.line, each.check

    return tuple(sorted(dict.fromkeys(_with_lines(reader.texts, found)), key=order))


def _with_lines(texts: dict[str, str], found: list[Finding]) -> list[Finding]:
    """The findings, with the lines that they stand on."""
    lines: dict[tuple[str, str], int] = {}
    for file, text in texts.items():
        pointers = {each.place.pointer for each in found if each.place.file == file}
        where = document.lines(text, pointers) if pointers else {}
        lines.update({(file, pointer): line for pointer, line in where.items()})
    return [replace(each, line=lines.get((each.place.file, each.place.pointer), 0)) for each in found]
