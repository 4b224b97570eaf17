# SPDX-License-Identifier: Apache-2.0
"""labels.py: what is made without a policy has the label of its directory."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator.decide.decision import Decision, Kind
from orchestrator.decide.plan import Plan
from orchestrator.facts.record import Record
from orchestrator.system import labels, process
from orchestrator.write import outcome, record
from tests.conftest import Make

LIB, LOG, OWN = (f"system_u:object_r:{name}:s0\0".encode() for name in ("var_lib_t", "var_log_t", "own_t"))
RECORD = Record("ostree/deploy/os/deploy/a.0", "loader/entries/ostree-1.conf", "256M", "root=x", "root=x crashkernel=256M")


def put(path: Path, label: bytes) -> None:
    """Label a file or a directory, or skip the test."""
    try:
        os.setxattr(path, labels.LABEL, label)
    except OSError as error:
        pytest.skip(f"{labels.LABEL} cannot be set here: {error.strerror}")


def label(path: Path) -> bytes | None:
    """The label; None without one."""
    try:
        return os.getxattr(path, labels.LABEL)
    except OSError:
        return None


@pytest.fixture
def lib(tmp_path: Path) -> Path:
    """A directory with a label."""
    place = tmp_path / "lib"
    place.mkdir()
    put(place, LIB)
    return place


def test_new_directories_get_the_label_of_the_first_that_is_there(lib: Path) -> None:
    labels.make_directories(f"{lib}/a/b")
    assert label(lib / "a") == label(lib / "a/b") == LIB
    assert (lib / "a/b").stat().st_mode & 0o777 == 0o755
    labels.make_directories(f"{lib}/a/b")


def test_a_label_that_is_there_stays(lib: Path) -> None:
    (lib / "file").touch()
    put(lib / "file", OWN)
    labels.pass_on(f"{lib}/file")
    assert label(lib / "file") == OWN


def test_nothing_is_passed_on_without_one(tmp_path: Path) -> None:
    """As on a system without SELinux."""
    labels.make_directories(f"{tmp_path}/a")
    assert label(tmp_path / "a") is None


@pytest.mark.parametrize("call", ["getxattr", "setxattr"])
def test_a_label_that_cannot_be_set_costs_nothing(lib: Path, call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, call, fails)
    labels.make_directories(f"{lib}/a")
    assert (lib / "a").is_dir()


def test_all_that_the_initramfs_leaves_in_var_is_labelled(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """The notes, the record and the journal, with every directory above them."""
    monkeypatch.setattr(process, "run", lambda *_: "")
    sample = make()
    var = sample.root / "sysroot/var"
    for name, wanted in (("lib", LIB), ("log", LOG)):
        (var / name).mkdir(parents=True, exist_ok=True)
        put(var / name, wanted)
    sample.write(f"{outcome.RUNTIME_JOURNAL}/0123/system.journal", "lines")
    outcome.begin(str(var))
    outcome.record(str(sample.root), str(var), Decision(Kind.CHANGE, "because"))
    record.enter(str(var), Plan(Decision(Kind.CHANGE, "because"), (), record=RECORD), must=True)
    outcome.save_journal(str(sample.root), str(var))
    for name, wanted, count in (("lib", LIB, 4), ("log", LOG, 3)):
        made = list((var / name).rglob("*"))
        assert len(made) == count and {label(path) for path in made} == {wanted}, made
