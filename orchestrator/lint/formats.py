# SPDX-License-Identifier: Apache-2.0
"""Findings as a person reads them, and as programs do: JSON, annotations of GitHub's, and SARIF 2.1.0 (OASIS).

docs/json.md lists the JSON fields, which stay.
"""

from __future__ import annotations

import json
from collections import Counter

from orchestrator import __version__
from orchestrator.lint import table
from orchestrator.lint.findings import Finding
from orchestrator.lint.options import Format
from orchestrator.lint.place import printable
from orchestrator.lint.table import Severity

GITHUB = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}
SARIF = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
URL_SAFE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/")  # RFC 3986, 2.3


def shown(form: Format, found: tuple[Finding, ...], files: int) -> str:
    """All findings in a format."""
    if form is Format.TEXT:
        return text(found, files)
    if form is Format.GITHUB:
        return "".join(map(annotation, found))
    return json.dumps(document(found) if form is Format.JSON else sarif(found), indent=2) + "\n"


def text(found: tuple[Finding, ...], files: int) -> str:
    """Two lines for every finding, and a last line that counts them."""
    said = [f"{position(each)}: {each.severity.value}: {each.sentence} [{each.check}]\n" for each in found]
    mends = [f"    mend: {each.cure}\n" for each in found]
    return "".join(line + mend for line, mend in zip(said, mends, strict=True)) + summary(found, files)


def position(found: Finding) -> str:
    """The file, the line, and the JSON pointers."""
    line = f":{found.line}" if found.line else ""
    return f"{_file(found)}{line}: {found.place.pointers}"


def summary(found: tuple[Finding, ...], files: int) -> str:
    """How many there are."""
    counts = Counter(each.severity for each in found)
    said = ", ".join(f"{counts[each]} {each.value}{'' if counts[each] == 1 else 's'}" for each in Severity if counts[each])
    return f"{files} file{'' if files == 1 else 's'}: {said or 'nothing found'}\n"


def document(found: tuple[Finding, ...]) -> dict[str, object]:
    """One object."""
    counts = Counter(each.severity for each in found)
    numbers = {f"{each.value}s" if each is not Severity.INFO else "infos": counts[each] for each in Severity}
    return {**numbers, "findings": [finding(each) for each in found]}


def finding(found: Finding) -> dict[str, object]:
    """One finding, as JSON shows it."""
    return {
        "check": found.check,
        "severity": found.severity.value,
        "file": _file(found),
        "line": found.line,
        "pointer": found.place.pointer,
        "nested": list(found.place.nested),
        "sentence": found.sentence,
        "mend": found.cure,
    }


def annotation(found: Finding) -> str:
    """One of GitHub's workflow commands; what is in it cannot end it or begin another."""
    line = f",line={found.line}" if found.line else ""
    where = f"file={_property(_file(found))}{line},title={_property(found.check)}"
    body = f"{found.sentence}. Mend: {found.cure} ({found.place.pointers})"
    return f"::{GITHUB[found.severity]} {where}::{_data(body)}\n"


def _data(words: str) -> str:
    """By the toolkit's escapeData()."""
    return words.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(words: str) -> str:
    """By the toolkit's escapeProperty()."""
    return _data(words).replace(":", "%3A").replace(",", "%2C")


def sarif(found: tuple[Finding, ...]) -> dict[str, object]:
    """One run with all rules."""
    rules = [
        {
            "id": name,
            "shortDescription": {"text": check.what},
            "fullDescription": {"text": check.source},
            "help": {"text": check.mend},
            "defaultConfiguration": {"level": SARIF[check.severity]},
        }
        for name, check in table.CHECKS.items()
    ]
    driver = {"name": "kdump-karg", "version": __version__, "rules": rules}
    run = {"tool": {"driver": driver}, "results": [_result(each) for each in found]}
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _result(found: Finding) -> dict[str, object]:
    """One finding."""
    region = {"region": {"startLine": found.line}} if found.line else {}
    physical = {"artifactLocation": {"uri": _uri(_file(found))}, **region}
    logical = [{"fullyQualifiedName": pointer or "/"} for pointer in (found.place.pointer, *found.place.nested)]
    return {
        "ruleId": found.check,
        "ruleIndex": [*table.CHECKS].index(found.check),
        "level": SARIF[found.severity],
        "message": {"text": f"{found.sentence}. Mend: {found.cure}"},
        "locations": [{"physicalLocation": physical, "logicalLocations": logical}],
    }


def _uri(file: str) -> str:
    """A relative reference, or a file's URL."""
    return "".join(char if char in URL_SAFE else "".join(f"%{byte:02X}" for byte in _bytes(char)) for char in file)


def _bytes(char: str) -> bytes:
    """The bytes of a character of a file's name."""
    return char.encode("utf-8", "surrogateescape")


def _file(found: Finding) -> str:
    """The file's name as it is shown."""
    return printable(found.place.file)
