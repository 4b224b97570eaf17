# SPDX-License-Identifier: Apache-2.0
"""reading.py, source.py, shelf.py, document.py: what a config leads to, what is refused, and what is never looked at."""

from __future__ import annotations

import gzip
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from orchestrator.errors import Refusal, UsageError
from orchestrator.lint import document, limits, run, source
from orchestrator.lint.assumed import Assumed
from orchestrator.lint.findings import Finding
from orchestrator.lint.limits import Budget
from tests.invocation import CHECKOUT
from tests.lint.configs import Config, checks, encoded, file, findings, ignition, kdump, machineconfig, merging, nested, unit

MIB = 1 << 20
BAD = kdump("crashkernel=0512M")
SECONDS = 60.0  # of processor time, on a busy machine; each takes a few at most
MEMORY = 1536 * MIB


def lint(*files: Path) -> tuple[Finding, ...]:
    """What is found in the files."""
    return run.of_files(tuple(map(str, files)), Assumed())


def names(found: tuple[Finding, ...]) -> list[str]:
    """The identifiers."""
    return [each.check for each in found]


def write(path: Path, content: object) -> Path:
    """A config in a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def local(*paths: str) -> Config:
    """A config that merges these files."""
    made = ignition()
    made["ignition"]["config"] = {"merge": [{"local": path} for path in paths]}
    return made


URLS = [
    ("data:,a%20b", b"a b"),
    ("data:,", b""),
    ("data:text/plain;charset=utf-8,%C3%A9", "é".encode()),
    ("data:text/plain;base64,YQ==", b"a"),
    ("data:;base64,", b""),
    ("data:,a,b", b"a,b"),
    ("data:,%ff%00", b"\xff\0"),
    ('data:;x="a,b",c', b"c"),
    ("data:;charset=utf-8;base64,YWJj", b"abc"),
    ("data:,a+b", b"a+b"),
]


@pytest.mark.parametrize(("url", "expected"), URLS)
def test_a_data_url(url: str, expected: bytes) -> None:
    assert source.is_data(url) and source.decode(url) == expected


BROKEN = ["data:", "data:x", "data:text,a", "data:,%", "data:,%4", "data:,%zz", "data:,% 1", "data:,é", "data:,a b", "data:,[]"]
BROKEN += [
    "data:;base64,a",
    "data:;base64,YQ=",
    "data:;base64,YQ",
    "data:;base64,Y Q=",
    "data:;base64,YQ%3D%3D",
    "data:;base64,é",
]
BROKEN += ["data:;base64,YW\nJj", "data:;BASE64,YQ==", "data:;base64;x=y,YQ==", "data:;base64", "DATA:,a", "data:,\ud800"]
PLAIN = [f"data:,{chr(code)}" for code in range(1, 128) if chr(code) not in "%\n\r\t"]


@pytest.mark.parametrize("url", BROKEN)
def test_none(url: str) -> None:
    assert source.is_data(url)
    with pytest.raises(source.Broken):
        source.decode(url)


def is_taken(url: str) -> bool:
    """Does lint take it?"""
    try:
        source.decode(url)
    except source.Broken:
        return False
    return True


def test_gzip_in_several_parts() -> None:
    packed = gzip.compress(b"a" * 100_000) + gzip.compress(b"b")
    assert source.inflate(packed, Budget(), "x") == b"a" * 100_000 + b"b"
    for broken in (b"", packed[:-1], packed + b"x", b"\x1f\x8b"):
        with pytest.raises(source.Broken):
            source.inflate(broken, Budget(), "x")


def test_what_is_merged_counts() -> None:
    assert checks(merging(nested(BAD))) == ["crashkernel-octal"]
    assert checks({**BAD, **merging(nested(merging(nested(ignition()))))}) == ["crashkernel-octal"]
    packed = {"source": encoded(gzip.compress(json.dumps(BAD).encode())), "compression": "gzip"}
    made = ignition()
    made["ignition"]["config"] = {"merge": [packed]}
    assert checks(made) == ["crashkernel-octal"]


def test_the_child_decides() -> None:
    """Ignition's rules: units by name, files by path, arguments once."""
    parent = kdump("crashkernel=512M", units=(unit(mask=True),), files=(file("/etc/kdump.conf", "pth x\n"),))
    child = kdump(
        "crashkernel=512M",
        units=({"name": "kdump.service", "mask": False},),
        files=(file("/etc/kdump.conf", "path /var/crash\n"),),
    )
    assert checks({**parent, **merging(nested(child))}) == ["file-overridden"]
    assert checks({**child, **merging(nested(parent))}) == ["file-overridden", "kdump-conf-option", "unit-masked"]


