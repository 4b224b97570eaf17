# SPDX-License-Identifier: Apache-2.0
"""Where the interpreter's packages come from. apt is a stand-in here; the other tests use the real one's downloads."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator.errors import Failure
from orchestrator.freeze import archive

SUITE = archive.SUITES["bookworm"]
# Answers `indextargets` as a machine with a security archive does; for the rest it notes its arguments and the source.
APT = """#!/bin/sh
if [ "$1" = indextargets ]; then
    printf '%s' "$TARGETS"
    exit 0
fi
for word; do
    case "$word" in Dir::Etc::sourcelist=*) cat "${word#*=}" >> "$NOTES" ;; esac
done
echo "$*" >> "$NOTES"
[ -z "$COMPLAINT" ] || { echo "$COMPLAINT" >&2; exit 100; }
case "$*" in *" download "*) for name in "$@"; do :; done; : > "$name.deb" ;; esac
"""
DPKG_DEB = '#!/bin/sh\nmkdir -p "$3/usr"\ncp "$2" "$3/usr/"\n'


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the stand-ins first on PATH; what apt was asked is noted in the file returned."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in (("apt-get", APT), ("dpkg-deb", DPKG_DEB)):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    monkeypatch.setenv("NOTES", str(tmp_path / "notes"))
    monkeypatch.setenv("TARGETS", "Debian-Security|http://example.org/security\nDebian|http://example.org/debian/\n")
    return tmp_path / "notes"


def test_the_machines_own_archive(notes: Path, tmp_path: Path) -> None:
    unpacked = archive.unpack(SUITE, str(tmp_path / "cache"), {})
    said = notes.read_text()
    assert "http://example.org/debian/ bookworm main\n" in said and "security" not in said
    assert said.splitlines()[-1].endswith(f"download {' '.join(SUITE.packages)}")
    assert unpacked.packages == ("libexpat1.deb",)
    assert os.listdir(os.path.join(unpacked.root, "usr")) == ["libexpat1.deb"]


def test_another_archive(notes: Path, tmp_path: Path) -> None:
    archive.unpack(SUITE, str(tmp_path / "cache"), {archive.ARCHIVE_ENV: "file:/mirror"})
    assert "file:/mirror bookworm main\n" in notes.read_text()


def test_nothing_outside_the_cache(notes: Path, tmp_path: Path) -> None:
    """apt's state, lists and packages are private; the machine's are neither read nor changed."""
    archive.unpack(SUITE, str(tmp_path / "cache"), {})
    asked = [line for line in notes.read_text().splitlines() if " -q " in line]
    assert len(asked) == 2
    for option in ("Dir::State", "Dir::State::status", "Dir::State::lists", "Dir::Cache", "Dir::Etc::sourcelist"):
        assert all(f" {option}={tmp_path}/cache/" in f" {line}" for line in asked)


def test_another_architecture(notes: Path, tmp_path: Path) -> None:
    """apt is told of it, and the packages lie apart from this machine's own."""
    own = archive.unpack(SUITE, str(tmp_path / "cache"), {})
    assert "APT::Architecture" not in notes.read_text()
    notes.unlink()
    other = archive.unpack(SUITE, str(tmp_path / "cache"), {}, "arm64")
    asked = [line for line in notes.read_text().splitlines() if " -q " in line]
    assert len(asked) == 2 and all("APT::Architecture=arm64 -o APT::Architectures=arm64" in line for line in asked)
    assert own.root != other.root


def test_downloads_once(notes: Path, tmp_path: Path) -> None:
    first = archive.unpack(SUITE, str(tmp_path / "cache"), {})
    notes.unlink()
    assert archive.unpack(SUITE, str(tmp_path / "cache"), {}) == first
    assert not notes.exists()


def test_failed_download(notes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence with apt's own reason, and nothing that a later run takes for the packages."""
    monkeypatch.setenv("COMPLAINT", "W: odd\nE: no route\nE: some files")
    with pytest.raises(Failure) as failed:
        archive.unpack(SUITE, str(tmp_path / "cache"), {})
    assert str(failed.value) == f"`apt-get update` failed (E: no route); check the network, or set {archive.ARCHIVE_ENV}"
    monkeypatch.delenv("COMPLAINT")
    archive.unpack(SUITE, str(tmp_path / "cache"), {})


def test_no_debian_archive(notes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TARGETS", "Other|http://example.org/other\n")
    with pytest.raises(Failure, match=f"apt knows no Debian archive on this machine; .* set {archive.ARCHIVE_ENV}"):
        archive.unpack(SUITE, str(tmp_path / "cache"), {})


def test_no_apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Failure, match="apt-get is not installed; freeze on a Debian machine"):
        archive.unpack(SUITE, str(tmp_path / "cache"), {})
