# SPDX-License-Identifier: Apache-2.0
"""The header of a test, `## kola:` and lines of YAML, as kola reads it (harness.go metadataFromTestBinary())."""

from __future__ import annotations

from dataclasses import dataclass

from exttest import plainyaml
from exttest.plainyaml import Value

BEGIN, LINE = "## kola:", "## "
#: kola reads no further.
LIMIT = 8192
SKIP_BASE_CHECKS = "skip-base-checks"
#: The keys that kola knows and our tests use; any other would not be acted on here.
TYPES: dict[str, type] = {
    "architectures": str, "tags": str, "requiredTag": str, "minMemory": int, "timeoutMin": int, "description": str,
}  # fmt: skip


class HeaderError(ValueError):
    """No header, or one that this runner would not act on."""


@dataclass(frozen=True)
class Header:
    """What a test asks for. Memory in MiB, as kola's default where none is named; the time-out in minutes."""

    description: str
    architectures: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    required_tag: str = ""
    memory_mib: int = 1024
    timeout_minutes: int = 10


def parse(text: str) -> Header:
    """The header in a test's text."""
    lines = iter(text.encode()[:LIMIT].decode(errors="ignore").splitlines())
    if not any(line.startswith(BEGIN) for line in lines):
        raise HeaderError(f"no line {BEGIN!r} in the first {LIMIT} bytes")
    yaml = []
    for line in lines:
        if not line.startswith(LINE):
            break
        yaml.append(line.removeprefix(LINE))
    return _header(plainyaml.read("\n".join(yaml)))


def _header(found: dict[str, Value]) -> Header:
    for key, value in found.items():
        if type(value) is not TYPES.get(key):
            raise HeaderError(f"{key}: {value!r}: this runner does not act on it")
    if not found.get("description"):
        raise HeaderError("no description")
    return Header(
        description=str(found["description"]),
        architectures=tuple(str(found.get("architectures", "")).split()),
        tags=tuple(str(found.get("tags", "")).split()),
        required_tag=str(found.get("requiredTag", "")),
        memory_mib=int(str(found.get("minMemory", Header.memory_mib))),
        timeout_minutes=int(str(found.get("timeoutMin", Header.timeout_minutes))),
    )
