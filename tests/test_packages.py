# SPDX-License-Identifier: Apache-2.0
"""packaging/: both packages, built without a network, hold what `make install` installs.

`make check` puts the Debian package into the image of its machines; so these tests are what ties the RPM to it.
"""

from __future__ import annotations

import gzip
import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from orchestrator import __version__
from orchestrator.freeze import __main__ as freeze
from tests.test_dist import CHECKOUT, MODULE_DIR, clone, git, in_checkout, make

__all__ = ["clone"]

PYTHON = "/usr/bin/python3"  # what both packages are built with here
PROGRAMS = ("rpmbuild", "rpm2cpio", "cpio", "dpkg-buildpackage", "dh", PYTHON)
# What Debian's policy wants beside what `make install` installs (12.5 and 12.7).
OF_DEBIAN = {"usr/share/doc/kdump-karg/copyright", "usr/share/doc/kdump-karg/changelog"}
# A file's or a link's path, its mode, and its content or where it leads.
Files = dict[str, tuple[int, bytes | str]]


def lacking() -> str:
    """What this machine has not, to build both packages."""
    names = [name for name in PROGRAMS if shutil.which(name) is None]
    if PYTHON not in names and subprocess.run([PYTHON, "-c", "import elftools"], capture_output=True).returncode:
        names.append("python3-pyelftools")
    return ", ".join(names)


