# SPDX-License-Identifier: Apache-2.0
"""The frozen tree: every command from a chroot that holds nothing else, beside the same from the sources."""

from __future__ import annotations

import io
import marshal
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from orchestrator import __version__
from orchestrator.freeze import archive, interpreter, runs, start, tree
from orchestrator.freeze.archive import Unpacked
from orchestrator.freeze.runs import RUNS, Run
from orchestrator.freeze.trace import CHECKOUT

COMMAND = "/usr/bin/kdump-karg"
DEFAULT = "bookworm"  # what `make freeze` takes
# What a run with nothing to do may import from the zip beside the application: each module here costs time on a first boot.
CHEAP = {"dataclasses", "enum", "_json", "collections.abc"}  # the last one is another name for a module that is there
# What only a change, or another command, may run.
LATER = {"system.bootfs", "system.lock", "system.freezer", "facts.luks", "facts.loader", "facts.service", "report.chain", "report.show", "decide.sizing"}
LATER |= {"write.apply", "write.transaction", "write.handover", "write.record", "write.enabling"}
LATER |= {"lint.run", "lint.table", "lint.formats", "lint.findings", "lint.reading"}  # `plan` asks them, and `lint`
LATER |= {"render.words", "render.read", "render.request", "render.files", "render.output"}
LATER |= {"facts.record", "facts.deployments", "decide.upcoming", "decide.undo", "system.private_mounts", "undoing"}
LATER |= {"ignition_kargs", "decide.arguments", "facts.arguments_due", "write.arguments", "rules.kargs"}
# The end of a script that runs the program and prints the modules of the zip whose code has run.
WATCHED = """
import os, sys, kdump_karg_start as start
start.install(start.__spec__.loader.archive)
from orchestrator.cli import main
if main(sys.argv[1:]) == 0:
    print(*(name for name, module in sys.modules.items() if "_place" not in module.__dict__), file=open(os.open("/names", 577, 420), "w"))
"""

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="chroot needs root")


@pytest.fixture(scope="module", params=archive.SUITES)
def suite(request: pytest.FixtureRequest) -> str:
    """A suite whose Python the program is frozen with; all that README names."""
    return str(request.param)


