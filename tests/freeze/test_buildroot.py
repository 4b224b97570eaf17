# SPDX-License-Identifier: Apache-2.0
"""The program, frozen in a build root without a network with the Python that is there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.errors import Failure
from orchestrator.freeze import buildroot, elf, install, licences, private, tree
from orchestrator.freeze.__main__ import main
from tests.freeze import buildroots
from tests.freeze.buildroots import LINKED_IN, SHARED, BuildRoot
from tests.freeze.test_tree import COMMAND, content, inside, root_only, scratch, stamps
from tests.freeze.test_tree import (  # the same tests, of what is frozen here
    test_every_module_finds_what_it_imports,
    test_names_no_path_of_the_build_machine,
    test_nothing_to_do_runs_little,
    test_runs_as_the_sources_do,
    test_says_its_version_and_nothing_else,
)

__all__ = [
    "scratch",
    "test_every_module_finds_what_it_imports",
    "test_names_no_path_of_the_build_machine",
    "test_nothing_to_do_runs_little",
    "test_runs_as_the_sources_do",
    "test_says_its_version_and_nothing_else",
]

MACHINE = f"{os.uname().machine}-linux-gnu"
PYTHON = "/usr/bin/python3"
LONG = "libpython3.11.so.1.0"


@pytest.fixture(scope="module", params=[LINKED_IN, SHARED])
def layout(request: pytest.FixtureRequest) -> str:
    """How the build root's Python is put together."""
    return str(request.param)


@pytest.fixture(scope="module")
def build_root(layout: str, tmp_path_factory: pytest.TempPathFactory) -> BuildRoot:
    """A build root."""
    return buildroots.build(tmp_path_factory.mktemp("root") / layout.replace(" ", "-"), layout)


@pytest.fixture(scope="module")
def frozen(build_root: BuildRoot, layout: str) -> Path:
    """What is frozen in it, with a cache of libraries beside it where Debian's loader needs one."""
    made = build_root.freeze()
    if layout == SHARED:
        buildroots.cache_libraries(made)
    return made


@root_only
def test_same_build_root_same_bytes(build_root: BuildRoot, layout: str) -> None:
    """Whatever the environment, the umask and the order of hashes; byte code is the build root's own Python's."""
    first = build_root.freeze("first", PYTHONHASHSEED="1")
    mask = os.umask(0o077)
    try:
        again = build_root.freeze("again", PYTHONHASHSEED="2", LC_ALL="C.UTF-8", TZ="Asia/Tokyo")
    finally:
        os.umask(mask)
    assert content(first) == content(again)
    assert stamps(first) == stamps(again)


@root_only
def test_what_is_frozen(build_root: BuildRoot, frozen: Path, layout: str) -> None:
    """Everything is the build root's own; of the executable no more than a name is another."""
    ours = {path.name for path in (frozen / tree.PRIVATE).iterdir()}
    common = {"MANIFEST", "kdump-karg.pyz", "python", "python._pth", "_json.so"}
    theirs = build_root.root / "usr/bin/python3.11"
    program = (frozen / tree.PROGRAM).read_bytes()
    if layout == LINKED_IN:
        assert ours == common
        assert program == theirs.read_bytes()
    else:
        assert ours == {*common, "libp"}
        assert (frozen / tree.LIBPYTHON).read_bytes() == (build_root.root / "usr/lib64" / LONG).read_bytes()
        assert program == theirs.read_bytes().replace(LONG.encode(), private.PATH.encode())
        libraries = {path.name for path in (frozen / "usr/lib64").iterdir()}
        assert libraries >= {"libc.so.6", "libm.so.6", "libz.so.1", "libexpat.so.1"}
        assert not (frozen / f"usr/lib/{MACHINE}").exists()
    assert "PYTHON SOFTWARE FOUNDATION LICENSE" in (frozen / tree.LICENCES / "LICENSE.python").read_text()
    assert (frozen / tree.PRIVATE / "MANIFEST").read_text() == "python 3.11.2\n"


@root_only
def test_it_installs_where_no_python_is(build_root: BuildRoot, frozen: Path, layout: str, tmp_path: Path) -> None:
    """An image of the same distribution has the libraries, and gets the program with its libpython."""
    target = tmp_path / "image"
    shutil.copytree(frozen, target, symlinks=True)
    for directory in (tree.PRIVATE, tree.LICENCES):
        shutil.rmtree(target / directory)
    installed = install.install(str(frozen), str(target))
    assert not [path for path in installed.paths if path.endswith((".so.1", ".so.6"))]
    assert inside(target, COMMAND, "--version").returncode == 0


