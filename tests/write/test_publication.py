# SPDX-License-Identifier: Apache-2.0
"""publication.py: whoever reads a published file finds the old text or the new one."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from orchestrator.write.publication import publish
from tests.sample import Sample


def test_a_new_file_for_everybody_to_read(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        publish(str(tmp_path), "run/a/b.prom", "x\udcff\n")
    finally:
        os.umask(before)
    place = tmp_path / "run/a/b.prom"
    assert place.read_bytes() == b"x\\udcff\n" and stat.S_IMODE(place.stat().st_mode) == 0o644
    assert os.listdir(place.parent) == ["b.prom"]


def test_the_old_text_stays_as_it_is_for_whoever_has_opened_it(tmp_path: Path) -> None:
    publish(str(tmp_path), "x.prom", "old")
    with (tmp_path / "x.prom").open() as reader:
        publish(str(tmp_path), "x.prom", "new")
        assert (reader.read(), (tmp_path / "x.prom").read_text()) == ("old", "new")


@pytest.mark.parametrize("call", ["rename", "fchmod"])
def test_a_failure_leaves_the_old_text_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    publish(str(tmp_path), "x.prom", "old")

    def fail(*_: object) -> None:
        names = os.listdir(tmp_path)
        assert len(names) == 2 and not [name for name in names if name.endswith(".prom") and name != "x.prom"]
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(OSError, match="No space"):
        publish(str(tmp_path), "x.prom", "new")
    assert os.listdir(tmp_path) == ["x.prom"] and (tmp_path / "x.prom").read_text() == "old"


def test_a_link_is_followed_inside_the_root(tmp_path: Path) -> None:
    Sample(tmp_path).link("run/x.json", "/elsewhere/y.json")
    publish(str(tmp_path), "run/x.json", "{}")
    assert (tmp_path / "elsewhere/y.json").read_text() == "{}" and (tmp_path / "run/x.json").is_symlink()


def test_a_link_in_the_place_of_the_temporary_file_is_not_followed(tmp_path: Path) -> None:
    Sample(tmp_path).write("secret", "x")
    Sample(tmp_path).link(f".x.prom.{os.getpid()}", "secret")
    with pytest.raises(OSError, match="symbolic links"):
        publish(str(tmp_path), "x.prom", "new")
    assert (tmp_path / "secret").read_text() == "x" and sorted(os.listdir(tmp_path)) == ["secret"]
