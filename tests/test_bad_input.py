# SPDX-License-Identifier: Apache-2.0
"""What bad input gets: one line that names the file, the value and the fix; nothing is written."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conftest import Make
from tests.invocation import Output, call, one_line, program
from tests.sample import CONF, FIRST_BOOT_LINE, entry_text


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
    assert call(sample, "status", "--json") == 4
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
