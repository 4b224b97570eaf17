# SPDX-License-Identifier: Apache-2.0
"""A file system as GRUB sees it: read by GRUB's own code (grub-fstest, of the same package as the boot loader in the image),
without replaying a journal."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from host.cache import Cache
from host.process import run
from host.progress import Progress
from image import rootfs
from image.partitions import SECTOR
from image.traits import Traits

STAMP = "ignition.firstboot"
ENTRIES = "loader/entries"
CONFIGURATION = "grub/grub.cfg"
#: Lines of an entry that name a file. The path is good for a boot partition, where boot is a link, and for a root file system.
LOADED = re.compile(r"^(?:linux|initrd) (/\S+)$", re.MULTILINE)
TAIL = 512

LIBRARIES = "usr/lib/x86_64-linux-gnu"
#: strace: "lseek(3, OFFSET, SEEK_SET)" and "read(3, ..., WANTED) = GOT", of the one file that is the disk.
SEEK = re.compile(r"lseek\((\d+), (\d+), SEEK_SET\)")
READ = re.compile(r"read\((\d+), .* = (\d+)$")
OPEN = re.compile(r'openat\(AT_FDCWD, "([^"]*)", .*\) = (\d+)$')

#: Contents of sectors that differ from the image's own, by number. The bytes may be shortened to a name for them.
Changed = Mapping[int, bytes]


@dataclass(frozen=True)
class Tool:
    """grub-fstest with its libraries, unpacked from the packages the image is made of."""

    directory: Path

    @classmethod
    def unpack(cls, cache: Path, directory: Path) -> Tool:
        """Get it from the cached tar of packages."""
        tar = rootfs.tar(Traits(), Cache(cache), Progress("grub-fstest"))
        names = ["./usr/bin/grub-fstest", f"./{LIBRARIES}/*.so*"]
        directory.mkdir(parents=True, exist_ok=True)
        run(["tar", "-xf", tar, "-C", directory, "--wildcards", "--no-wildcards-match-slash", *names])
        return cls(directory)

    def command(self, image: Path, words: tuple[str, ...]) -> list[str]:
        """The command line that has GRUB's code do something with a file system image."""
        libraries = self.directory / LIBRARIES
        loader = [str(libraries / "ld-linux-x86-64.so.2"), "--library-path", str(libraries)]
        return [*loader, str(self.directory / "usr/bin/grub-fstest"), str(image), *words]


@dataclass(frozen=True)
class View:
    """What GRUB finds in /boot. Text that starts with ERROR is GRUB's own complaint."""

    #: Names in /boot and in loader/entries.
    top: tuple[str, ...]
    entries: tuple[str, ...]
    #: Text of each entry and of the stamp, by path.
    texts: tuple[tuple[str, str], ...]
    #: Size and end of what else GRUB loads, by path: its configuration, kernels and initramfs images.
    loaded: tuple[tuple[str, str], ...]

    def text(self, path: str) -> str | None:
        """The text of an entry or the stamp, if it is there."""
        return dict(self.texts).get(path)


@dataclass
class Reader:
    """Asks GRUB about an image of which some sectors change, and asks nothing twice.

    GRUB's answer depends on nothing but the sectors it reads. So where the sectors that one run of a command has read are
    the same again, the answer is.
    """

    tool: Tool
    image: Path
    #: All sectors that ever change: no others need to be compared.
    mutable: frozenset[int]
    #: Those of them that any run has read so far.
    read: frozenset[int] = frozenset()
    runs: int = 0
    _known: dict[tuple[str, ...], dict[tuple[int, ...], dict[tuple[bytes, ...], str]]] = field(default_factory=dict)

    def answer(self, words: tuple[str, ...], changed: Changed, show: Callable[[], Changed]) -> str:
        """GRUB's answer to a command.

        `changed` covers at least the sectors in `read`. Where that does not settle it, `show` is called: it puts the state
        into the image and returns all that is changed.
        """
        for read, answers in self._known.get(words, {}).items():
            found = answers.get(_contents(changed, read))
            if found is not None:
                return found
        return self._run(words, show())

    def _run(self, words: tuple[str, ...], changed: Changed) -> str:
        self.runs += 1
        trace = self.image.with_suffix(".trace")
        argv = ["strace", "-o", str(trace), "-e", "trace=openat,lseek,read", *self.tool.command(self.image, words)]
        done = subprocess.run(argv, capture_output=True, check=False)
        said = done.stdout if done.returncode == 0 else b"ERROR " + done.stderr.rpartition(b"error: ")[2]
        answer = said.decode("utf-8", "surrogateescape")
        read = self.mutable & sectors_read(trace.read_text(errors="replace"), str(self.image))
        self.read |= read
        order = tuple(sorted(read))
        self._known.setdefault(words, {}).setdefault(order, {})[_contents(changed, order)] = answer
        return answer


def _contents(changed: Changed, sectors: tuple[int, ...]) -> tuple[bytes, ...]:
    return tuple(changed.get(sector, b"") for sector in sectors)


def sectors_read(trace: str, image: str) -> set[int]:
    """The numbers of the sectors of `image` that a traced program read."""
    found: set[int] = set()
    descriptor, position = "", 0
    for line in trace.splitlines():
        if (opened := OPEN.match(line)) is not None:
            if opened[1] == image:
                descriptor = opened[2]
            elif opened[2] == descriptor:
                descriptor = ""
        elif (seek := SEEK.match(line)) is not None and seek[1] == descriptor:
            position = int(seek[2])
        elif (done := READ.match(line)) is not None and done[1] == descriptor:
            found.update(range(position // SECTOR, -(-(position + int(done[2])) // SECTOR)))
            position += int(done[2])
    return found


Ask = Callable[[tuple[str, ...]], str]


def view(ask: Ask, boot: str) -> View:
    """Everything GRUB reads below the directory `boot` ("" or "/boot") of a file system, in the words of grub-fstest."""

    def names(path: str) -> tuple[str, ...]:
        return tuple(sorted(ask(("ls", f"(loop0){boot}/{path}")).split()))

    def whole(path: str) -> str:
        return ask(("cat", f"(loop0){boot}/{path}"))

    top, entries = names(""), names(f"{ENTRIES}/")
    texts = [(name, whole(f"{ENTRIES}/{name}")) for name in entries if name.endswith(".conf")]
    if STAMP in top:
        texts.append((STAMP, whole(STAMP)))
    loaded = [f"{boot}/{CONFIGURATION}", *sorted({path for _, text in texts for path in LOADED.findall(text)})]
    return View(top, entries, tuple(texts), tuple((path, _end(ask, path)) for path in loaded))


def _end(ask: Ask, path: str) -> str:
    """The size of a file that GRUB loads, as its inode has it, and its last bytes: cheaper than all of it."""
    directory, _, name = path.rpartition("/")
    for line in ask(("--", "ls", "-l", f"(loop0){directory}/")).splitlines():
        words = line.split()
        if words and words[-1] == name:
            start = max(int(words[0]) - TAIL, 0)
            return f"{words[0]} bytes\n" + ask(("hex", f"(loop0){path}", "-s", str(start), "-n", str(TAIL)))
    return "ERROR missing"


def checksums(ask: Ask, seen: View) -> tuple[tuple[str, str], ...]:
    """Path and GRUB's checksum of every file that it loads."""
    return tuple((path, ask(("crc", f"(loop0){path}")).strip()) for path, _ in seen.loaded)
