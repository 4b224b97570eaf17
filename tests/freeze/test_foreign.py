# SPDX-License-Identifier: Apache-2.0
"""The program for another architecture: the same byte code, with that architecture's interpreter and libraries."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from orchestrator import __version__
from orchestrator.errors import Failure
from orchestrator.freeze import __main__ as front
from orchestrator.freeze import archive, elf, foreign, install, interpreter, tree
from orchestrator.freeze.interpreter import Interpreter
from orchestrator.freeze.trace import CHECKOUT
from tests.freeze.test_tree import DEFAULT, content, freeze_once, inside, root_only, unpacked

ARCHITECTURES = {"arm64": "EM_AARCH64", "s390x": "EM_S390"}
KERNEL_NAMES = {"arm64": "aarch64"}  # where the kernel has another name for it than Debian
ZIP = Path(tree.PRIVATE) / tree.ZIP


@pytest.fixture(scope="module", params=[name for name in ARCHITECTURES if name != archive.own_architecture()])
def architecture(request: pytest.FixtureRequest) -> str:
    """Debian's name of one that is not this machine's: one of its own byte order, and one of the other."""
    return str(request.param)


@pytest.fixture(scope="module")
def target(architecture: str) -> Interpreter:
    """The Python of that architecture."""
    packages = archive.unpack(archive.SUITES[DEFAULT], os.path.join(CHECKOUT, "build/cache"), os.environ, architecture)
    return foreign.interpreter(packages, interpreter.interpreter(unpacked()))


@pytest.fixture(scope="module")
def frozen(target: Interpreter, architecture: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The frozen tree of that architecture."""
    output = tmp_path_factory.mktemp(architecture) / "frozen"
    tree.freeze(target, str(output))
    return output


def test_the_same_byte_code(frozen: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert (frozen / ZIP).read_bytes() == (freeze_once(tmp_path_factory) / ZIP).read_bytes()


def test_every_program_is_of_that_architecture(frozen: Path, architecture: str) -> None:
    """The interpreter, its extension module, the loader and the libraries: nothing of this machine's."""
    found = [elf.read(str(path)) for path in frozen.rglob("*") if path.is_file() and elf.is_elf(str(path))]
    assert len(found) >= 6 and {binary.machine[0] for binary in found} == {ARCHITECTURES[architecture]}


def test_names_its_packages(frozen: Path, architecture: str) -> None:
    packages = (frozen / tree.PRIVATE / "MANIFEST").read_text().splitlines()[1:]
    assert packages and all(name.endswith(f"_{architecture}.deb") for name in packages)


def test_the_same_bytes_twice(target: Interpreter, frozen: Path, tmp_path: Path) -> None:
    tree.freeze(target, str(tmp_path / "again"))
    assert content(tmp_path / "again") == content(frozen)


def test_installs_where_its_own_c_library_is(frozen: Path, tmp_path: Path) -> None:
    """The C library of a target of that architecture is found and held against the program; the libraries come along."""
    for path in (*frozen.rglob("libc.so.6"), *frozen.rglob("libm.so.6"), *frozen.rglob("usr/lib/ld*")):
        (tmp_path / path.relative_to(frozen)).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, tmp_path / path.relative_to(frozen))
    (tmp_path / "lib").symlink_to("usr/lib")
    installed = install.install(str(frozen), str(tmp_path))
    assert not installed.unseen and any(path.endswith("libexpat.so.1") for path in installed.paths)


@root_only
def test_runs(frozen: Path, architecture: str) -> None:
    """Under QEMU's user emulation, where this machine's kernel starts foreign programs with it (`make check-aarch64` has it do so)."""
    emulator = f"qemu-{KERNEL_NAMES.get(architecture, architecture)}"
    if not os.path.exists(f"/proc/sys/fs/binfmt_misc/{emulator}"):
        pytest.skip(f"this machine's kernel starts no programs with {emulator}")
    done = inside(frozen, f"/{tree.COMMAND}", "--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"kdump-karg {__version__}\n", "")


def test_a_file_that_is_missing(target: Interpreter) -> None:
    with pytest.raises(Failure, match=f"{target.stdlib} has no file for {target.runs_from}/no_such.py; empty the --cache"):
        target.own(f"{target.runs_from}/no_such.py")


def test_not_with_a_python_of_this_machine(capsys: pytest.CaptureFixture[str]) -> None:
    assert front.main(["--python", "python3", "--architecture", "arm64"]) == 2
    assert capsys.readouterr().err.startswith("freeze: --python is this machine's own")