def test_what_the_child_does_not_say_stays() -> None:
    """Links by path, a file's contents and mode each by itself, what is appended after what is there."""
    mask = {"path": "/etc/systemd/system/kdump.service", "target": "/dev/null"}
    wants = {
        "path": "/etc/systemd/system/multi-user.target.wants/kdump.service",
        "target": "/usr/lib/systemd/system/kdump.service",
    }
    masked = kdump("crashkernel=512M", units=(), storage={"links": [mask, wants]})
    assert checks({**masked, **merging(nested(ignition()))}) == ["unit-masked"]
    away = ignition(storage={"links": [{"path": mask["path"], "target": wants["target"]}]})
    assert checks({**masked, **merging(nested(away))}) == []
    conf = kdump("crashkernel=512M", files=(file("/etc/kdump.conf", "pth x\n", 0o644),))
    mode = ignition(storage={"files": [{"path": "/etc/kdump.conf", "mode": 644}]})
    assert checks({**conf, **merging(nested(mode))}) == ["file-mode", "kdump-conf-option"]
    more = ignition(storage={"files": [{"path": "/etc/kdump.conf", "append": [{"source": "data:,failure_action%20shell%0A"}]}]})
    assert checks({**conf, **merging(nested(more))}) == ["kdump-conf-option", "kdump-conf-shell"]


def test_the_place_leads_into_a_nested_config() -> None:
    found = findings(merging(nested(merging(nested(BAD)))))[0]
    merge = "/ignition/config/merge/0/source"
    assert (found.place.pointer, found.place.nested) == (merge, (merge, "/kernelArguments/shouldExist/0"))


def test_the_files_of_one_directory(tmp_path: Path) -> None:
    write(tmp_path / "base/bad.ign", BAD)
    write(tmp_path / "base/next.ign", local("bad.ign"))
    found = lint(write(tmp_path / "main.ign", local("base/next.ign")))
    assert names(found) == ["crashkernel-octal"]
    assert (found[0].place.file, found[0].place.pointer) == (str(tmp_path / "base/bad.ign"), "/kernelArguments/shouldExist/0")
    (tmp_path / "kdump.conf").write_text("pth x\n")
    contents = {"path": "/etc/kdump.conf", "overwrite": True, "contents": {"local": "kdump.conf"}}
    assert names(lint(write(tmp_path / "main.ign", kdump("crashkernel=512M", files=(contents,))))) == ["kdump-conf-option"]


@pytest.mark.parametrize("path", ["../outside.ign", "/etc/passwd", "link.ign", "directory/outside.ign", "dangling"])
def test_nothing_outside_is_read(tmp_path: Path, path: str) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    write(tmp_path / "outside.ign", BAD)
    (inside / "link.ign").symlink_to("../outside.ign")
    (inside / "directory").symlink_to("..")
    (inside / "dangling").symlink_to("../nothing")
    main = write(inside / "main.ign", local(path))
    with pytest.raises(Refusal, match="nothing outside them is read"):
        lint(main)


def test_a_given_file_that_is_a_link_out_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "inside").mkdir()
    write(tmp_path / "outside.ign", BAD)
    (tmp_path / "inside/link.ign").symlink_to("../outside.ign")
    with pytest.raises(Refusal, match="leads out of"):
        lint(tmp_path / "inside/link.ign")
    (tmp_path / "inside/near.ign").symlink_to("real.ign")
    write(tmp_path / "inside/real.ign", BAD)
    assert names(lint(tmp_path / "inside/near.ign")) == ["crashkernel-octal"]


# Ends the program at the first socket, name that is looked up, or program that is started (PEP 578).
WATCHED = """
import os, sys
WATCHED = ("socket.", "subprocess.", "os.exec", "os.fork", "os.system", "os.posix_spawn")
sys.addaudithook(lambda event, _: os._exit(99) if event.startswith(WATCHED) else None)
from orchestrator.cli import main
os._exit(main(sys.argv[1:]))
"""


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    """A file may have any name; a config can ask for one that no file can have."""
    odd = tmp_path / os.fsdecode(b"\xff\n.ign")
    assert names(lint(write(odd, BAD))) == ["crashkernel-octal"]
    for name in ("a\0b", "\ud800", "\ud800\U0001f600", "a" * 5000):
        with pytest.raises((Refusal, UsageError)) as refused:
            lint(write(tmp_path / "main.ign", local(name)))
        assert str(refused.value).isprintable()


