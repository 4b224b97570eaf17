# SPDX-License-Identifier: Apache-2.0
"""Build roots to freeze in: directories with a Python, its libraries and the sources, and without a network.

Two layouts are made of Debian's packages: Debian's own, with libpython linked into the executable, and Fedora's, with all
libraries and the standard library in /usr/lib64 and an executable of some kilobytes that loads libpython. Debian has no such
executable, so it is linked here.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import elftools
import pytest

from orchestrator.freeze import archive, elf
from orchestrator.freeze.archive import Suite
from orchestrator.freeze.trace import CHECKOUT

LINKED_IN, SHARED = "libpython linked in", "libpython in lib64"
# What Programs/python.c does, Py_BytesMain(argc, argv), when the dynamic loader has started the C library. Fedora's libpython
# is built with lib64 as the directory's name; Debian's is told.
START = """
.section .rodata
name: .string "PYTHONPLATLIBDIR"
value: .string "lib64"
.text
.globl _start
_start:
    mov (%rsp), %rbx
    lea 8(%rsp), %rbp
    and $-16, %rsp
    lea name(%rip), %rdi
    lea value(%rip), %rsi
    mov $1, %edx
    call setenv@PLT
    mov %rbx, %rdi
    mov %rbp, %rsi
    call Py_BytesMain@PLT
    mov %eax, %edi
    call exit@PLT
.section .note.GNU-stack, "", %progbits
"""
START_MACHINE = "x86_64"
OUTPUT = "out"
ISOLATED = ("unshare", "--net", "--mount", "chroot")


@dataclass(frozen=True)
class WithLibpython(Suite):
    """A suite of which the shared libpython is unpacked as well."""

    @property
    def packages(self) -> tuple[str, ...]:
        return (*super().packages, f"libpython{self.python}")


@dataclass(frozen=True)
class BuildRoot:
    """A root directory in which `python3` works, the sources in /src."""

    root: Path

    def freeze(self, output: str = OUTPUT, **environment: str) -> Path:
        """Freeze there, without a network; the frozen tree."""
        command = ["/usr/bin/python3", "-B", "-m", "orchestrator.freeze", "--python", "python3", "--output", f"/{output}"]
        variables = {"PATH": f"/usr/bin:{os.environ['PATH']}:/usr/sbin", "PYTHONPATH": "/src", **environment}
        argv = [*ISOLATED, str(self.root), *command]
        done = subprocess.run(argv, env=variables, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return self.root / output


SUITE = WithLibpython("bookworm", archive.SUITES["bookworm"].python)


def unpacked() -> Path:
    """Debian's packages, unpacked; they are downloaded once."""
    return Path(archive.unpack(SUITE, os.path.join(CHECKOUT, "build/cache/libpython"), os.environ).root)


def build(place: Path, layout: str) -> BuildRoot:
    """A build root of that layout at `place`; the test is skipped where it cannot be."""
    if os.geteuid() != 0 or subprocess.run(["unshare", "--net", "--mount", "true"], capture_output=True).returncode:
        pytest.skip("a root of its own without a network needs root, and a kernel that allows it")
    source, python = unpacked(), SUITE.python
    for directory in ("usr/lib", "usr/lib64", "usr/bin", "tmp", "dev"):
        (place / directory).mkdir(parents=True)
    for name in ("lib", "lib64"):
        (place / name).symlink_to(f"usr/{name}")
    (place / "usr/bin/python3").symlink_to(f"python{python}")
    for directory in ("lib", "lib64", "usr/lib", f"usr/share/doc/python{python}-minimal"):
        target = place / ("usr/" + directory.removeprefix("usr/"))
        shutil.copytree(source / directory, target, symlinks=True, copy_function=_link, dirs_exist_ok=True)
    if layout == LINKED_IN:
        os.link(source / f"usr/bin/python{python}", place / "usr/bin" / f"python{python}")
    else:
        _as_fedora_has_it(place, source, python)
    shutil.copytree(Path(CHECKOUT, "orchestrator"), place / "src/orchestrator", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(Path(elftools.__file__).parent, place / "src/elftools", ignore=shutil.ignore_patterns("__pycache__"))
    return BuildRoot(place)


def link(place: Path, root: Path, python: str, *options: str) -> None:
    """Make the executable `place`, which loads the libpython of `root`."""
    machine = os.uname().machine
    if machine != START_MACHINE or shutil.which("ld") is None or shutil.which("as") is None:
        pytest.skip(f"an executable that loads libpython needs `as`, `ld` and {START_MACHINE}")
    libraries = root / f"usr/lib/{machine}-linux-gnu"
    start = place.with_suffix(".o")
    subprocess.run(["as", "-o", start], input=START, text=True, check=True)
    loader = elf.read(str(root / f"usr/bin/python{python}")).interpreter
    needed = [libraries / f"libpython{python}.so.1.0", *root.glob(f"lib/{machine}-linux-gnu/libc.so.6")]
    words = ["ld", "-o", place, start, *needed, "-dynamic-linker", loader, "--allow-shlib-undefined", *options]
    subprocess.run([str(word) for word in words], check=True)
    start.unlink()


def _as_fedora_has_it(place: Path, root: Path, python: str) -> None:
    """All libraries to /usr/lib64, where Debian's loader looks only if its cache says so; Fedora's does by itself."""
    libraries = place / f"usr/lib/{os.uname().machine}-linux-gnu"
    link(place / f"usr/bin/python{python}", root, python)
    for path in libraries.iterdir():
        path.rename(place / "usr/lib64" / path.name)
    libraries.rmdir()
    (place / f"usr/lib/python{python}").rename(place / f"usr/lib64/python{python}")
    licence = place / "usr/share/licenses/python3-libs"
    licence.mkdir(parents=True)
    os.link(place / f"usr/share/doc/python{python}-minimal/copyright", licence / "LICENSE")
    shutil.rmtree(place / "usr/share/doc")
    cache_libraries(place)


def cache_libraries(root: Path) -> None:
    """Have the loader of that root look into /usr/lib64."""
    (root / "etc").mkdir(exist_ok=True)
    (root / "etc/ld.so.conf").write_text("/usr/lib64\n")
    subprocess.run(["ldconfig", "-r", root], env={"PATH": "/usr/sbin:/sbin"}, check=True)


def _link(source: str, target: str) -> None:
    if not os.path.lexists(target):
        os.link(source, target, follow_symlinks=False)
