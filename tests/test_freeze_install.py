# SPDX-License-Identifier: Apache-2.0
"""What is put into a root, and which roots are refused."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from orchestrator.errors import Failure, Refusal
from orchestrator.freeze import closure, elf, install, tree
from orchestrator.freeze.command import main
from tests.test_freeze_tree import COMMAND, content, freeze_once, inside, root_only

NEW = b"GLIBC_2.34\0"


@pytest.fixture(scope="module")
def frozen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A frozen tree of this checkout."""
    return freeze_once(tmp_path_factory)


@pytest.fixture
def target(frozen: Path, tmp_path: Path) -> Path:
    """A root with a C library and nothing else, /lib and /lib64 links as they are everywhere."""
    shutil.copytree(frozen, tmp_path / "target", symlinks=True)
    shutil.rmtree(tmp_path / "target" / tree.PRIVATE)
    (tmp_path / "target" / tree.COMMAND).unlink()
    return tmp_path / "target"


def files(root: Path) -> set[str]:
    """The names of all files and links."""
    return set(content(root))


@root_only
def test_installed_program_runs(frozen: Path, target: Path) -> None:
    before = files(target)
    written = install.install(str(frozen), str(target))
    assert files(target) - before == set(written)
    assert inside(target, COMMAND, "--version").returncode == 0


def test_staging_directory(frozen: Path, tmp_path: Path) -> None:
    """No C library there: a package is being made, and it gets our files only."""
    written = install.install(str(frozen), str(tmp_path / "stage"))
    assert files(tmp_path / "stage") == set(written)
    assert all(path.startswith(("usr/lib/kdump-karg/", tree.COMMAND)) for path in written)
    assert content(tmp_path / "stage").items() <= content(frozen).items()


def test_again_is_the_same(frozen: Path, target: Path) -> None:
    install.install(str(frozen), str(target))
    first = content(target)
    install.install(str(frozen), str(target))
    assert content(target) == first


def test_fedora_layout(frozen: Path, target: Path) -> None:
    """Libraries in /usr/lib64, with 32-bit ones of the same names in /usr/lib."""
    library = next((target / "usr/lib").glob("*-linux-gnu"))
    for path in library.iterdir():
        path.rename(target / "usr/lib64" / path.name)
        data = bytearray((target / "usr/lib64" / path.name).read_bytes())
        data[18:20] = (3).to_bytes(2, "little")  # e_machine: EM_386
        (target / "usr/lib" / path.name).write_bytes(data)
    library.rmdir()
    install.install(str(frozen), str(target))
    found = closure.find(str(target), "libc.so.6", elf.read(str(frozen / tree.PROGRAM)).machine)
    assert found is not None and "/usr/lib64/" in found.file.path


def test_absolute_links_stay_inside_the_target(frozen: Path, target: Path) -> None:
    """/usr/bin -> /elsewhere means the target's /elsewhere."""
    shutil.rmtree(target / "usr/bin")
    (target / "elsewhere").mkdir()
    (target / "usr/bin").symlink_to("/elsewhere")
    install.install(str(frozen), str(target))
    assert (target / "elsewhere/kdump-karg").is_symlink()


@pytest.mark.parametrize("soname", ["libc.so.6", "libm.so.6"])
def test_old_c_library_is_refused(soname: str, frozen: Path, target: Path) -> None:
    """The one version is made to read as another, as in a library from before it."""
    path = next((target / "usr/lib").rglob(soname))
    wanted = NEW if soname.startswith("libc") else b"GLIBC_2.29\0"
    path.write_bytes(path.read_bytes().replace(wanted, wanted.replace(b"2.", b"9.")))
    before = files(target)
    with pytest.raises(Refusal) as refused:
        install.install(str(frozen), str(target))
    assert str(refused.value) == f"{path} lacks {wanted[:-1].decode()}; freeze with the Python of an older --suite"
    assert files(target) == before


@pytest.mark.parametrize("name", ["libm.so.6", "ld-linux-x86-64.so.2"])
def test_partial_c_library_is_refused(name: str, frozen: Path, target: Path) -> None:
    next((target / "usr").rglob(name[:7] + "*")).unlink()
    with pytest.raises(Refusal, match="install the whole of its C library first"):
        install.install(str(frozen), str(target))


def test_status_of_a_refusal(frozen: Path, target: Path, capsys: pytest.CaptureFixture[str]) -> None:
    next((target / "usr").rglob("libm.so.6")).unlink()
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
