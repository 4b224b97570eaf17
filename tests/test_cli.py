# SPDX-License-Identifier: Apache-2.0
"""cli.py and commands.py: exit statuses, what is printed, and what bad input gets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from orchestrator import cli, outcome
from tests.conftest import Make
from tests.isolated import in_child, in_namespace, mounted, root_only
from tests.powercut import FINAL
from tests.sample import AUTO, CONF, ENTRY, FIRST_BOOT_LINE, LATER_LINE, MIB, NO_WISH, OPTIONS, Sample, entry_text

CHECKOUT = Path(__file__).parent.parent
Output = pytest.CaptureFixture[str]


def call(sample: Sample, *argv: str) -> int:
    """The program in this process."""
    return cli.main([*argv, "--root", str(sample.root)])


def program(*argv: str) -> subprocess.CompletedProcess[str]:
    """The program as a process of its own, from the checkout."""
    environment = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, "-m", "orchestrator", *argv],
        cwd=CHECKOUT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def one_line(text: str) -> str:
    """The one line that a run may say on stderr."""
    assert text.endswith("\n") and text.count("\n") == 1, text
    assert text.startswith("kdump-karg: ")
    assert "internal error" not in text and "Traceback" not in text
    return text.removeprefix("kdump-karg: ").rstrip("\n")


def bad(**overrides: Any) -> dict[str, Any]:
    """Overrides that make a tree bad."""
    return overrides


def kargs(*values: str) -> str:
    """A rendered config whose kernelArguments ask for these."""
    return json.dumps({"kernelArguments": {"shouldExist": [f"crashkernel={value}" for value in values]}})


TWO_DEPLOYMENTS = {"boot/loader.1/entries/ostree-2.conf": entry_text()}
BAD: list[tuple[str, dict[str, Any], list[str]]] = [
    ("config not UTF-8", bad(conf=b"crashkernel=1\xff\n"), ["/etc/kdump-karg.conf is not UTF-8", "0xff"]),
    ("unknown key", bad(conf="size=256M\n"), ["/etc/kdump-karg.conf:1", "'size'", "crashkernel, strict"]),
    ("256MB", bad(conf="crashkernel=256MB\n"), ["/etc/kdump-karg.conf:1", "256MB", "write 256M"]),
    ("08M", bad(conf="crashkernel=08M\n"), ["/etc/kdump-karg.conf:1", "08M", "write 8M"]),
    ("010M", bad(conf="crashkernel=010M\n"), ["/etc/kdump-karg.conf:1", "010M", "write 10M"]),
    ("quote", bad(conf='crashkernel="256M"\n'), ["/etc/kdump-karg.conf:1", "'\"'"]),
    ("space", bad(conf="crashkernel=256M quiet\n"), ["/etc/kdump-karg.conf:1", "' '"]),
    ("NUL", bad(conf="crashkernel=256M\x00\n"), ["/etc/kdump-karg.conf:1", "'\\x00'"]),
    ("variable", bad(conf="crashkernel=$size\n"), ["/etc/kdump-karg.conf:1", "'$'"]),
    ("newline", bad(ignition=kargs("256M\ninit=/bin/sh")), ["/run/ignition.json", "'\\n'"]),
    ("half a character", bad(ignition=kargs("\ud800")), ["/run/ignition.json", "'\\ud800'"]),
    ("half a character in one of two", bad(ignition=kargs("1M", "\ud800")), ["/run/ignition.json", "\\ud800"]),
    ("escape sequence", bad(ignition=kargs("\x1b[2J")), ["/run/ignition.json", "'\\x1b'"]),
    ("thousands of digits", bad(conf="crashkernel=" + "9" * 5000), ["/etc/kdump-karg.conf:1", "8191 MiB"]),
    ("more than memory", bad(conf="crashkernel=8G\n"), ["/etc/kdump-karg.conf:1", "crashkernel=8G", "8191 MiB"]),
    ("below the range", bad(conf="crashkernel=16G-:1G\n"), ["/etc/kdump-karg.conf:1", "zero bytes"]),
    ("config is a directory", bad(extra={f"{CONF}/x": ""}), ["/etc/kdump-karg.conf cannot be read"]),
    ("preset not UTF-8", bad(extra={"sysroot/etc/systemd/system-preset/1.preset": b"\xff"}), ["1.preset is not UTF-8"]),
    ("no options", bad(entry="title x\nlinux /x\n"), ["/boot/loader/entries/ostree-1.conf", "no options"]),
    ("two options lines", bad(entry=entry_text() + "options x\n"), ["/boot/loader/entries/ostree-1.conf", "2 options lines"]),
    ("CR LF", bad(entry=entry_text().replace("\n", "\r\n")), ["/boot/loader/entries/ostree-1.conf", "CR LF"]),
    ("no final newline", bad(entry=entry_text()[:-1]), ["/boot/loader/entries/ostree-1.conf", "newline"]),
    ("no entry", bad(options="ostree=/ostree/boot.0/x/y/0"), ["/boot/loader/entries", "has no entry that boots"]),
    ("entry is a directory", bad(extra={"boot/loader.1/entries/z.conf/x": ""}, loader="loader.1"), ["z.conf cannot be read"]),
    ("two entries", bad(extra=TWO_DEPLOYMENTS), ["ostree-1.conf and ostree-2.conf both boot"]),
    (
        "loader not a link",
        bad(loader=None, extra={"boot/loader/entries/ostree-1.conf": entry_text()}),
        ["/boot/loader is not a sym"],
    ),
    ("loader missing", bad(loader=None), ["/boot/loader is missing"]),
    ("loader loops", bad(loader="loader"), ["/boot/loader links to loader"]),
    ("empty command line", bad(cmdline=""), ["/proc/cmdline is empty"]),
    ("missing command line", bad(cmdline=None), ["/proc/cmdline is empty"]),
    ("no ostree=", bad(cmdline="quiet\n"), ["/proc/cmdline has no ostree="]),
    ("missing iomem", bad(iomem=None), ["/proc/iomem is missing"]),
    ("empty iomem", bad(iomem=""), ["/proc/iomem lists no System RAM"]),
    ("hidden iomem", bad(iomem="00000000-00000000 : System RAM\n"), ["/proc/iomem hides"]),
    ("rendered config not JSON", bad(ignition="nonsense"), ["/run/ignition.json is not JSON"]),
    ("rendered config cut short", bad(ignition='{"systemd": {'), ["/run/ignition.json is not JSON"]),
    ("rendered config nested", bad(ignition="[" * 100_000), ["/run/ignition.json is not JSON"]),
    ("rendered config empty", bad(ignition=""), ["/run/ignition.json is not JSON"]),
    ("rendered config a list", bad(ignition="[]"), ["/run/ignition.json is not a JSON object"]),
    ("unknown architecture", bad(arch="vax"), ["vax", "x86_64"]),
    ("no default for it", bad(arch="riscv64"), ["riscv64", "/etc/kdump-karg.conf"]),
    ("derived file", bad(extra={"boot/grub2/grub.cfg": ""}), ["grub2", "bootloader=none"]),
    ("too long", bad(cmdline=FIRST_BOOT_LINE + " x" * 1000), ["/boot/loader/entries/ostree-1.conf", "2047"]),
    (
        "running with one that reserves nothing",
        bad(conf="crashkernel=9G\n", cmdline=f"{FIRST_BOOT_LINE} crashkernel=9G"),
        ["reserves nothing"],
    ),
]


@pytest.mark.parametrize("command", ["plan", "apply"])
@pytest.mark.parametrize(("overrides", "words"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_bad_input_is_refused_in_one_line(
    make: Make, capsys: Output, overrides: dict[str, Any], words: list[str], command: str
) -> None:
    sample = make(**overrides)
    before = sample.snapshot()
    assert call(sample, command) == 3
    assert sample.snapshot() == before
    line = one_line(capsys.readouterr().err)
    for word in words:
        assert word in line
    assert line.isprintable()


@pytest.mark.parametrize("overrides", [row[1] for row in BAD], ids=[row[0] for row in BAD])
def test_bad_input_as_json_and_in_status(make: Make, capsys: Output, overrides: dict[str, Any]) -> None:
    sample = make(**overrides)
    assert call(sample, "plan", "--json") == 3
    document = json.loads(capsys.readouterr().out)
    assert document["decision"] == "REFUSE"
    assert (document["reboot"], document["files"]) == (False, [])
    assert call(sample, "status", "--json") == 1
    assert json.loads(capsys.readouterr().out)["broken"]


AS_A_PROCESS = ["config not UTF-8", "08M", "half a character in one of two", "loader not a link", "empty command line"]


@pytest.mark.parametrize("name", AS_A_PROCESS)
def test_bad_input_to_the_real_program(make: Make, name: str) -> None:
    sample = make(**next(row[1] for row in BAD if row[0] == name))
    before = sample.snapshot()
    for command in ("plan", "apply"):
        done = program(command, "--root", str(sample.root))
        assert done.returncode == 3
        one_line(done.stderr)
    assert sample.snapshot() == before


def test_the_real_program_does_it(make: Make) -> None:
    sample = make()
    planned = program("plan", "--json", "--root", str(sample.root))
    applied = program("apply", f"--root={sample.root}")
    assert (planned.returncode, applied.returncode, applied.stdout) == (0, 0, "")
    assert json.loads(planned.stdout)["decision"] == "CHANGE"
    assert one_line(applied.stderr).startswith("CHANGE: ")
    assert sample.options == FINAL


DECISIONS: list[tuple[str, dict[str, Any], str, str | None, int, bool]] = [
    ("change", {}, "CHANGE", AUTO, 256 * MIB, True),
    ("explicit", {"conf": "crashkernel=512M\n"}, "CHANGE", "512M", 512 * MIB, True),
    ("active", {"cmdline": f"{FIRST_BOOT_LINE} crashkernel=1G\n"}, "ACTIVE", "1G", 1024 * MIB, False),
    ("pending", {"options": FINAL}, "PENDING", AUTO, 256 * MIB, False),
    ("nothing asked", {"ignition": NO_WISH, "preset": None}, "SKIP", None, 0, False),
    ("switched off", {"cmdline": f"{FIRST_BOOT_LINE} rd.kdump_karg=0\n"}, "SKIP", None, 0, False),
    ("live image", {"extra": {"run/ostree-live": ""}}, "SKIP", None, 0, False),
    ("capture kernel", {"extra": {"proc/vmcore": ""}}, "SKIP", None, 0, False),
    ("switched off, with a bad config", {"cmdline": "rd.kdump_karg=0\n", "conf": "x"}, "SKIP", None, 0, False),
]


@pytest.mark.parametrize(
    ("overrides", "kind", "value", "size", "reboot"), [row[1:] for row in DECISIONS], ids=[row[0] for row in DECISIONS]
)
def test_plan_json(
    make: Make, capsys: Output, overrides: dict[str, Any], kind: str, value: str | None, size: int, reboot: bool
) -> None:
    sample = make(**overrides)
    before = sample.snapshot()
    assert call(sample, "plan", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert {"decision", "reason", "crashkernel", "reserved_bytes", "reboot", "files"} <= set(document)
    assert all(set(change) == {"path", "diff"} for change in document["files"])
    assert document["decision"] == kind and document["reason"]
    assert (document["crashkernel"], document["reserved_bytes"], document["reboot"]) == (value, size, reboot)
    assert [change["path"] for change in document["files"]] == (["/boot/loader/entries/ostree-1.conf"] if reboot else [])
    assert sample.snapshot() == before


@pytest.mark.parametrize(
    ("overrides", "kind", "reboot"), [(row[1], row[2], row[5]) for row in DECISIONS], ids=[row[0] for row in DECISIONS]
)
def test_apply(make: Make, capsys: Output, overrides: dict[str, Any], kind: str, reboot: bool) -> None:
    sample = make(**overrides)
    before = sample.snapshot()
    assert call(sample, "apply") == 0
    assert one_line(capsys.readouterr().err).startswith(f"{kind}: ")
    assert sample.has(outcome.REBOOT_REQUIRED) is reboot
    assert (sample.snapshot() == before) is not reboot


def test_apply_changes_only_what_it_says(make: Make) -> None:
    sample = make()
    before = sample.snapshot()
    call(sample, "apply")
    after = sample.snapshot()
    changed = {path for path in {*before, *after} if before.get(path) != after.get(path)}
    assert changed == {
        ENTRY,
        "boot/ignition",
        "boot/ignition/config.ign",
        "boot/ignition.firstboot",
        "run/kdump-karg",
        outcome.REBOOT_REQUIRED,
    }


TITLES = [b"title Fedora", b"title a\x0cb\x0b\x1cc", b"title \xc2\x85 \xe2\x80\xa8", b"title Caf\xe9 \xff"]


@pytest.mark.parametrize("title", TITLES, ids=["plain", "form feed", "line separators", "no UTF-8"])
@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
def test_patch_with_the_diff_gives_what_apply_writes(make: Make, tmp_path: Path, title: bytes, as_json: bool) -> None:
    entry = entry_text().encode().replace(b"title Fedora CoreOS 44 (ostree:0)", title)
    patched, applied = make(entry=entry), make(entry=entry)
    done = subprocess.run(
        [sys.executable, "-m", "orchestrator", "plan", "--root", str(patched.root), *(["--json"] if as_json else [])],
        cwd=CHECKOUT,
        capture_output=True,
        check=True,
    )
    text = done.stdout
    if as_json:
        text = json.loads(done.stdout)["files"][0]["diff"].encode("utf-8", "surrogateescape")
    subprocess.run(["patch", "-p1", "--quiet", "--fuzz=0"], cwd=patched.root, input=text, check=True)
    call(applied, "apply")
    assert (patched.root / ENTRY).read_bytes() == (applied.root / ENTRY).read_bytes() != entry


def test_plan_as_text(make: Make, capsys: Output) -> None:
    assert call(make(), "plan") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "decision: CHANGE"
    assert lines[1].startswith("reason: kdump.service enabled by /etc/systemd/system-preset/20-ignition.preset")
    assert lines[2:7] == [
        f"crashkernel: {AUTO}",
        "reserved: 268435456 bytes (256 MiB)",
        "reboot: yes",
        "removes: /boot/ignition",
        "removes: /boot/ignition.firstboot",
    ]
    assert [line for line in lines if line.startswith("+") and not line.startswith("+++")] == [f"+options {FINAL}"]
    assert [line for line in lines if line.startswith("-") and not line.startswith("---")] == [f"-options {OPTIONS}"]


USAGE: list[tuple[str, list[str]]] = [
    ("nothing", []),
    ("unknown command", ["explain"]),
    ("unknown option", ["plan", "--force"]),
    ("two commands", ["plan", "apply"]),
    ("root without a value", ["plan", "--root"]),
    ("root is empty", ["plan", "--root", ""]),
    ("root is missing", ["plan", "--root", "/no/such/directory"]),
    ("root is a file", ["plan", "--root", __file__]),
    ("apply has no JSON", ["apply", "--json", "--root", "/"]),
    ("command is not UTF-8", ["\udcff"]),
]


@pytest.mark.parametrize("argv", [row[1] for row in USAGE], ids=[row[0] for row in USAGE])
def test_usage_errors(capsys: Output, argv: list[str]) -> None:
    assert cli.main(argv) == 2
    assert len(one_line(capsys.readouterr().err)) > 20


@pytest.mark.parametrize("argv", [["--help"], ["-h"], ["plan", "--help"]], ids=" ".join)
def test_help(capsys: Output, argv: list[str]) -> None:
    assert cli.main(argv) == 0
    out = capsys.readouterr().out
    for word in (*cli.COMMANDS, "--root DIR", "--json", "exit status"):
        assert word in out


def test_version(capsys: Output) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == "kdump-karg 0.1.0\n"


@pytest.mark.parametrize(
    ("overrides", "status"),
    [
        ({}, 1),
        ({"ignition": NO_WISH, "preset": None}, 0),
        (
            {"cmdline": f"{LATER_LINE} crashkernel={AUTO}", "options": FINAL, "crash_size": "268435456", "crash_loaded": "1"},
            0,
        ),
    ],
    ids=["not armed", "not wanted", "armed"],
)
def test_status_and_report(make: Make, capsys: Output, overrides: dict[str, Any], status: int) -> None:
    sample = make(**overrides)
    before = sample.snapshot()
    assert call(sample, "status") == status
    said = capsys.readouterr()
    assert said.err == "" and "kdump is" in said.out
    assert sample.snapshot() == before
    assert call(sample, "report") == status
    assert one_line(capsys.readouterr().err) == said.out.splitlines()[-1]


@root_only
def test_a_captured_tree_that_cannot_be_written_is_a_failure(make: Make) -> None:
    sample = make()

    def read_only() -> None:
        with mounted(str(sample.root), sample.root, "--bind", "-o", "ro"):
            before = sample.snapshot()
            done = program("apply", "--root", str(sample.root))
            assert done.returncode == 1
            assert "Read-only file system" in one_line(done.stderr)
            assert sample.snapshot() == before

    in_namespace(read_only)


@root_only
@pytest.mark.parametrize("command", ["plan", "status"])
def test_without_root_the_system_itself_is_looked_at(make: Make, tmp_path: Path, command: str) -> None:
    """In a chroot, from a working directory that holds a decoy of everything."""
    sample = make(conf=None)
    (sample.root / "sysroot/etc/systemd").rename(sample.root / "etc-systemd")
    sample.write("etc/x", "")
    (sample.root / "etc-systemd").rename(sample.root / "etc/systemd")
    command_line(["rm", "-r", str(sample.root / "sysroot")])
    command_line(["cp", "-a", str(make(loader=None, cmdline="quiet\n").root), str(sample.root / "decoy")])

    def inside() -> None:
        import orchestrator.chain
        import orchestrator.commands
        import orchestrator.plan
        import orchestrator.show  # noqa: F401  the standard library is not there inside

        cli.main([command, "--root", str(sample.root)])
        os.chroot(sample.root)
        os.chdir("/decoy")
        sys.stdout = open("/out", "w")  # noqa: SIM115  it stays for the life of the child
        raise SystemExit(cli.main([command]))

    assert in_child(inside) == (0 if command == "plan" else 1)
    assert ("decision: CHANGE" if command == "plan" else "entry: /boot/loader/entries/ostree-1.conf has no") in sample.text(
        "out"
    )


def command_line(argv: list[str]) -> None:
    """A program that must succeed."""
    subprocess.run(argv, check=True)
