# SPDX-License-Identifier: Apache-2.0
"""What Linux finds on a file system after a power cut: mounted, the journal replayed. Runs as a program, in a mount namespace
of its own, and answers for many cuts in one go.

    PYTHONPATH=vm-tests unshare --mount python3 -m power_cut.journal_replay IMAGE LOG START SIZE DIRECTORY \\
        <[[WRITE, ...], ...]  >[{PATH: TEXT, ...}, ...]

IMAGE is the file system before any write, a piece of the disk that the writes of LOG went to, START and SIZE in bytes.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from image.partitions import Partition

from power_cut import writelog

#: Holds copies that share their blocks: a copy per cut then costs nothing.
SCRATCH_SIZE = 8 << 30


def files_of_interest(boot: Path) -> dict[str, str]:
    """The entries by their text, everything else in /boot itself by its name."""
    found = {path.name: "" for path in boot.iterdir()}
    entries = boot / "loader/entries"
    return found | {f"loader/entries/{path.name}": path.read_text(errors="surrogateescape") for path in entries.iterdir()}


def replayed(image: Path, mount_point: Path, directory: str) -> dict[str, str]:
    """Mount an image as any boot does, and look."""
    subprocess.run(["mount", "-o", "loop", image, mount_point], check=True)
    try:
        return files_of_interest(mount_point / directory)
    finally:
        subprocess.run(["umount", mount_point], check=True)


def main() -> None:
    """Answer for every list of writes."""
    image, log, start, size, directory = sys.argv[1:]
    partition = Partition(0, "boot", int(start), int(size))
    writes = writelog.writes(writelog.read(Path(log)))
    with tempfile.TemporaryDirectory(prefix="replay-", dir=Path(image).parent) as work:
        scratch, inner, mount_point = (Path(work) / name for name in ("scratch.img", "scratch", "mnt"))
        inner.mkdir()
        mount_point.mkdir()
        with scratch.open("wb") as file:
            file.truncate(SCRATCH_SIZE)
        subprocess.run(["mkfs.xfs", "-q", scratch], check=True)
        subprocess.run(["mount", "-o", "loop", scratch, inner], check=True)
        try:
            subprocess.run(["cp", "--sparse=always", image, inner / "base"], check=True)
            answers = []
            for numbers in json.load(sys.stdin):
                subprocess.run(["cp", "--reflink=always", inner / "base", inner / "cut"], check=True)
                with (inner / "cut").open("r+b") as file:
                    for number in numbers:
                        writelog.put(writes[number], file.fileno(), partition)
                answers.append(replayed(inner / "cut", mount_point, directory))
            json.dump(answers, sys.stdout)
        finally:
            subprocess.run(["umount", inner], check=True)


if __name__ == "__main__":
    main()