def test_nothing_is_fetched_and_nothing_is_started(tmp_path: Path) -> None:
    urls = [f"{scheme}://127.0.0.1:1/x" for scheme in ("http", "https", "tftp", "s3", "gs", "arn", "ftp", "file")]
    main = write(tmp_path / "main.ign", merging(*urls))
    assert names(lint(main)) == ["source-elsewhere"] * len(urls)
    for code, status in (
        (WATCHED, 0),
        ("import socket" + WATCHED.replace("os._exit(main", "socket.socket(); os._exit(main"), 99),
    ):
        done = subprocess.run([sys.executable, "-c", code, "lint", str(main)], cwd=CHECKOUT, capture_output=True, check=False)
        assert done.returncode == status, done.stderr


def test_machineconfigs_of_a_role_are_one(tmp_path: Path) -> None:
    arguments = write(tmp_path / "a.json", machineconfig({}, "crashkernel=512M", name="10-size"))
    service = write(tmp_path / "b.json", machineconfig(kdump(), name="20-kdump"))
    assert names(lint(arguments)) == ["crashkernel-unused"]
    assert names(lint(service)) == ["crashkernel-missing"]
    assert names(lint(arguments, service)) == names(lint(service, arguments)) == []
    other = write(tmp_path / "c.json", machineconfig(kdump(), role="master"))
    assert names(lint(arguments, service, other)) == ["crashkernel-missing"]
    conf = kdump(files=(file("/etc/kdump.conf", "path /var/crash\n"),))
    first = write(tmp_path / "d.json", machineconfig(conf, "crashkernel=512M", name="50-a"))
    second = write(tmp_path / "e.json", machineconfig(conf, name="50-b"))
    assert names(lint(second, first)) == ["file-overridden"]
    both = write(
        tmp_path / "list.json", {"kind": "List", "items": [json.loads(path.read_text()) for path in (arguments, service)]}
    )
    assert names(lint(both)) == []


REFUSED: list[tuple[str, bytes, str]] = [
    ("no JSON", b'{"ignition": {\n  "version": 3.4.0}}', "is not JSON (line 2, column 17: Expecting ',' delimiter)"),
    (
        "YAML",
        b"variant: fcos\nversion: 1.5.0\n",
        "is not JSON (line 1, column 1: Expecting value); lint takes JSON: the output of butane",
    ),
    ("empty", b"", "is not JSON (line 1, column 1: Expecting value)"),
    ("a list", b"[]", "is not a JSON object"),
    ("no UTF-8", b'{"a": "\xff"}', "is not UTF-8 (byte 7 is 0xff)"),
    ("no config", b'{"kind": "List", "items": []}', "there is no config in it"),
    ("nested", b'{"a":' * 200 + b"1" + b"}" * 200, "is nested more than 100 levels deep"),
    ("nested without end", b"[" * 1_000_000, "is nested more than 100 levels deep"),
]


