# SPDX-License-Identifier: Apache-2.0
"""What is put into a root, and which roots are refused."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from orchestrator.errors import Failure, Refusal
from orchestrator.freeze import install, tree
from orchestrator.freeze.__main__ import main
from tests.freeze.test_tree import COMMAND, content, freeze_once, inside, root_only

EXPAT, ZLIB = "libexpat.so.1", "libz.so.1"


@pytest.fixture(scope="module")
def frozen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A frozen tree of this checkout."""
    return freeze_once(tmp_path_factory)


@pytest.fixture
def target(frozen: Path, tmp_path: Path) -> Path:
    """A root with the libraries and nothing else, /lib and /lib64 links as they are everywhere."""
    shutil.copytree(frozen, tmp_path / "target", symlinks=True)
    for directory in (tree.PRIVATE, tree.LICENCES):
        shutil.rmtree(tmp_path / "target" / directory)
    (tmp_path / "target" / tree.COMMAND).unlink()
    return tmp_path / "target"


def library(root: Path, name: str) -> Path:
    """The file of a library whose name begins like this."""
    return next((root / "usr").rglob(name + "*"))


def forge(path: Path, version: bytes) -> None:
    """Make a library's version read as another, as in one from before it."""
    data = path.read_bytes()
    assert version + b"\0" in data
    path.write_bytes(data.replace(version + b"\0", version.replace(b"_", b"-") + b"\0"))


@root_only
def test_installed_program_runs(frozen: Path, target: Path) -> None:
    before = content(target)
    installed = install.install(str(frozen), str(target))
    after = content(target)
    assert after.keys() - before.keys() == set(installed.paths)
    assert before.items() <= after.items()
    assert installed.unseen == ()
    assert inside(target, COMMAND, "--version").returncode == 0


