# SPDX-License-Identifier: Apache-2.0
"""cli.py and commands.py: exit statuses and what is printed. (For bad input see test_bad_input.py.)"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from orchestrator import __version__, cli
from orchestrator.system.target import Target
from orchestrator.write import outcome
from tests.conftest import Make
from tests.invocation import CHECKOUT, Output, call, one_line, program
from tests.isolated import in_child, in_namespace, mounted, root_only
from tests.powercut import FINAL
from tests.sample import AUTO, ENTRY, FIRST_BOOT_LINE, LATER_LINE, MIB, NO_WISH, OPTIONS, entry_text


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
    assert capsys.readouterr().out == f"kdump-karg {__version__}\n"


@pytest.mark.parametrize(
    ("overrides", "status"),
    [
        ({}, 4),
        ({"ignition": NO_WISH, "preset": None}, 0),
        (
            {"cmdline": f"{LATER_LINE} crashkernel={AUTO}", "options": FINAL, "crash_size": "268435456", "crash_loaded": "1"},
            0,
        ),
    ],
    ids=["not armed", "not wanted", "armed"],
)
def test_status_and_report(make: Make, capsys: Output, overrides: dict[str, Any], status: int) -> None:
    sample = make(**overrides, extra={outcome.REPORT_NOW: ""})
    before = sample.snapshot()
    assert call(sample, "status") == status
    said = capsys.readouterr()
    assert said.err == "" and "kdump is" in said.out
    assert sample.snapshot() == before
    assert call(sample, "report") == status
    reported = capsys.readouterr()
    assert one_line(reported.err) == said.out.splitlines()[-1]
    assert reported.out + said.out.splitlines()[-1] + "\n" == said.out
    assert call(sample, "report") == status
    assert bool(capsys.readouterr().err) is (status != 0)  # good news is told once


@root_only
def test_a_captured_tree_that_cannot_be_written_is_refused(make: Make) -> None:
    sample = make()

    def read_only() -> None:
        with mounted(str(sample.root), sample.root, "--bind", "-o", "ro"):
            before = sample.snapshot()
            done = program("apply", "--root", str(sample.root))
            assert done.returncode == 3
            assert "/boot is on a read-only file system; make it" in one_line(done.stderr)
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
    (sample.root / "sysroot/usr").rename(sample.root / "usr")
    command_line(["rm", "-r", str(sample.root / "sysroot")])
    command_line(["cp", "-a", str(make(loader=None, cmdline="quiet\n").root), str(sample.root / "decoy")])

    def inside() -> None:
        cli.main([command, "--root", str(sample.root)])
        os.chroot(sample.root)
        os.chdir("/decoy")
        sys.stdout = open("/out", "w")  # noqa: SIM115  it stays for the life of the child
        raise SystemExit(cli.main([command]))

    assert in_child(inside) == (0 if command == "plan" else 4)
    assert ("decision: CHANGE" if command == "plan" else "entry: /boot/loader/entries/ostree-1.conf has no") in sample.text(
        "out"
    )


def command_line(argv: list[str]) -> None:
    """A program that must succeed."""
    subprocess.run(argv, check=True)


def test_write_with_nothing_handed_over_does_nothing(tmp_path: Path, capsys: Output) -> None:
    """Somebody types it by hand."""
    from orchestrator import commands

    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/initrd-release").touch()
    assert commands.write(Target(str(tmp_path), live=True)) == 0
    assert one_line(capsys.readouterr().err).startswith("nothing to write: /run/kdump-karg/handover is not there")
    assert os.listdir(tmp_path) == ["etc"]


def test_write_is_for_the_running_system(make: Make, capsys: Output) -> None:
    sample = make()
    assert call(sample, "write") == 2
    assert "write has no --root; on a captured tree apply writes at once" in capsys.readouterr().err


@root_only
def test_the_units_of_a_first_boot(make: Make, capsys: Output) -> None:
    """apply, then write: the decision is noted by the one, the report and the reboot asked for by the other."""
    from orchestrator import commands
    from orchestrator.write import handover

    sample = make(extra={"etc/initrd-release": ""})
    sample.link("sysroot/sysroot/boot", "../../boot")
    target = Target(str(sample.root), live=True)
    before = sample.snapshot("boot")

    def both() -> None:
        assert commands.apply(target) == 0
        assert sample.snapshot("boot") == before
        left = handover.read(target.root)
        assert left is not None and left.wanted is not None and left.wanted.crashkernel == AUTO
        assert sample.has(outcome.OUTCOME)
        assert not any(sample.has(path) for path in (outcome.REBOOT_REQUIRED, outcome.REPORT_NOW, f"sysroot/{outcome.REPORT_LATER}"))
        assert commands.write(target) == 0
        assert sample.options == FINAL
        assert sample.has(outcome.REBOOT_REQUIRED) and sample.has(f"sysroot/{outcome.REPORT_LATER}")

    in_namespace(both)