pytestmark = pytest.mark.skipif(bool(lacking()), reason=f"{lacking()}: not installed")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """build/packages, made from this checkout as it is, without a network where we may take it away."""
    build = tmp_path_factory.mktemp("build")
    alone = ("unshare", "--net") if os.geteuid() == 0 else ()
    if alone and subprocess.run([*alone, "true"], capture_output=True).returncode:
        alone = ()
    clean = {key: text for key, text in os.environ.items() if not key.startswith(("MAKE", "MFLAGS", "DESTDIR", "GIT_"))}
    argv = [*alone, "make", "rpm", "deb", f"BUILD={build}"]
    done = subprocess.run(argv, cwd=CHECKOUT, env=clean, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return build / "packages"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make install` installs where no C library is, with the program frozen as the packages freeze it."""
    place = tmp_path_factory.mktemp("installed")
    root = place / "root"
    assert freeze.main(["--python", PYTHON, "--output", str(place / "frozen")]) == 0
    assert freeze.main(["install", "--frozen", str(place / "frozen"), "--target", str(root)]) == 0
    assert make(CHECKOUT, "install-data", f"DESTDIR={root}").returncode == 0
    return root


@pytest.fixture(scope="module")
def rpms(built: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What each RPM holds, by the package's name."""
    found = {}
    for path in sorted((built / "rpm").iterdir()):
        place = tmp_path_factory.mktemp("rpm")
        script = 'rpm2cpio "$0" | cpio --extract --make-directories --preserve-modification-time --quiet'
        subprocess.run(["sh", "-c", script, path], cwd=place, check=True)
        found[ask(path, "%{NAME}")] = place
    return found


@pytest.fixture(scope="module")
def deb(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the Debian package holds."""
    (path,) = (built / "deb").glob("*.deb")
    place = tmp_path_factory.mktemp("deb")
    subprocess.run(["dpkg-deb", "--extract", path, place], check=True)
    return place


def ask(rpm: Path, form: str) -> str:
    """What an RPM says of itself; tags of lists in brackets."""
    argv = ["rpm", "--query", "--package", "--queryformat", form, str(rpm)]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def files(root: Path) -> Files:
    """All below a directory but directories; what a distribution compresses counts as what it was."""
    found: Files = {}
    for path in sorted(root.rglob("*")):
        name, mode = str(path.relative_to(root)), path.lstat().st_mode
        if path.is_symlink():
            found[name] = mode, os.readlink(path)
        elif path.is_file():
            content = path.read_bytes()
            found[name.removesuffix(".gz")] = mode, gzip.decompress(content) if name.endswith(".gz") else content
    return found


def test_the_rpms_hold_what_make_install_installs(rpms: dict[str, Path], installed: Path) -> None:
    main, dracut = files(rpms["kdump-karg"]), files(rpms["kdump-karg-dracut"])
    assert not main.keys() & dracut.keys()
    assert main | dracut == files(installed)
    assert {str(Path(path).parent) for path in dracut} == {MODULE_DIR}


def test_the_debian_package_holds_what_make_install_installs(deb: Path, installed: Path) -> None:
    packaged = files(deb)
    assert {path: packaged.pop(path, None) is not None for path in OF_DEBIAN} == dict.fromkeys(OF_DEBIAN, True)
    assert packaged == files(installed)


def test_everything_is_roots_and_directories_are_open(rpms: dict[str, Path], built: Path) -> None:
    for path in (built / "rpm").iterdir():
        assert set(ask(path, "[%{FILEUSERNAME}:%{FILEGROUPNAME}\n]").split()) == {"root:root"}
        modes = [int(mode) for mode in ask(path, "[%{FILEMODES}\n]").split()]
        assert {stat.S_IMODE(mode) for mode in modes if stat.S_ISDIR(mode)} == {0o755}
    (package,) = (built / "deb").glob("*.deb")
    listed = subprocess.run(["dpkg-deb", "--contents", package], capture_output=True, text=True, check=True)
    assert {line.split()[1] for line in listed.stdout.splitlines()} == {"root/root"}


def test_no_package_needs_a_python(built: Path) -> None:
    """And none offers one: the private interpreter and its modules are nobody else's."""
    for path in (built / "rpm").iterdir():
        needed, offered = ask(path, "[%{REQUIRENAME}\n]").split(), ask(path, "[%{PROVIDENAME}\n]").split()
        assert not [name for name in needed if "python" in name or "kdump-karg/" in name]
        assert {name.partition("(")[0] for name in offered} == {ask(path, "%{NAME}")}
    (package,) = (built / "deb").glob("*.deb")
    depends = subprocess.run(["dpkg-deb", "--field", package, "Depends"], capture_output=True, text=True, check=True).stdout
    assert "libc6 (>= " in depends and "python" not in depends


def test_the_version_is_the_products(built: Path) -> None:
    assert {ask(path, "%{VERSION}") for path in (built / "rpm").iterdir()} == {__version__}
    (package,) = (built / "deb").glob("*.deb")
    assert package.name.startswith(f"kdump-karg_{__version__}_")
    assert (built / "source/kdump-karg.spec").read_text().startswith(f"%global product_version {__version__}\n")


def test_the_spec_alone_says_what_it_lacks() -> None:
    done = subprocess.run(["rpmspec", "--parse", "packaging/kdump-karg.spec"], cwd=CHECKOUT, capture_output=True, text=True)
    assert done.returncode != 0
    assert "this spec lacks its version; take the one that `make spec` writes, or use `make rpm`" in done.stderr


@pytest.mark.skipif(shutil.which("rpmlint") is None, reason="rpmlint is not installed")
def test_rpmlint_has_nothing_to_say(built: Path) -> None:
    """But for what packaging/kdump-karg.rpmlintrc names, with the reasons."""
    looked_at = [built / "source/kdump-karg.spec", *(built / "rpm").iterdir()]
    argv = ["rpmlint", "--rpmlintrc", "packaging/kdump-karg.rpmlintrc", *map(str, looked_at)]
    done = subprocess.run(argv, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert re.search(r" 0 errors, 0 warnings\b", done.stdout), done.stdout


@in_checkout
def test_a_clean_checkout_is_packaged_as_it_is_released(clone: Path, tmp_path: Path) -> None:
    """From the archive that `make dist` makes; with anything uncommitted, from the files as they are."""
    name = f"kdump-karg-{make(clone, '--silent', 'version').stdout.strip()}.tar.gz"
    source = tmp_path / "packages/source" / name
    assert make(clone, "package-source", f"BUILD={tmp_path}").returncode == 0
    assert make(clone, "dist", f"BUILD={tmp_path}").returncode == 0
    assert source.read_bytes() == (tmp_path / "dist" / name).read_bytes()
    (clone / "not-committed").write_text("x")
    assert make(clone, "package-source", f"BUILD={tmp_path}").returncode == 0
    (clone / "not-committed").unlink()
    listed = subprocess.run(["tar", "--list", "--file", source], capture_output=True, text=True, check=True).stdout.splitlines()
    below = {line.partition("/")[2] for line in listed if not line.endswith("/")}
    assert below == {"not-committed", *git("ls-files", where=clone).splitlines()}


def test_the_machines_get_the_debian_package() -> None:
    """Told by make, not done."""
    told = make(CHECKOUT, "--dry-run", "vm-product").stdout
    assert re.search(r"dpkg-deb --extract \S+/kdump-karg_\*\.deb \S+/build/install\n", told)
    assert "install-data" not in told


CONTAINERFILE = CHECKOUT / "packaging/Containerfile"


def run_instructions() -> list[str]:
    """The shell of every RUN instruction of the Containerfile, without BuildKit's options."""
    joined = CONTAINERFILE.read_text().replace("\\\n", " ")
    runs = [line.removeprefix("RUN ") for line in joined.splitlines() if line.startswith("RUN ")]
    return [re.sub(r"^(--mount=\S+\s+)+", "", run) for run in runs]


def test_the_containerfile_names_no_image_of_its_own() -> None:
    """Which base, and from where, is its user's choice."""
    lines = CONTAINERFILE.read_text().splitlines()
    assert [line for line in lines if line.startswith("ARG ")] == ["ARG BUILDROOT", "ARG BASE"]
    assert [line.split()[1] for line in lines if line.startswith("FROM ")] == ["${BUILDROOT}", "${BASE}"]


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_shellcheck_has_nothing_to_say_of_the_containerfile() -> None:
    runs = run_instructions()
    assert len(runs) == 4
    for run in runs:
        done = subprocess.run(["shellcheck", "--shell=bash", "-"], input=run, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


def test_the_containerfile_looks_for_the_link_that_the_module_makes() -> None:
    assert "grep ignition-complete.target.wants/kdump-karg.service" in run_instructions()[-1]
    module = (CHECKOUT / "dracut/99kdump-karg/module-setup.sh").read_text()
    assert "add-wants ignition-complete.target kdump-karg.service" in module
