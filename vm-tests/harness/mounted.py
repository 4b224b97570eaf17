# SPDX-License-Identifier: Apache-2.0
"""Works on the files of a file system image. Runs as a program, in a mount namespace of its own.

    PYTHONPATH=vm-tests unshare --mount python3 -m harness.mounted \\
        IMAGE replay|as-is list|find|read|write|remove|mode|attribute=NAME [PATH]
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

#: Mount options that leave the journal alone: what a boot loader would see.
AS_IS = {"ext4": "ro,noload", "xfs": "ro,norecovery"}


def mount(image: str, journal: str, target: str) -> None:
    """Mount the image; nobody outside this namespace sees it."""
    options = "loop"
    if journal == "as-is":
        probe = ["blkid", "-p", "-o", "value", "-s", "TYPE", image]
        kind = subprocess.run(probe, check=True, capture_output=True, text=True).stdout.strip()
        options = f"loop,{AS_IS[kind]}"
    # Named, because half a mirror looks like one to mount(8), whose metadata lies behind the file system.
    subprocess.run(["mount", "-t", ",".join(AS_IS), "-o", options, image, target], check=True)


def listing(root: Path) -> bytes:
    """Every path below root, one per line."""
    paths = sorted(str(path.relative_to(root)) for path in root.rglob("*"))
    return "".join(f"{path}\n" for path in paths).encode()


def work(root: Path, operation: str, path: Path) -> None:
    """Carry out one operation; contents go through standard input and output."""
    if operation == "list":
        sys.stdout.buffer.write(listing(root))
    elif operation == "find":
        found = sorted(root.glob(str(path.relative_to(root))))
        sys.stdout.buffer.write("".join(f"{match.relative_to(root)}\n" for match in found).encode())
    elif operation == "read":
        sys.stdout.buffer.write(path.read_bytes())
    elif operation == "write":
        path.write_bytes(sys.stdin.buffer.read())
    elif operation == "remove":
        path.unlink()
    elif operation == "mode":
        path.chmod(int(sys.stdin.buffer.read(), 8))
    elif operation.startswith("attribute="):
        os.setxattr(path, operation.removeprefix("attribute="), sys.stdin.buffer.read())
    else:
        raise SystemExit(f"unknown operation {operation}")


def main() -> None:
    """Mount, work, unmount: so that the image is complete when the program has ended."""
    image, journal, operation, name = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="kdump-karg-mnt-") as target:
        mount(image, journal, target)
        try:
            work(Path(target), operation, Path(target) / name)
        finally:
            subprocess.run(["umount", target], check=True)


if __name__ == "__main__":
    main()
