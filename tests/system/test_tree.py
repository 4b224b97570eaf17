# SPDX-License-Identifier: Apache-2.0
"""tree.py: files below a root, links followed as if the root were `/`."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.errors import Refusal
from orchestrator.system import tree
from tests.isolated import counted, no_hang
from tests.sample import Sample

# (link, its target), the path asked for, where it really is
LINKS = [
    ("no link", (), "etc/a", "etc/a"),
    ("absolute", (("etc", "/usr/etc"),), "etc/a", "usr/etc/a"),
    ("absolute, of the last part", (("etc/a", "/usr/b"),), "etc/a", "usr/b"),
    ("relative", (("etc/a", "../usr/b"),), "etc/a", "usr/b"),
    ("out of the root by dots", (("etc/a", "../../../../etc/passwd"),), "etc/a", "etc/passwd"),
    ("out of the root by dots in the path", (), "../../etc/passwd", "etc/passwd"),
    ("link to a link", (("a", "/b"), ("b", "c/d")), "a/x", "c/d/x"),
    ("dots after a link", (("a", "/b/c"),), "a/../x", "b/x"),
    ("dots after what is not there", (("a", "/b/c"),), "no/thing/../../a/x", "b/c/x"),
    ("link to the root", (("a", "/"),), "a/etc", "etc"),
    ("dot and empty parts", (), "./etc//a/.", "etc/a"),
    ("missing in the middle", (), "no/such/name", "no/such/name"),
]


@pytest.mark.parametrize(("links", "path", "real"), [row[1:] for row in LINKS], ids=[row[0] for row in LINKS])
def test_resolve(tmp_path: Path, links: tuple[tuple[str, str], ...], path: str, real: str) -> None:
    for link, target in links:
        Sample(tmp_path).link(link, target)
    assert tree.resolve(str(tmp_path), path) == f"{tmp_path}/{real}"


def test_resolve_stops_before_the_last_link_when_told_to(tmp_path: Path) -> None:
    Sample(tmp_path).link("etc", "/usr/etc")
    Sample(tmp_path).link("usr/etc/a", "/b")
    assert tree.resolve(str(tmp_path), "etc/a", last=False) == f"{tmp_path}/usr/etc/a"


def test_the_root_of_the_system_is_the_empty_string() -> None:
    assert tree.resolve("", "proc/cmdline") == "/proc/cmdline"


@pytest.mark.parametrize(("count", "refused"), [(40, False), (41, True)])
def test_as_many_links_as_the_kernel_follows(tmp_path: Path, count: int, refused: bool) -> None:
    for number in range(count):
        Sample(tmp_path).link(f"l{number}", f"l{number + 1}")
    Sample(tmp_path).write(f"l{count}", "x")
    if refused:
        with pytest.raises(Refusal, match="too many levels"):
            tree.read_text(str(tmp_path), "l0")
        return
    assert tree.read_text(str(tmp_path), "l0") == "x"


@pytest.mark.parametrize("links", [(("a", "a"),), (("a", "/b"), ("b", "/a"))], ids=["itself", "two"])
def test_loops_are_refused(tmp_path: Path, links: tuple[tuple[str, str], ...]) -> None:
    for link, target in links:
        Sample(tmp_path).link(link, target)
    with pytest.raises(Refusal, match="^/a/x: too many levels"):
        tree.read_bytes(str(tmp_path), "a/x")
    assert tree.link_target(str(tmp_path), "a") == links[0][1]
    assert tree.exists(str(tmp_path), "a")


def test_reading(tmp_path: Path) -> None:
    sample = Sample(tmp_path)
    sample.write("a", b"\xc3\xa9\n")
    sample.write("b", b"ok\xff")
    root = str(tmp_path)
    assert tree.read_text(root, "a") == "é\n"
    assert tree.read_text(root, "missing") is None
    assert tree.read_bytes(root, "a/below/a/file") is None
    with pytest.raises(Refusal, match=r"^/b is not UTF-8 \(byte 2 is 0xff\); save it as UTF-8$"):
        tree.read_text(root, "b")


def test_what_cannot_be_read_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    with pytest.raises(Refusal, match="^/d is a directory, not a regular file; put a regular file there$"):
        tree.read_bytes(str(tmp_path), "d")
    with pytest.raises(Refusal, match="^/boot/d is a directory"):
        tree.read_bytes(str(tmp_path), "d", above="/boot/")


def bind(path: Path) -> None:
    """A socket of that name; the path of one must be short, so it is made from inside its directory."""
    with socket.socket(socket.AF_UNIX) as listener, contextlib.chdir(path.parent):
        listener.bind(path.name)


def link_to_fifo(path: Path) -> None:
    """A link of that name, and a FIFO beside it."""
    os.mkfifo(path.with_name("g"))
    path.symlink_to("g")


# What stands there, how it is made, what the refusal calls it
SPECIAL: list[tuple[str, Callable[[Path], object], str]] = [
    ("FIFO", os.mkfifo, "a FIFO"),
    ("link to a FIFO", link_to_fifo, "a FIFO"),
    ("socket", bind, "a socket or a device without a driver"),
    ("directory", Path.mkdir, "a directory"),
]


@pytest.mark.parametrize(("build", "kind"), [row[1:] for row in SPECIAL], ids=[row[0] for row in SPECIAL])
def test_only_regular_files_are_read_and_nothing_is_waited_for(
    tmp_path: Path, build: Callable[[Path], object], kind: str
) -> None:
    build(tmp_path / "f")
    with no_hang(), pytest.raises(Refusal, match=f"^/f is {kind}, not a regular file; put a regular file there$"):
        tree.read_bytes(str(tmp_path), "f")


def test_devices_of_the_running_system() -> None:
    """A file that is a link to /dev/null is a masked one, and reads as empty; other devices are refused, /dev/zero too."""
    assert tree.read_bytes("", "dev/null") == b""
    assert tree.read_text("", "dev/null") == ""
    with pytest.raises(Refusal, match="^/dev/zero is a character device, not a regular file"):
        tree.read_bytes("", "dev/zero")


@pytest.mark.parametrize("limit", [0, 1, 5000, tree.PIECE - 1, tree.PIECE, tree.PIECE + 1, tree.LARGEST])
def test_a_file_may_be_as_large_as_its_bound(tmp_path: Path, limit: int) -> None:
    (tmp_path / "f").write_bytes(content := os.urandom(limit))
    assert tree.read_bytes(str(tmp_path), "f", limit) == content
    (tmp_path / "f").write_bytes(content + b"x")
    with pytest.raises(Refusal, match="^/f is larger than "):
        tree.read_bytes(str(tmp_path), "f", limit)


@pytest.mark.parametrize(("limit", "words"), [(1 << 20, "1 MiB .1048576 bytes."), (64 << 10, "64 KiB .65536 bytes.")])
def test_a_file_that_is_too_large_is_refused_with_its_bound(tmp_path: Path, limit: int, words: str) -> None:
    (tmp_path / "f").touch()
    os.truncate(tmp_path / "f", 3 << 30)
    with pytest.raises(Refusal, match=f"^/f is larger than {words}, the most that is read of it; shorten it$"):
        tree.read_bytes(str(tmp_path), "f", limit)


def test_files_of_the_kernel_tell_no_size_and_are_read_to_their_end() -> None:
    """In pieces, and what was read counts against the bound."""
    found = tree.read_bytes("", "proc/self/smaps", tree.LARGEST_OF_KERNEL)
    assert found and found.endswith(b"\n") and len(found) > tree.PIECE and os.stat("/proc/self/smaps").st_size == 0
    with pytest.raises(Refusal, match="^/proc/self/smaps is larger than 4 KiB"):
        tree.read_bytes("", "proc/self/smaps", 4 << 10)


@pytest.mark.parametrize(("limit", "refused"), [(3, True), (4, True), (5, True), (6, False)])
def test_a_file_that_comes_in_pieces_is_never_cut_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int, refused: bool
) -> None:
    """Also where a piece ends at the bound."""
    (tmp_path / "f").touch()
    pieces = iter([b"ab", b"cd", b"ef", b""])
    monkeypatch.setattr(os, "read", lambda *_: next(pieces))
    if refused:
        with pytest.raises(Refusal, match="^/f is larger than"):
            tree.read_bytes(str(tmp_path), "f", limit)
        return
    assert tree.read_bytes(str(tmp_path), "f", limit) == b"abcdef"


def test_a_read_costs_five_system_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """open, fstat, two reads, close: some thirty files are read on every first boot."""
    (tmp_path / "f").write_bytes(b"x" * 3 * tree.PIECE)
    made = [counted(monkeypatch, name) for name in ("open", "fstat", "read", "close")]
    assert tree.read_bytes(str(tmp_path), "f") == b"x" * 3 * tree.PIECE
    monkeypatch.undo()
    assert [len(calls) for calls in made] == [1, 1, 2, 1]


def test_names_and_kinds(tmp_path: Path) -> None:
    sample = Sample(tmp_path)
    for name in ("b", "a", ".c"):
        sample.write(f"d/{name}", "")
    sample.link("l", "/d")
    sample.link("dangling", "/none")
    root = str(tmp_path)
    assert tree.names(root, "l") == [".c", "a", "b"]
    assert tree.names(root, "none") == tree.names(root, "d/a") == []
    assert tree.is_directory(root, "l") and not tree.is_directory(root, "d/a") and not tree.is_directory(root, "none")
    assert tree.exists(root, "dangling") and not tree.exists(root, "none")
    assert tree.link_target(root, "l") == "/d" and tree.link_target(root, "d") is None
