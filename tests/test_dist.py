# SPDX-License-Identifier: Apache-2.0
"""`make dist`, and what `make install` puts where beside the program."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import subprocess
import tarfile
from pathlib import Path

import pytest

from orchestrator import __version__

CHECKOUT = Path(__file__).parent.parent
UNIT_DIR = "usr/lib/systemd/system"
MODULE_DIR = "usr/lib/dracut/modules.d/99kdump-karg"
DOC_DIR = "usr/share/doc/kdump-karg"
INSTALLED = {
    f"{MODULE_DIR}/kdump-karg-reboot.service",
    f"{MODULE_DIR}/kdump-karg-write.service",
    f"{MODULE_DIR}/kdump-karg.service",
    f"{MODULE_DIR}/ignition-kargs-helper.sh",
    f"{MODULE_DIR}/module-setup.sh",
    f"{UNIT_DIR}/kdump-karg-finish.service",
    f"{UNIT_DIR}/kdump-karg-report.service",
    f"{UNIT_DIR}/multi-user.target.wants/kdump-karg-finish.service",
    f"{UNIT_DIR}/multi-user.target.wants/kdump-karg-report.service",
    "usr/share/bash-completion/completions/kdump-karg",
    "usr/share/man/man5/kdump-karg.conf.5",
    "usr/share/man/man8/kdump-karg.8",
    f"{DOC_DIR}/CHANGELOG.md",
    f"{DOC_DIR}/CONTRIBUTING.md",
    f"{DOC_DIR}/README.md",
    "usr/share/licenses/kdump-karg/LICENSE",
    *(f"{DOC_DIR}/docs/{path.name}" for path in (CHECKOUT / "docs").iterdir()),
}


def git(*argv: str, where: Path = CHECKOUT) -> str:
    """What git prints; CalledProcessError where it fails."""
    return subprocess.run(["git", *argv], cwd=where, capture_output=True, text=True, check=True).stdout


def is_checkout() -> bool:
    """Is this a git checkout of ours that git will work on?"""
    try:
        return git("rev-parse", "--show-toplevel").rstrip("\n") == str(CHECKOUT.resolve())
    except (OSError, subprocess.CalledProcessError):
        return False


in_checkout = pytest.mark.skipif(not is_checkout(), reason="no git, or no git checkout: no commit to make an archive of")


def make(where: Path, *argv: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`make`, free of what a make above these tests hands down."""
    clean = {key: text for key, text in os.environ.items() if not key.startswith(("MAKE", "MFLAGS", "DESTDIR", "GIT_"))}
    argv = ("make", "--no-print-directory", *argv)
    return subprocess.run(argv, cwd=where, env={**clean, **environment}, capture_output=True, text=True, check=False)


def dist(where: Path, build: Path, **environment: str) -> Path:
    """The archive that `make dist` makes in a checkout, with its products below `build`."""
    done = make(where, "dist", f"BUILD={build}", **environment)
    assert done.returncode == 0, done.stderr
    found = list((build / "dist").iterdir())
    assert len(found) == 1 and done.stdout == f"{found[0]}\n"
    return found[0]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of this checkout's commit."""
    place = tmp_path_factory.mktemp("clone") / "elsewhere"
    git("clone", "--quiet", "--no-local", str(CHECKOUT), str(place))
    git("checkout", "--quiet", "--detach", git("rev-parse", "HEAD").strip(), where=place)
    return place


