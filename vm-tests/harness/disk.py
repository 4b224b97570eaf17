# SPDX-License-Identifier: Apache-2.0
"""The disks of a machine that is not running: overlays, partitions, the files of /boot."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from host.process import Word, run, run_module
from image import partitions
from image.partitions import Partition


def disk_format(path: Path) -> str:
    """qcow2 or raw."""
    described = json.loads(run(["qemu-img", "info", "--output=json", path]))
    return str(described["format"])


class FileSystem:
    """The files of one file system image, optionally below a directory of it."""

    def __init__(self, image: Path, directory: str = "", replay: bool = True) -> None:
        self._image = image
        self._directory = directory
        self._journal = "replay" if replay else "as-is"
        self.changed = False

    def _work(self, operation: str, path: str, data: bytes | None = None) -> bytes:
        inner = f"{self._directory}/{path}".strip("/")
        return run_module("harness.mounted", [self._image, self._journal, operation, inner], data)

    def list(self) -> tuple[str, ...]:
        """Every path, relative to the directory."""
        prefix = f"{self._directory}/" if self._directory else ""
        lines = self._work("list", "").decode().splitlines()
        return tuple(line.removeprefix(prefix) for line in lines if line.startswith(prefix))

    def find(self, pattern: str) -> tuple[str, ...]:
        """Every path that matches, relative to the top of the file system, in a directory of it or not."""
        return tuple(self._work("find", pattern).decode().splitlines())

    def read(self, path: str) -> bytes:
        """The contents of a file."""
        return self._work("read", path)

    def write(self, path: str, data: bytes) -> None:
        """Replace the contents of a file, or make it."""
        self._work("write", path, data)
        self.changed = True

    def remove(self, path: str) -> None:
        """Delete a file."""
        self._work("remove", path)
        self.changed = True

    def set_mode(self, path: str, mode: int) -> None:
        """Set the permission bits."""
        self._work("mode", path, f"{mode:o}".encode())
        self.changed = True

    def set_attribute(self, path: str, name: str, value: bytes) -> None:
        """Set an extended attribute."""
        self._work(f"attribute={name}", path, value)
        self.changed = True


class Disk:
    """A disk image in a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.format = disk_format(path)

    @classmethod
    def overlay(cls, base: Path, path: Path) -> Disk:
        """A new disk that starts as a copy of `base`, which is never written to."""
        path.unlink(missing_ok=True)
        backing: list[Word] = ["-b", base.resolve(), "-F", disk_format(base)]
        run(["qemu-img", "create", "-q", "-f", "qcow2", *backing, path])
        return cls(path)

    def _window(self, start: int, size: int) -> str:
        return (
            f"driver=raw,offset={start},size={size},"
            f"file.driver={self.format},file.file.driver=file,file.file.filename={self.path}"
        )

    def _extract(self, start: int, size: int, target: Path) -> None:
        source = ["--image-opts", self._window(start, size)]
        run(["qemu-img", "convert", "-O", "raw", *source, target])

    def partitions(self) -> tuple[Partition, ...]:
        """What the partition table lists."""
        with tempfile.NamedTemporaryFile(prefix="table-") as file:
            self._extract(0, partitions.TABLE_SIZE, Path(file.name))
            return partitions.parse(file.read())

    def boot_partition(self) -> tuple[Partition, str]:
        """The partition that holds /boot, and the directory it is in there."""
        found = self.partitions()
        if any(partition.name == "boot" for partition in found):
            return partitions.named(found, "boot"), ""
        return partitions.named(found, "root"), "boot"

    def extract_boot(self, target: Path) -> Path:
        """Copy the raw bytes of the file system that holds /boot."""
        partition, _ = self.boot_partition()
        self._extract(partition.start, partition.size, target)
        return target

    def boot_bytes(self) -> bytes:
        """The raw bytes of the file system that holds /boot, for a comparison."""
        with tempfile.NamedTemporaryFile(prefix="boot-") as file:
            return self.extract_boot(Path(file.name)).read_bytes()

    def replace_boot(self, source: Path) -> None:
        """Write back what extract_boot copied."""
        partition, _ = self.boot_partition()
        target = ["--target-image-opts", self._window(partition.start, partition.size)]
        run(["qemu-img", "convert", "-n", "-f", "raw", source, *target])

    def write(self, pieces: Iterable[tuple[int, bytes]]) -> None:
        """Write bytes to places on the disk, in this order."""
        with tempfile.TemporaryDirectory(prefix="write-", dir=self.path.parent) as work:
            lines = []
            for number, (offset, data) in enumerate(pieces):
                (Path(work) / str(number)).write_bytes(data)
                lines.append(f"write -q -s {work}/{number} {offset} {len(data)}\n")
            run(["qemu-io", "-f", self.format, self.path], stdin="".join(lines).encode())

    @contextmanager
    def boot_files(self, replay: bool = True) -> Iterator[FileSystem]:
        """The files of /boot, written back at the end if they were changed.

        With replay=False they are read as a boot loader sees them, the journal ignored.
        """
        _, directory = self.boot_partition()
        with tempfile.TemporaryDirectory(prefix="boot-", dir=self.path.parent) as work:
            image = self.extract_boot(Path(work) / "boot.img")
            files = FileSystem(image, directory, replay)
            yield files
            if files.changed:
                self.replace_boot(image)

    @contextmanager
    def root_files(self) -> Iterator[FileSystem]:
        """The files of the physical root, to be read. The journal is replayed on a copy, as the next boot would."""
        partition = partitions.named(self.partitions(), "root")
        with tempfile.TemporaryDirectory(prefix="root-", dir=self.path.parent) as work:
            image = Path(work) / "root.img"
            self._extract(partition.start, partition.size, image)
            yield FileSystem(image)

    def entry_path(self, files: FileSystem) -> str:
        """The one BLS entry below the active loader directory."""
        (entry,) = (
            path for path in files.list() if path.startswith("loader.") and path.endswith(".conf")
        )
        return entry

    def append_kargs(self, arguments: str) -> None:
        """Put arguments at the end of the entry's options, as a person with an editor would."""
        with self.boot_files() as files:
            path = self.entry_path(files)
            lines = files.read(path).decode().splitlines()
            changed = [f"{line} {arguments}" if line.startswith("options ") else line for line in lines]
            files.write(path, "".join(f"{line}\n" for line in changed).encode())