@pytest.mark.parametrize(("content", "words"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "config.ign"
    path.write_bytes(content)
    with pytest.raises(Refusal) as refused:
        lint(path)
    assert words in str(refused.value) and str(refused.value).startswith(str(path))


def test_what_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not there"):
        lint(tmp_path / "nothing.ign")
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(Refusal, match="is a FIFO"):
        lint(tmp_path / "fifo")
    with pytest.raises(Refusal, match="is a directory"):
        (tmp_path / "directory").mkdir()
        lint(tmp_path / "directory")


def bomb(unpacked: int) -> Config:
    """A file that gzip has made small."""
    packed = encoded(gzip.compress(bytes(unpacked)))
    return ignition(storage={"files": [{"path": "/etc/kdump.conf", "contents": {"source": packed, "compression": "gzip"}}]})


def many_bombs() -> Config:
    """Each of a size that is read, but all together too large."""
    made = bomb(12 * MIB)
    return ignition(storage={"files": made["storage"]["files"] * 7})


def parts() -> Config:
    """A gzip file of very many parts, each of which is empty."""
    packed = encoded(gzip.compress(b"") * 5000)
    return ignition(storage={"files": [{"path": "/a", "contents": {"source": packed, "compression": "gzip"}}]})


def deep_merge() -> Config:
    """A config in a config in a config; base64 would grow beyond all measure, quoting does too, so gzip keeps it small."""
    made = ignition()
    for _ in range(150):
        packed = {"source": encoded(gzip.compress(json.dumps(made).encode())), "compression": "gzip"}
        made = ignition()
        made["ignition"]["config"] = {"merge": [packed]}
    return made


HOSTILE = [
    ("a bomb", bomb(64 * MIB), "the contents are larger than 16 MiB"),
    ("many bombs", many_bombs(), "all contents are larger than 64 MiB"),
    ("many parts", parts(), "more than 1000 parts of gzip"),
    ("ten thousand merges", merging(*[nested(ignition())] * 10_000), "more than 100 configs are merged"),
    ("merges in each other", deep_merge(), "more than 100 configs are merged"),
]


@pytest.mark.parametrize(("config", "words"), [row[1:] for row in HOSTILE], ids=[row[0] for row in HOSTILE])
def test_what_is_too_much_is_refused_with_the_limit(config: Config, words: str) -> None:
    started = time.process_time()
    with pytest.raises(Refusal, match=words):
        findings(config)
    assert time.process_time() - started < SECONDS


def test_files_that_merge_themselves(tmp_path: Path) -> None:
    for number in range(10_000):
        (tmp_path / f"{number}.ign").write_text(json.dumps(local(f"{number + 1}.ign")))
    write(tmp_path / "round.ign", local("round.ign"))
    for name in ("0.ign", "round.ign"):
        with pytest.raises(Refusal, match="more than 100 configs are merged, the most that are read"):
            lint(tmp_path / name)


def test_a_large_file_is_refused_with_little_memory(tmp_path: Path) -> None:
    """The real program, on 100 MB."""
    path = tmp_path / "large.ign"
    path.write_bytes(b'{"a": [' + b"[]," * 33_000_000 + b"1]}")
    done = subprocess.run(
        [sys.executable, "-m", "orchestrator", "lint", str(path)],
        cwd=CHECKOUT,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (3, "")
    assert f"is larger than {limits.LARGEST_FILE >> 20} MiB" in done.stderr


LARGE: list[tuple[str, Config]] = [
    ("units", ignition(systemd={"units": [unit(f"{number}.service", contents="[Unit]\n") for number in range(40_000)]})),
    ("misspelt units", ignition(systemd={"units": [unit(f"kdump{number}.service") for number in range(40_000)]})),
    ("files", ignition(storage={"files": [file(f"/etc/{number}", "") for number in range(40_000)]})),
    ("the same file", ignition(storage={"files": [file("/etc/kdump.conf", "pth\n")] * 40_000})),
    ("arguments", kdump(*[f"crashkernel={number + 64}M" for number in range(40_000)])),
    ("misspelt options", kdump(files=(file("/etc/kdump.conf", "".join(f"pat{number} x\n" for number in range(100_000))),))),
    ("a long argument", kdump("crashkernel=" + "1G-2G:512M," * 400_000)),
    ("a long conf", kdump(files=(file("/etc/kdump-karg.conf", "crashkernel=512MB\n" * 200_000),))),
    ("a long sysconfig", kdump(files=(file("/etc/sysconfig/kdump", "A=$A$A\n" * 200_000),))),
    (
        "merges of a large one",
        merging(*[nested(ignition(storage={"files": [file(f"/{number}", "") for number in range(1000)]}))] * 60),
    ),
]


@pytest.mark.parametrize("config", [row[1] for row in LARGE], ids=[row[0] for row in LARGE])
def test_a_large_config_takes_its_time_and_no_more(config: Config) -> None:
    started = time.process_time()
    findings(config)
    assert time.process_time() - started < SECONDS


def test_lines() -> None:
    text = '{\n "a": [\n  {"x/y": 1},\n  {"b~": [2,\n 3]}], "a": {"z": 5}, "q": "\\n\\"}",\n\n "a": [7,\n {"b~": [8, 9]}\n]}'
    document.parse(text, "x")
    pointers = ["", "/a", "/a/1/b~0", "/a/1/b~0/1", "/q", "/no/such"]
    assert document.lines(text, pointers) == {"": 1, "/a": 7, "/a/1": 8, "/a/1/b~0": 8, "/a/1/b~0/1": 8, "/q": 5}


def test_the_line_of_a_finding(tmp_path: Path) -> None:
    path = tmp_path / "config.ign"
    path.write_text(json.dumps(BAD, indent=2))
    found = lint(path)[0]
    assert "0512M" in path.read_text().splitlines()[found.line - 1]