@pytest.fixture(scope="module")
def frozen(suite: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A frozen tree of this checkout."""
    return freeze_once(tmp_path_factory, suite)


@pytest.fixture
def scratch(frozen: Path, tmp_path: Path) -> Path:
    """The frozen tree's files in a directory of its own, to write samples beside them."""
    shutil.copytree(frozen, tmp_path / "root", symlinks=True, copy_function=os.link)
    return tmp_path / "root"


def unpacked(suite: str = DEFAULT) -> Unpacked:
    """The packages of a suite; they are downloaded once."""
    return archive.unpack(archive.SUITES[suite], os.path.join(CHECKOUT, "build/cache"), os.environ)


def freeze(output: Path, suite: str) -> Path:
    """Freeze this checkout."""
    tree.freeze(interpreter.interpreter(unpacked(suite)), str(output))
    return output


def stamps(root: Path) -> dict[Path, tuple[int, float]]:
    """Mode and time of everything below a directory."""
    return {path.relative_to(root): (path.lstat().st_mode, path.lstat().st_mtime) for path in root.rglob("*")}


def freeze_once(factory: pytest.TempPathFactory, suite: str = DEFAULT) -> Path:
    """The same tree for every test that only reads it."""
    output = factory.getbasetemp() / f"frozen-{suite}"
    return output if output.exists() else freeze(output, suite)


def inside(root: Path, *argv: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program in that root, with no environment unless some is given."""
    chroot = str(shutil.which("chroot", path="/usr/sbin:/usr/bin"))
    return subprocess.run([chroot, str(root), *argv], env=environment, capture_output=True, text=True, check=False)


def content(root: Path) -> dict[str, bytes | str]:
    """All files below a directory, links as where they lead."""
    paths = [path for path in sorted(root.rglob("*")) if path.is_symlink() or path.is_file()]
    return {
        str(path.relative_to(root)): f"-> {os.readlink(path)}" if path.is_symlink() else path.read_bytes() for path in paths
    }


@root_only
@pytest.mark.parametrize("run", RUNS, ids=[f"{index}-{'-'.join(run.argv[1:2])}" for index, run in enumerate(RUNS)])
def test_runs_as_the_sources_do(run: Run, scratch: Path, tmp_path: Path) -> None:
    """Status, output and what becomes of the sample are the same, so no import is missing."""
    runs.build(str(scratch / "sample"), run.files)
    argv = [word.replace(runs.ROOT, "/sample") for word in run.argv[1:]]
    got = inside(scratch, COMMAND, *argv)
    elsewhere = tmp_path / "sample"
    runs.build(str(elsewhere), run.files)
    command = [sys.executable, "-m", "orchestrator", *(word.replace(runs.ROOT, str(elsewhere)) for word in run.argv[1:])]
    want = subprocess.run(command, cwd=CHECKOUT, env={"PYTHONUTF8": "1"}, capture_output=True, text=True, check=False)
    assert (got.returncode, got.stdout, got.stderr) == (want.returncode, want.stdout, want.stderr)
    assert content(scratch / "sample") == content(elsewhere)


@root_only
def test_says_its_version_and_nothing_else(frozen: Path) -> None:
    """No warning about a missing library directory, locale or environment."""
    done = inside(frozen, COMMAND, "--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"kdump-karg {__version__}\n", "")


def test_holds_nothing_else(frozen: Path, suite: str) -> None:
    """The program, its libraries at the distribution's paths, and no Python installation."""
    files = [path.relative_to(frozen) for path in frozen.rglob("*") if path.is_file() and not path.is_symlink()]
    licences = {path.name for path in files if str(path.parent) == tree.LICENCES}
    assert licences == {"LICENSE.python", "LICENSE.libexpat.so.1", "LICENSE.libz.so.1"}
    others = [str(path) for path in files if "kdump-karg" not in path.parts]
    libraries = {Path(path).name.partition(".")[0].partition("-")[0] for path in others}
    assert libraries == {"ld", "libc", "libm", "libz", "libexpat"}
    assert {str(Path(path).parent) for path in others} == {"usr/lib64", f"usr/lib/{os.uname().machine}-linux-gnu"}
    distribution = Path(unpacked(suite).root, "usr/bin", f"python{archive.SUITES[suite].python}")
    assert (frozen / tree.PROGRAM).read_bytes() == distribution.read_bytes()
    assert not (frozen / "usr/lib/python3").exists()
    # A link would have the label of a library under SELinux.
    assert not (frozen / tree.COMMAND).is_symlink() and (frozen / tree.COMMAND).read_text() == tree.LAUNCHER


def test_same_inputs_same_bytes(frozen: Path, suite: str, tmp_path: Path) -> None:
    mask = os.umask(0o077)
    try:
        again = freeze(tmp_path / "again", suite)
    finally:
        os.umask(mask)
    assert content(again) == content(frozen)
    assert stamps(again) == stamps(frozen)


def test_names_no_path_of_the_build_machine(frozen: Path) -> None:
    """Neither the checkout nor the scratch directories of the build."""
    for path in (frozen / tree.PRIVATE).iterdir():
        data = path.read_bytes()
        assert CHECKOUT.encode() not in data, path
        assert path.name in ("python", "libp") or b"/tmp/" not in data, path


def test_zip_is_byte_code_only(frozen: Path) -> None:
    """Stored, one time stamp, no source, nothing of the build, and few files: Python reads the directory at every start."""
    with zipfile.ZipFile(io.BytesIO((frozen / tree.PRIVATE / tree.ZIP).read_bytes())) as archived:
        entries = archived.infolist()
        first = archived.read(entries[0])
        _, table = marshal.loads(archived.read(start.TABLE))
    start_files = {start.TABLE, start.MODULES}
    assert {entry.compress_type for entry in entries} == {zipfile.ZIP_STORED}
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)
    names = {entry.filename.removesuffix(".pyc") for entry in entries}
    assert names == {"__future__", "encodings/__init__", "encodings/aliases", "encodings/utf_8", "kdump_karg_start", *start_files}
    assert not any(entry.extra for entry in entries)
    assert "orchestrator.cli" in table and not [name for name in table if name.startswith("orchestrator.freeze")]
    assert first[4:8] == (1).to_bytes(4, "little")  # PEP 552: by hash, not checked


@root_only
@pytest.mark.parametrize("arguments", [(), ("--root", "/sample")], ids=["live", "sample"])
@pytest.mark.parametrize("files", [{}, runs.RUNNING], ids=["nothing asks", "already running"])
def test_nothing_to_do_runs_little(files: dict[str, str], arguments: tuple[str, ...], scratch: Path) -> None:
    """json, re, typing and the like cost more than all the rest of such a run, and so does what only a change needs."""
    runs.build(str(scratch / "sample") if arguments else str(scratch), files)
    launcher = (scratch / tree.COMMAND).read_text().splitlines()
    (scratch / "watched").write_text(launcher[0] + WATCHED)
    (scratch / "watched").chmod(0o755)
    done = inside(scratch, "/watched", "apply", *arguments)
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(scratch / tree.PRIVATE / tree.ZIP) as archived:
        _, table = marshal.loads(archived.read(start.TABLE))
    ran = set((scratch / "names").read_text().split()) & set(table)
    assert "orchestrator.planning" in ran
    assert {name for name in ran if not name.startswith("orchestrator")} <= CHEAP
    assert not ran & {f"orchestrator.{name}" for name in LATER}


@root_only
@pytest.mark.parametrize(
    "environment",
    [
        {"LC_ALL": "de_DE.ISO-8859-1", "LANG": "C"},
        {"PYTHONPATH": "/nowhere", "PYTHONHOME": "/nowhere", "PYTHONVERBOSE": "1"},
    ],
    ids=["latin-1", "python's own"],
)
def test_environment_does_not_matter(environment: dict[str, str], frozen: Path) -> None:
    done = inside(frozen, COMMAND, "--version", **environment)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"kdump-karg {__version__}\n", "")