@root_only
def test_a_package_depends_on_no_libpython(frozen: Path, tmp_path: Path) -> None:
    installed = install.install(str(frozen), str(tmp_path / "stage"))
    assert installed.unseen == ("libc.so.6", "libexpat.so.1", "libm.so.6", "libz.so.1")


def test_this_machines_python(tmp_path: Path) -> None:
    """Also from a virtual environment, whose executable is a link."""
    assert main(["--python", sys.executable, "--output", str(tmp_path / "frozen")]) == 0
    assert (tmp_path / "frozen" / tree.PRIVATE / "MANIFEST").read_text() == f"python {sys.version.split()[0]}\n"
    if os.geteuid() == 0:
        assert inside(tmp_path / "frozen", COMMAND, "--version").returncode == 0


def other(tmp_path: Path, answer: str, status: int = 0) -> str:
    """A program that answers as some Python would."""
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\necho '{answer}'\nexit {status}\n")
    program.chmod(0o755)
    return str(program)


@pytest.mark.parametrize("answer", ["cpython 3 9 18", "pypy 3 11 9"])
def test_a_python_that_will_not_do(answer: str, tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"name a CPython of version 3\.11 or newer$"):
        buildroot.interpreter(other(tmp_path, answer))


def test_no_python(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for program in (other(tmp_path, "", 1), str(tmp_path / "missing")):
        assert main(["--python", program, "--output", str(tmp_path / "frozen")]) == 1
        said = capsys.readouterr().err
        assert said.startswith(f"freeze: {program} does not run as a Python (") and said.count("\n") == 1
    assert not (tmp_path / "frozen").exists()


@pytest.mark.parametrize(
    "path",
    [
        "usr/lib/python3.13/LICENSE.txt",
        "usr/share/licenses/python3-libs/LICENSE",
        "usr/share/licenses/python3.13-libs/LICENSE",
        "usr/share/licenses/python313-base/LICENSE",
        "usr/share/doc/python3.13-minimal/copyright",
        "usr/share/doc/libpython3.13-minimal/copyright",
    ],
)
def test_where_a_licence_is(path: str, tmp_path: Path) -> None:
    def found() -> str:
        return licences.of_python(str(tmp_path), "3.13", str(tmp_path / "usr/lib/python3.13"))

    with pytest.raises(Failure, match="no licence of Python 3.13 in "):
        found()
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).touch()
    assert found() == str(tmp_path / path)


@pytest.mark.parametrize(
    ("soname", "path"),
    [
        ("libexpat.so.1", "usr/share/licenses/expat/COPYING"),
        ("libexpat.so.1", "usr/share/doc/libexpat1/copyright"),
        ("libz.so.1", "usr/share/licenses/zlib-ng-compat/LICENSE.md"),
        ("libz.so.1", "usr/share/doc/zlib1g/copyright"),
    ],
)
def test_where_a_librarys_licence_is(soname: str, path: str, tmp_path: Path) -> None:
    assert licences.of_library(str(tmp_path), soname) is None
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).touch()
    assert licences.of_library(str(tmp_path), soname) == str(tmp_path / path)


@pytest.fixture
def linked(tmp_path: Path) -> Path:
    """An executable that loads libpython, with a search path."""
    unpacked = buildroots.unpacked()
    place = tmp_path / "python3.11"
    buildroots.link(place, unpacked, "3.11", "-rpath", "$ORIGIN/../lib:/opt/python/lib")
    return place


def test_a_search_path_is_followed_and_not_shipped(linked: Path) -> None:
    before = elf.read(str(linked))
    assert before.needed == (LONG, "libc.so.6")
    assert before.searched == (str(linked.parent.parent / "lib"), "/opt/python/lib")
    linked.write_bytes(private.bound(linked.read_bytes(), "python"))
    after = elf.read(str(linked))
    assert after.needed == (private.PATH, "libc.so.6") and after.searched == ()


def test_a_name_that_is_too_short(linked: Path) -> None:
    """Of a libpython that cannot be bound: nothing is shipped that would look for it elsewhere."""
    linked.write_bytes(linked.read_bytes().replace(LONG.encode(), b"libpython3.so".ljust(len(LONG), b"\0")))
    with pytest.raises(Failure, match="^x loads libpython3.so, shorter than /lib/kdump-karg/libp; freeze with another Python$"):
        private.bound(linked.read_bytes(), "x")


def test_the_option_excludes_a_suite() -> None:
    argv = [sys.executable, "-m", "orchestrator.freeze", "--python", PYTHON, "--suite", "trixie"]
    assert subprocess.run(argv, capture_output=True, check=False).returncode == 2
