# SPDX-License-Identifier: Apache-2.0
"""initrd.py: sizes from headers and trailers, held against what the real programs make of real archives."""

from __future__ import annotations

import gzip
import lzma
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from orchestrator.facts import initrd
from orchestrator.facts.initrd import Initrd
from tests.isolated import counted

MIB = 1 << 20
TEXT = b"a line that compresses well, " * 5000  # 145000 bytes
NOISE = bytes(range(256)) * 3


def member(name: bytes, content: bytes) -> bytes:
    """One file of a newc archive."""
    numbers = (1, 0o100644, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0)
    head = b"070701" + b"".join(b"%08X" % number for number in numbers) + name + b"\0"
    return head + b"\0" * (-len(head) % 4) + content + b"\0" * (-len(content) % 4)


def cpio(*contents: bytes) -> bytes:
    """A newc archive, padded to a block as cpio pads it."""
    made = b"".join(member(b"file%d" % at, content) for at, content in enumerate(contents)) + member(b"TRAILER!!!", b"")
    return made + b"\0" * (-len(made) % 512)


def sizes(tmp_path: Path, content: bytes) -> Initrd:
    """What is read from a file of this content."""
    (tmp_path / "initramfs.img").write_bytes(content)
    found = initrd.read(str(tmp_path), "initramfs.img")
    assert found is not None and found.stored == len(content)
    return found


def packed(program: str, *options: str, content: bytes) -> bytes:
    """What a compressor makes of the content, given by a pipe; the test is skipped where the machine lacks it."""
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    return subprocess.run([program, *options], input=content, capture_output=True, check=True).stdout


EARLY = cpio(b"microcode" * 1000, b"")
MAIN = cpio(TEXT, NOISE)


def test_plain_archives_one_after_the_other(tmp_path: Path) -> None:
    assert sizes(tmp_path, EARLY).unpacked == 12 << 10  # three pages
    assert sizes(tmp_path, EARLY + b"\0" * 8192 + MAIN).unpacked == (12 + 144 + 4) << 10


@pytest.mark.parametrize("early", [b"", EARLY, EARLY + b"\0" * 9000], ids=["alone", "after microcode", "after a gap"])
@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress], ids=["gzip", "xz"])
def test_formats_that_know_their_size(tmp_path: Path, pack: object, early: bytes) -> None:
    assert callable(pack)
    found = sizes(tmp_path, early + pack(MAIN))
    assert found.exact and found.unpacked == len(MAIN) + (12 << 10 if early else 0)


def test_zstd_that_knows_its_size(tmp_path: Path) -> None:
    (tmp_path / "main").write_bytes(MAIN)
    made = packed("zstd", "-q", "-15", "-c", str(tmp_path / "main"), content=b"")
    assert sizes(tmp_path, EARLY + made) == Initrd(len(EARLY + made), len(MAIN) + (12 << 10))


@pytest.mark.parametrize("size", [255, 256, 300, 65791, 65792])
def test_zstd_content_sizes_of_every_width(tmp_path: Path, size: int) -> None:
    (tmp_path / "main").write_bytes(b"x" * size)
    assert sizes(tmp_path, packed("zstd", "-q", "-c", str(tmp_path / "main"), content=b"")).unpacked == size


@pytest.mark.parametrize("level", ["-1", "-15", "-19"])
def test_zstd_from_a_pipe_is_estimated_from_its_blocks(tmp_path: Path, level: str) -> None:
    content = b"".join(os.path.realpath(__file__).encode() * (at % 7) + NOISE for at in range(2000))
    noise = os.urandom(MIB)
    found = sizes(tmp_path, packed("zstd", "-q", level, content=noise))
    assert not found.exact and MIB <= found.unpacked <= MIB + 1024  # what does not compress is stored: a squashfs, say
    assert not sizes(tmp_path, packed("zstd", "-q", level, content=content)).exact


def test_lz4_is_estimated_from_its_blocks(tmp_path: Path) -> None:
    content = os.urandom(64) * (20 * MIB // 64)
    found = sizes(tmp_path, packed("lz4", "-l", "-q", content=content))
    assert not found.exact and 20 * MIB <= found.unpacked <= 24 * MIB


def test_a_file_of_zeros_is_looked_at_in_no_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was cut short and grown again. What no boot loader would load is not looked at."""
    (tmp_path / "initramfs.img").write_bytes(EARLY)
    os.truncate(tmp_path / "initramfs.img", 1 << 30)
    made = counted(monkeypatch, "pread")
    assert initrd.read(str(tmp_path), "initramfs.img") == Initrd(1 << 30, 12 << 10)
    assert len(made) < 1100
    os.truncate(tmp_path / "initramfs.img", initrd.LARGEST + 1)
    assert initrd.read(str(tmp_path), "initramfs.img") is None


def test_what_is_not_known_is_estimated_by_a_factor(tmp_path: Path) -> None:
    assert sizes(tmp_path, b"BZh9" + b"x" * 96) == Initrd(100, 400, exact=False)
    assert sizes(tmp_path, EARLY + b"BZh9" + b"x" * 96).unpacked == 400 + (12 << 10)


def test_two_gzip_members_are_not_believed(tmp_path: Path) -> None:
    content = gzip.compress(os.urandom(9000)) + gzip.compress(b"x")
    assert sizes(tmp_path, content) == Initrd(len(content), 4 * len(content), exact=False)


@pytest.mark.parametrize("magic", [b"", b"070701", b"\x1f\x8b", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"\x02\x21\x4c\x18", b"\0"])
@pytest.mark.parametrize("length", [0, 1, 3, 7, 12, 40, 200])
def test_broken_files_are_estimated_too(tmp_path: Path, magic: bytes, length: int) -> None:
    for fill in (b"\xff", b"\0", b"Z", b"0"):
        assert 0 <= sizes(tmp_path, magic + fill * length).unpacked <= 1 << 64


@pytest.mark.parametrize("content", [EARLY + gzip.compress(MAIN), lzma.compress(MAIN), MAIN], ids=["gzip", "xz", "plain"])
def test_a_file_that_is_cut_short_is_never_smaller_than_itself(tmp_path: Path, content: bytes) -> None:
    for length in (1, 5, 100, len(content) // 2, len(content) - 1):
        found = sizes(tmp_path, content[:length])
        assert found.unpacked >= length - len(EARLY)


def test_a_missing_file_and_a_directory_are_none(tmp_path: Path) -> None:
    assert initrd.read(str(tmp_path), "no-such-file") is None
    assert initrd.read(str(tmp_path), ".") is None
    os.mkfifo(tmp_path / "fifo")
    assert initrd.read(str(tmp_path), "fifo") is None
    (tmp_path / "loop").symlink_to("loop")
    assert initrd.read(str(tmp_path), "loop") is None