def test_staging_directory(frozen: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No C library there: a package is being made, and it gets our files only."""
    assert main(["install", "--frozen", str(frozen), "--target", str(tmp_path / "stage")]) == 0
    said = capsys.readouterr()
    assert set(content(tmp_path / "stage")) == set(said.out.split())
    assert all(path.startswith(("usr/lib/kdump-karg/", tree.LICENCES, tree.COMMAND)) for path in said.out.split())
    assert [path for path in said.out.split() if "LICENSE" in path] == [f"{tree.LICENCES}/LICENSE.python"]
    assert content(tmp_path / "stage").items() <= content(frozen).items()
    assert said.err.endswith(f"has no C library; an image needs libc.so.6, {EXPAT}, libm.so.6, {ZLIB}\n")
    assert said.err.count("\n") == 1


@root_only
@pytest.mark.parametrize("names", [(EXPAT,), (ZLIB,), (EXPAT, ZLIB)])
def test_brings_what_is_not_there(names: tuple[str, ...], frozen: Path, target: Path) -> None:
    for name in names:
        library(target, name).unlink()
    installed = install.install(str(frozen), str(target))
    where = library(target, "libc.so").relative_to(target).parent
    brought = {path for path in installed.paths if ".so." in path}
    assert brought == {str(where / name) for name in names} | {f"{tree.LICENCES}/LICENSE.{name}" for name in names}
    assert inside(target, COMMAND, "--version").returncode == 0


@root_only
def test_brings_what_is_too_old(frozen: Path, target: Path) -> None:
    """The soname is ours now; the file that it was a link to stays."""
    link = library(target, ZLIB)
    forge(link.rename(link.with_name("libz.so.1.0")), b"ZLIB_1.2.0")
    link.symlink_to("libz.so.1.0")
    installed = install.install(str(frozen), str(target))
    assert str(link.relative_to(target)) in installed.paths
    assert link.read_bytes() == library(frozen, ZLIB).read_bytes() and not link.is_symlink()
    assert link.with_name("libz.so.1.0").exists()
    assert inside(target, COMMAND, "--version").returncode == 0


def test_again_is_the_same(frozen: Path, target: Path) -> None:
    library(target, EXPAT).unlink()
    install.install(str(frozen), str(target))
    first = content(target)
    install.install(str(frozen), str(target))
    assert content(target) == first


def test_fedora_layout(frozen: Path, target: Path) -> None:
    """Libraries in /usr/lib64, with 32-bit ones of the same names in /usr/lib."""
    directory = library(target, "libc.so").parent
    for path in directory.iterdir():
        path.rename(target / "usr/lib64" / path.name)
        data = bytearray((target / "usr/lib64" / path.name).read_bytes())
        data[18:20] = (3).to_bytes(2, "little")  # e_machine: EM_386
        (target / "usr/lib" / path.name).write_bytes(data)
    directory.rmdir()
    (target / "usr/lib64" / EXPAT).unlink()
    assert f"usr/lib64/{EXPAT}" in install.install(str(frozen), str(target)).paths


def test_absolute_links_stay_inside_the_target(frozen: Path, target: Path) -> None:
    """/usr/bin -> /elsewhere means the target's /elsewhere."""
    shutil.rmtree(target / "usr/bin")
    (target / "elsewhere").mkdir()
    (target / "usr/bin").symlink_to("/elsewhere")
    install.install(str(frozen), str(target))
    assert (target / "elsewhere/kdump-karg").is_file()


def refused(frozen: Path, target: Path) -> str:
    """The sentence, with nothing written."""
    before = content(target)
    with pytest.raises(Refusal) as refusal:
        install.install(str(frozen), str(target))
    assert content(target) == before
    return str(refusal.value)


@pytest.mark.parametrize(("name", "version"), [("libc.so", b"GLIBC_2.34"), ("libm.so", b"GLIBC_2.35")])
def test_old_c_library_is_refused(name: str, version: bytes, frozen: Path, target: Path) -> None:
    forge(library(target, name), version)
    said = refused(frozen, target)
    assert said == f"{target} lacks {version.decode()} of the C library; update it, or freeze an older --suite"


def test_old_c_library_for_a_library(frozen: Path, target: Path) -> None:
    """What only libexpat asks of the C library matters only where ours is brought."""
    forge(library(target, "libc.so"), b"GLIBC_2.36")
    install.install(str(frozen), str(target))
    shutil.rmtree(target / tree.PRIVATE)
    library(target, EXPAT).unlink()
    assert "lacks GLIBC_2.36 of the C library" in refused(frozen, target)


@pytest.mark.parametrize("name", ["libm.so.6", "ld-linux"])
def test_partial_c_library_is_refused(name: str, frozen: Path, target: Path) -> None:
    library(target, name).unlink()
    assert re.search(f" lacks [^ ]*{name}", refused(frozen, target))


def test_status_of_a_refusal(frozen: Path, target: Path, capsys: pytest.CaptureFixture[str]) -> None:
    library(target, "libm.so.6").unlink()
    assert main(["install", "--frozen", str(frozen), "--target", str(target)]) == 3
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith("freeze: ") and said.err.count("\n") == 1


def test_nothing_frozen(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="run `python3 -m orchestrator.freeze"):
        install.install(str(tmp_path), str(tmp_path / "target"))


@root_only
def test_running_program_keeps_its_file(frozen: Path, target: Path) -> None:
    """No `text file busy`: the new file takes the name, the old one stays open."""
    install.install(str(frozen), str(target))
    (target / "wait").write_text("#!/usr/lib/kdump-karg/python -IBXutf8\nprint(1, flush=True)\nimport sys; sys.stdin.read()\n")
    (target / "wait").chmod(0o755)
    chroot = str(shutil.which("chroot", path="/usr/sbin:/usr/bin"))
    with subprocess.Popen([chroot, target, "/wait"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        assert running.stdout is not None and running.stdout.readline() == b"1\n"
        install.install(str(frozen), str(target))
        running.communicate(b"")
    assert running.returncode == 0
    assert os.access(target / tree.PROGRAM, os.X_OK)