@root_only
@pytest.mark.parametrize(
    ("code", "answer"),
    [
        ("import zlib; print(zlib.crc32(b'x'))", "2363233923"),
        ("import _json; print(_json.encode_basestring_ascii('x'))", '"x"'),
        ("import sys; print(sys.path, sys.flags.utf8_mode)", "['/usr/lib/kdump-karg/kdump-karg.pyz', '/usr/lib/kdump-karg'] 1"),
    ],
)
def test_interpreter(code: str, answer: str, scratch: Path) -> None:
    (scratch / "script").write_text(f"#!/usr/lib/kdump-karg/python -IBXutf8\n{code}\n")
    (scratch / "script").chmod(0o755)
    done = inside(scratch, "/script")
    assert (done.stdout, done.stderr) == (f"{answer}\n", "")


@root_only
def test_every_module_finds_what_it_imports(scratch: Path) -> None:
    """Each one runs, with an interpreter of its own, so that no other has run before it what it forgets to import."""
    with zipfile.ZipFile(scratch / tree.PRIVATE / tree.ZIP) as archived:
        _, table = marshal.loads(archived.read(start.TABLE))
    names = [name for name in table if name.startswith("orchestrator.") and name != "orchestrator.__main__"]
    assert len(names) > 50
    script = scratch / "script"
    tries = "".join(f"try: orchestrator.{name}.no_such_name\nexcept AttributeError: pass\n" for name in (name.partition(".")[2] for name in names))
    start_up = "import kdump_karg_start as start\nstart.install(start.__spec__.loader.archive)\nimport orchestrator\n"
    script.write_text(f"#!/{tree.PROGRAM} -IBXutf8\n{start_up}{tries}")
    script.chmod(0o755)
    done = inside(scratch, "/script")
    assert (done.stdout, done.stderr) == ("", "")


@root_only
def test_reader_that_goes_away(frozen: Path) -> None:
    """No traceback, no message, and not success either."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    chroot = str(shutil.which("chroot", path="/usr/sbin:/usr/bin"))
    done = subprocess.run([chroot, frozen, COMMAND, "--help"], env={}, stdout=write_end, stderr=subprocess.PIPE, check=False)
    os.close(write_end)
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
