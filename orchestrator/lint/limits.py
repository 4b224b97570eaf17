# SPDX-License-Identifier: Apache-2.0
"""How much is read at most. A config may come from anybody, and must not cost more than this."""

from __future__ import annotations

from orchestrator.errors import Refusal

LARGEST_FILE = 16 << 20  # bytes of one file that is given or named by `local`
LARGEST_CONTENT = 16 << 20  # bytes of one file's contents, decoded and inflated
MOST_CONTENT = 64 << 20  # bytes of all contents together
MOST_MEMBERS = 1000  # parts of one gzip file, each of which costs an engine of its own
MOST_CONFIGS = 100  # configs in all, those given and those that they merge or are replaced by
DEEPEST = 100  # levels of objects and lists in one another
LONGEST_LINE = 4096  # characters of one kernel argument: no architecture's command line is longer (rules/arch.py)
MOST_ALIKE = 10  # findings of one kind about the lines of one text


class Budget:
    """What one run has read so far. Every refusal names the limit."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.configs = 0
        self.content = 0

    def one_config(self, where: str) -> None:
        """Count a config."""
        self.configs += 1
        if self.configs > MOST_CONFIGS:
            raise Refusal(f"{where}: more than {MOST_CONFIGS} configs are merged, the most that are read; merge them before")

    def room(self) -> int:
        """Bytes that the next contents may have."""
        return min(LARGEST_CONTENT, MOST_CONTENT - self.content)

    def take(self, size: int, where: str) -> None:
        """Count contents; Refusal where they are too large, alone or with all before."""
        if size > LARGEST_CONTENT:
            most = LARGEST_CONTENT >> 20
            raise Refusal(f"{where}: the contents are larger than {most} MiB, the most that is read; shorten them")
        self.content += size
        if self.content > MOST_CONTENT:
            most = MOST_CONTENT >> 20
            raise Refusal(f"{where}: all contents are larger than {most} MiB, the most that is read; lint fewer files")