@pytest.fixture(scope="module")
def archive(clone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive of the commit."""
    return dist(clone, tmp_path_factory.mktemp("archive"))


@pytest.fixture(scope="module")
def unpacked(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive, unpacked."""
    place = tmp_path_factory.mktemp("unpacked")
    subprocess.run(["tar", "--extract", "--file", archive, "--directory", place], check=True)
    (top,) = place.iterdir()
    return top


@in_checkout
def test_the_archive_is_the_same_twice(clone: Path, archive: Path, tmp_path: Path) -> None:
    """From another checkout, with other settings, another time zone and umask, beside a file that is in no commit."""
    git("config", "tar.umask", "user", where=clone)
    git("config", "core.abbrev", "40", where=clone)
    (clone / "not-committed").write_text("x")
    before = os.umask(0o077)
    try:
        again = dist(clone, tmp_path / "a", TZ="Asia/Tokyo", LC_ALL="C")
    finally:
        os.umask(before)
        (clone / "not-committed").unlink()
    here = dist(CHECKOUT, tmp_path / "b")
    sums = {hashlib.sha256(path.read_bytes()).hexdigest() for path in (archive, again, here)}
    assert len(sums) == 1
    assert {path.name for path in (archive, again, here)} == {archive.name}


@in_checkout
def test_the_archive_holds_what_is_committed(archive: Path, unpacked: Path) -> None:
    committed = set(git("ls-tree", "-r", "--name-only", "-z", "HEAD").split("\0")) - {""}
    with tarfile.open(archive) as opened:
        members = opened.getmembers()
    assert all(member.name.split("/")[0] == unpacked.name for member in members)
    assert {member.name.partition("/")[2] for member in members if not member.isdir()} == committed
    assert {(member.uid, member.gid) for member in members} == {(0, 0)}
    assert {member.mtime for member in members} == {int(git("log", "-1", "--format=%ct"))}
    assert not any(member.mode & 0o022 for member in members if not member.issym())


@in_checkout
def test_the_archive_is_named_after_the_version_that_it_holds(archive: Path, unpacked: Path) -> None:
    version = make(unpacked, "--silent", "version").stdout.strip()
    assert archive.name == f"kdump-karg-{version}.tar.gz"
    assert unpacked.name == f"kdump-karg-{version}"
    if not git("status", "--porcelain", "orchestrator/__init__.py"):
        assert version == __version__


@in_checkout
def test_an_unpacked_archive_installs(unpacked: Path, tmp_path: Path) -> None:
    """All but the program, which needs the set-up; below a directory of another git checkout, too."""
    assert make(unpacked, "install-data", f"DESTDIR={tmp_path}").returncode == 0
    assert files(tmp_path) == INSTALLED


@in_checkout
def test_an_unpacked_archive_makes_no_archive(unpacked: Path) -> None:
    """Not even where it lies in another checkout, whose commit that would be."""
    git("init", "--quiet", where=unpacked.parent)
    done = make(unpacked, "dist")
    shutil.rmtree(unpacked.parent / ".git")
    assert done.returncode != 0
    assert done.stderr.startswith("make dist: this is no git checkout, and the archive is made from a commit; use a clone\n")
    assert not (unpacked / "build").exists()


def files(root: Path) -> set[str]:
    """All files and links below a directory."""
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_symlink() or not path.is_dir()}


def test_what_is_installed_beside_the_program(tmp_path: Path) -> None:
    done = make(CHECKOUT, "install-data", f"DESTDIR={tmp_path}")
    assert done.returncode == 0, done.stderr
    assert files(tmp_path) == INSTALLED
    for path in INSTALLED:
        place = tmp_path / path
        assert place.exists(), f"{path} leads nowhere"
        assert stat.S_IMODE(place.stat().st_mode) == (0o755 if path.endswith(".sh") else 0o644), path


def test_install_installs_that_and_the_program() -> None:
    """Told by make, not done: what the program's own installation does is looked at elsewhere."""
    told = make(CHECKOUT, "--dry-run", "install", "DESTDIR=/stage").stdout
    assert "-m orchestrator.freeze install --frozen build/frozen --target /stage" in told
    assert "install -m 644 man/kdump-karg.8 /stage/usr/share/man/man8/" in told


def test_what_the_pages_name_is_installed() -> None:
    named = (CHECKOUT / "man/kdump-karg.8").read_text()
    for path in (f"{DOC_DIR}/README.md", f"{DOC_DIR}/docs/first-boot.md"):
        assert f"/{path}" in named and path in INSTALLED
