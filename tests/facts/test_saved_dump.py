# SPDX-License-Identifier: Apache-2.0
"""saved_dump.py: which dumps there are, and what stands in them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator.facts import saved_dump
from orchestrator.facts.saved_dump import Saved
from orchestrator.rules.vmcore import Format
from tests import dumps
from tests.sample import Sample

NAMES: list[tuple[str, list[str], list[str]]] = [
    ("nothing", [], []),
    ("kdump-tools", ["202601010000/dump.202601010000", "202601010000/dmesg.202601010000"], ["202601010000/dump.202601010000"]),
    ("kdump-utils", ["h-x/vmcore", "h-x/vmcore-dmesg.txt", "h-x/kexec-dmesg.log"], ["h-x/vmcore"]),
    ("kdumpctl test", ["kdump-test-1-2/h-x/vmcore", "kdump-test-1-2/vmcore-creation.status"], ["kdump-test-1-2/h-x/vmcore"]),
    ("SUSE", ["2026-01-01-00:00/vmcore", "2026-01-01-00:00/dmesg", "2026-01-01-00:00/README.txt"], ["2026-01-01-00:00/vmcore"]),
    ("unfinished", ["x/vmcore-incomplete", "y/dump-incomplete"], ["x/vmcore-incomplete", "y/dump-incomplete"]),
    ("no directory", ["kexec_cmd"], []),
]


@pytest.mark.parametrize(("files", "expected"), [row[1:] for row in NAMES], ids=[row[0] for row in NAMES])
def test_which_dumps_there_are(tmp_path: Path, files: list[str], expected: list[str]) -> None:
    for name in files:
        Sample(tmp_path).write(f"var/crash/{name}", "")
    found = saved_dump.found(str(tmp_path), "/var/crash")
    assert sorted(each.path for each in found) == sorted(f"/var/crash/{name}" for name in expected)


def test_the_newest_comes_first_and_one_written_again_is_another(tmp_path: Path) -> None:
    sample = Sample(tmp_path)
    for number, name in enumerate(("b", "c", "a")):
        os.utime(sample.write(f"var/crash/{name}/vmcore", ""), ns=(0, number))
    found = saved_dump.found(str(tmp_path), "/var/crash")
    assert [each.path for each in found] == ["/var/crash/a/vmcore", "/var/crash/c/vmcore", "/var/crash/b/vmcore"]
    os.utime(tmp_path / "var/crash/a/vmcore", ns=(0, 9))
    assert saved_dump.found(str(tmp_path), "/var/crash")[0].stamp != found[0].stamp


def opened(root: Path, content: bytes | None, **beside: str) -> saved_dump.Opened:
    """A dump of this content, with these files beside it."""
    sample = Sample(root)
    for name, text in beside.items():
        sample.write(f"var/crash/x/{name}", text)
    if content is not None:
        sample.write("var/crash/x/dump.1", content)
    return saved_dump.opened(str(root), Saved("/var/crash/x/dump.1", 0), live=False)


def test_a_dump_and_its_log(tmp_path: Path) -> None:
    found = opened(tmp_path, dumps.flattened(dumps.compressed()), **{"dmesg.1": dumps.log("a1")})
    assert found.header is not None and found.header.format is Format.FLATTENED and found.header.complete
    assert found.log == dumps.log("a1") and not found.unfinished


def test_only_the_end_of_a_log_is_read(tmp_path: Path) -> None:
    found = opened(tmp_path, dumps.compressed(), **{"dmesg.1": "x" * (saved_dump.LOG_END + 5) + dumps.log("a1")})
    assert found.log is not None and len(found.log) == saved_dump.LOG_END and found.log.endswith(dumps.log("a1"))


def test_a_log_that_is_not_there_or_not_finished(tmp_path: Path) -> None:
    assert opened(tmp_path, dumps.compressed(), **{"vmcore-dmesg-incomplete.txt": "x"}).log is None


BAD: list[tuple[str, bytes | None, str]] = [
    ("gone", None, "cannot be read"),
    ("empty", b"", "is empty"),
    ("noise", bytes(range(256)), "is no dump"),
    ("offsets beyond any file", dumps.elf()[:32] + b"\xff" * 8 + dumps.elf()[40:], ""),
]


@pytest.mark.parametrize(("content", "words"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_what_cannot_be_read(tmp_path: Path, content: bytes | None, words: str) -> None:
    found = opened(tmp_path, content)
    assert found.header is None and words in found.unreadable and found.unreadable


def test_a_fifo_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "var/crash/x").mkdir(parents=True)
    os.mkfifo(tmp_path / "var/crash/x/dump.1")
    assert "no regular file" in opened(tmp_path, None).unreadable
