# SPDX-License-Identifier: Apache-2.0
"""What the command line of `lint` asks for, beside the files."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from orchestrator.errors import UsageError
from orchestrator.lint import assumed
from orchestrator.lint.assumed import Assumed
from orchestrator.rules import arch
from orchestrator.rules.crashkernel import memparse

SMALLEST, LARGEST = 128 << 20, 1 << 60  # bytes of memory: less boots nothing, more is not addressed


class Format(Enum):
    """How findings are printed."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"
    SARIF = "sarif"


@dataclass(frozen=True)
class Options:
    """The files, the machine that they are for, and how findings are printed."""

    files: tuple[str, ...]
    machine: Assumed
    format: Format


def parse(files: tuple[str, ...], values: dict[str, str], *, json: bool) -> Options:
    """`values`: the options that have one, by their names. UsageError for what means nothing."""
    if not files:
        raise UsageError("lint needs a file; name an Ignition config or a MachineConfig (JSON)")
    form = values.get("--format", "json" if json else "text")
    names = [each.value for each in Format]
    if form not in names:
        raise UsageError(f"--format {form!r} is not one of {', '.join(names)}")
    if json and form != "json":
        raise UsageError(f"--json and --format {form} are two formats; give one")
    name, kernel = values.get("--arch", ""), values.get("--kernel", "")
    if "--arch" in values and name not in arch.NAMES:
        raise UsageError(f"--arch {name!r} is not known; known are {', '.join(arch.NAMES)}")
    if "--kernel" in values and arch.version(kernel) is None:
        raise UsageError(f"--kernel {kernel!r} is no version; write one such as 6.12 or 7.2.5-200.fc44.x86_64")
    memory = assumed.of_size(_size(values["--memory"])) if "--memory" in values else None
    return Options(files, Assumed(memory, name, kernel), Format(form))


def _size(text: str) -> int:
    """Bytes, written as the kernel reads them: 8G."""
    size, end = memparse(text, 0)
    if not text or text[:1] == "0" or end != len(text) or not SMALLEST <= size <= LARGEST:
        raise UsageError(f"--memory {text!r} is no size of a machine's memory; write one such as 8G")
    return size
