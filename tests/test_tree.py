# SPDX-License-Identifier: Apache-2.0
"""tree.py: files below a root, links followed as if the root were `/`."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator import tree
from orchestrator.errors import Refusal
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
    with pytest.raises(Refusal, match="^/d cannot be read .Is a directory"):
        tree.read_bytes(str(tmp_path), "d")


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
