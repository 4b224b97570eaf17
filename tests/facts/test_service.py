# SPDX-License-Identifier: Apache-2.0
"""service.py: the unit file that counts, what masks it, and the programs that it starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.facts import service
from orchestrator.facts.service import Service
from tests.sample import Sample

KDUMP = "kdump.service"
FEDORA = "[Service]\nType=oneshot\nExecStart=/usr/bin/kdumpctl start\nExecStop=/usr/bin/kdumpctl stop\n"
DEBIAN = (
    "[Service]\nExecStartPre=-/usr/share/kdump-tools/kdump_mem_estimator\nExecStart=/etc/init.d/kdump-tools start\n"
    "ExecStop=/etc/init.d/kdump-tools stop\n"
)

PROGRAMS: list[tuple[str, tuple[str, ...], tuple[str, ...]]] = [
    ("Fedora's", (FEDORA,), ("/usr/bin/kdumpctl",)),
    ("Debian's", (DEBIAN,), ("/etc/init.d/kdump-tools",)),
    ("SUSE's", ("ExecStart=/usr/lib/kdump/load.sh --update\n",), ("/usr/lib/kdump/load.sh",)),
    ("prefixes", ("ExecStart=@+/x y z\nExecStart=:!!/y\nExecStart=|/z\n",), ("/x", "/y", "/z")),
    ("one that may fail beside another", ("ExecStart=-/x\nExecStart=/y\n",), ("/y",)),
    ("one that may fail alone", ("ExecStart=-/x start\n",), ("/x",)),
    ("blanks", ("  ExecStart =  /x  y \n",), ("/x",)),
    ("a line that goes on", ("ExecStart=\\\n  /x \\\n  y\n",), ("/x",)),
    ("no path", ("ExecStart=kdumpctl start\n",), ()),
    ("a specifier", ("ExecStart=/x/%p start\n",), ()),
    ("a variable", ("ExecStart=/x/${Y} start\n",), ()),
    ("quotes", ('ExecStart="/x y" z\n',), ()),
    ("a quote inside", ('ExecStart=/x" y" z\n',), ()),
    ("a comment", ("#ExecStart=/x\n;ExecStart=/y\n",), ()),
    ("only prefixes", ("ExecStart=-@\n",), ()),
    ("no ExecStart=", ("[Service]\nExecStart\nExecStartPre=/x\n",), ()),
    ("a drop-in without one", (FEDORA, "[Unit]\nAfter=x\n"), ("/usr/bin/kdumpctl",)),
    ("a drop-in replaces it", (FEDORA, "[Service]\nExecStart=\nExecStart=/x\n"), ("/x",)),
    ("a drop-in adds one", (FEDORA, "[Service]\nExecStart=/x\n"), ("/usr/bin/kdumpctl", "/x")),
    ("a drop-in takes it back", (FEDORA, "ExecStart=\n"), ()),
]


@pytest.mark.parametrize(("texts", "expected"), [row[1:] for row in PROGRAMS], ids=[row[0] for row in PROGRAMS])
def test_programs(texts: tuple[str, ...], expected: tuple[str, ...]) -> None:
    assert service.programs(*texts) == expected


ETC, LOCAL, USR, OLD = (f"{directory}/{KDUMP}" for directory in service.UNIT_DIRS)
X, Y = "ExecStart=/usr/x\n", "ExecStart=/usr/y\n"

FILES: list[tuple[str, dict[str, str], dict[str, str], str, tuple[str, ...]]] = [
    ("nothing", {}, {}, "", ()),
    ("the package's", {USR: X}, {}, USR, ("/usr/x",)),
    ("Ignition's own", {ETC: Y}, {}, ETC, ("/usr/y",)),
    ("the admin's goes first", {USR: X, ETC: Y}, {}, ETC, ("/usr/y",)),
    ("the local one goes before the package's", {USR: X, LOCAL: Y}, {}, LOCAL, ("/usr/y",)),
    ("/usr not merged", {OLD: X}, {}, OLD, ("/usr/x",)),
    ("a link to a unit", {"usr/lib/other.service": X}, {ETC: "/usr/lib/other.service"}, ETC, ("/usr/x",)),
    ("a link that leads nowhere", {}, {ETC: f"/{USR}"}, "", ()),
    ("a link that leads nowhere, before a unit", {USR: X}, {ETC: "/usr/lib/gone.service"}, USR, ("/usr/x",)),
    ("enabled only", {}, {f"etc/systemd/system/multi-user.target.wants/{KDUMP}": f"/{USR}"}, "", ()),
    ("a drop-in", {USR: X, f"{USR}.d/a.conf": f"ExecStart=\n{Y}"}, {}, USR, ("/usr/y",)),
    (
        "drop-ins by name",
        {USR: X, f"{ETC}.d/a.conf": "ExecStart=/usr/z\n", f"{USR}.d/b.conf": f"ExecStart=\n{Y}"},
        {},
        USR,
        ("/usr/y",),
    ),
    (
        "a drop-in hides another",
        {USR: X, f"{ETC}.d/a.conf": "# none\n", f"{USR}.d/a.conf": f"ExecStart=\n{Y}"},
        {},
        USR,
        ("/usr/x",),
    ),
    ("no drop-in", {USR: X, f"{ETC}.d/a.txt": f"ExecStart=\n{Y}"}, {}, USR, ("/usr/x",)),
]


@pytest.mark.parametrize(("files", "links", "file", "programs"), [row[1:] for row in FILES], ids=[row[0] for row in FILES])
def test_the_file_that_counts(
    tmp_path: Path, files: dict[str, str], links: dict[str, str], file: str, programs: tuple[str, ...]
) -> None:
    sample = Sample(tmp_path)
    for path, text in files.items():
        sample.write(path, text)
    for path, target in links.items():
        sample.link(path, target)
    found = service.read(str(tmp_path), KDUMP)
    assert (found.file, found.programs, found.masked_by) == (file, programs, "")


def test_a_unit_that_is_no_text_is_there_and_not_judged(tmp_path: Path) -> None:
    Sample(tmp_path).write(USR, b"Description=\xff\nExecStart=/usr/\xff\n")
    assert service.read(str(tmp_path), KDUMP).file == USR


@pytest.mark.parametrize("path", [ETC, USR])
@pytest.mark.parametrize("target", ["/dev/null", "../../../../dev/null", None])
def test_masked(tmp_path: Path, path: str, target: str | None) -> None:
    sample = Sample(tmp_path)
    sample.write(OLD, X)
    if target is None:
        sample.write(path, "")
    else:
        sample.link(path, target)
    assert service.read(str(tmp_path), KDUMP, asked=True) == Service(KDUMP, enabled=True, masked_by=path)


MISSING: list[tuple[str, str, dict[str, str], dict[str, str], bool]] = [
    ("there", "/usr/bin/x", {"usr/bin/x": ""}, {}, False),
    ("not there", "/usr/bin/x", {}, {}, True),
    ("/usr merged", "/sbin/x", {"usr/bin/x": ""}, {"sbin": "usr/sbin", "usr/sbin": "bin"}, False),
    ("/usr merged, not there", "/sbin/x", {}, {"sbin": "usr/sbin"}, True),
    ("/usr not merged", "/sbin/x", {"usr/sbin/x": ""}, {}, True),
    ("Debian's", "/etc/init.d/kdump-tools", {}, {}, True),
    ("a link inside the root", "/usr/bin/x", {"usr/lib/y": ""}, {"usr/bin/x": "/usr/lib/y"}, False),
    ("a link that leads nowhere", "/usr/bin/x", {}, {"usr/bin/x": "/usr/lib/y"}, True),
    ("on /var, which is not mounted", "/opt/x", {}, {"opt": "var/opt"}, False),
    ("ostree's /usr/local, which is on /var", "/usr/local/bin/x", {}, {"usr/local": "../var/usrlocal"}, False),
    ("elsewhere", "/srv/x", {}, {}, False),
]


@pytest.mark.parametrize(
    ("program", "files", "links", "expected"), [row[1:] for row in MISSING], ids=[row[0] for row in MISSING]
)
def test_missing(tmp_path: Path, program: str, files: dict[str, str], links: dict[str, str], expected: bool) -> None:
    sample = Sample(tmp_path)
    for path, text in {**files, USR: f"ExecStart={program} start\n"}.items():
        sample.write(path, text)
    for path, target in links.items():
        sample.link(path, target)
    assert service.read(str(tmp_path), KDUMP).missing == ((program,) if expected else ())
