# SPDX-License-Identifier: Apache-2.0
"""What bad input gets: one line that names the file, the value and the fix; nothing is written."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from orchestrator.facts.bootstate import LARGEST_ENTRY
from tests.conftest import Make
from tests.invocation import CHECKOUT, Output, call, one_line, program
from tests.sample import CONF, ENTRY, FIRST_BOOT_LINE, GIB, IOMEM_8G, MIB, NO_WISH, PRESET, Sample, entry_text


def bad(**overrides: Any) -> dict[str, Any]:
    """Overrides that make a tree bad."""
    return overrides


def kargs(*values: str) -> str:
    """A rendered config whose kernelArguments ask for these."""
    return json.dumps({"kernelArguments": {"shouldExist": [f"crashkernel={value}" for value in values]}})


TWO_DEPLOYMENTS = {"boot/loader.1/entries/ostree-2.conf": entry_text()}
BAD: list[tuple[str, dict[str, Any], list[str]]] = [
    ("config not UTF-8", bad(conf=b"crashkernel=1\xff\n"), ["/etc/kdump-karg.conf is not UTF-8", "0xff"]),
    ("unknown key", bad(conf="size=256M\n"), ["/etc/kdump-karg.conf:1", "'size'", "crashkernel, enable, strict"]),
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
    ("config is a directory", bad(extra={f"{CONF}/x": ""}), ["/etc/kdump-karg.conf is a directory", "put a regular file"]),
    ("preset not UTF-8", bad(extra={"sysroot/etc/systemd/system-preset/1.preset": b"\xff"}), ["1.preset is not UTF-8"]),
    ("no options", bad(entry="title x\nlinux /x\n"), ["/boot/loader/entries/ostree-1.conf", "no options"]),
    ("two options lines", bad(entry=entry_text() + "options x\n"), ["/boot/loader/entries/ostree-1.conf", "2 options lines"]),
    ("CR LF", bad(entry=entry_text().replace("\n", "\r\n")), ["/boot/loader/entries/ostree-1.conf", "CR LF"]),
    (
        "entry would become too large",
        bad(entry=entry_text() + "#" * (LARGEST_ENTRY - len(entry_text()) - 1) + "\n"),
        ["/boot/loader/entries/ostree-1.conf would become larger than 64 KiB"],
    ),
    ("no final newline", bad(entry=entry_text()[:-1]), ["/boot/loader/entries/ostree-1.conf", "newline"]),
    ("no entry", bad(options="ostree=/ostree/boot.0/x/y/0"), ["/boot/loader/entries", "has no entry that boots"]),
    ("entry is a directory", bad(extra={"boot/loader.1/entries/z.conf/x": ""}), ["/boot/loader/entries/z.conf is a directory"]),
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


# The file that is none, and how a refusal names it
READ: list[tuple[str, str, str]] = [
    ("conf", CONF, "/etc/kdump-karg.conf"),
    ("drop-in", f"{CONF}.d/1.conf", "/etc/kdump-karg.conf.d/1.conf"),
    ("drop-in of the vendor", "sysroot/usr/lib/kdump-karg.conf.d/1.conf", "/usr/lib/kdump-karg.conf.d/1.conf"),
    ("preset", PRESET, "/etc/systemd/system-preset/20-ignition.preset"),
    ("preset of the vendor", "sysroot/usr/lib/systemd/system-preset/1.preset", "/usr/lib/systemd/system-preset/1.preset"),
    ("rendered config", "run/ignition.json", "/run/ignition.json"),
    ("booted entry", ENTRY, "/boot/loader/entries/ostree-1.conf"),
    ("another entry", "boot/loader.1/entries/x.conf", "/boot/loader/entries/x.conf"),
    ("backend of ostree", "sysroot/sysroot/ostree/repo/config", "/sysroot/ostree/repo/config"),
    ("memory", "proc/iomem", "/proc/iomem"),
]
BOUNDS = {"rendered config": "64 MiB", "booted entry": "64 KiB", "another entry": "64 KiB", "memory": "64 MiB"}
HANGS = 30  # seconds; a run takes less than one
MEMORY = 512 * MIB  # of address space; a run has some 30 MiB, and no bound of what these commands read is larger than 64 MiB


def limited(sample: Sample, command: str) -> subprocess.CompletedProcess[str]:
    """The real program with little memory, killed where it hangs."""
    return subprocess.run(
        [sys.executable, "-m", "orchestrator", command, "--root", str(sample.root)],
        cwd=CHECKOUT,
        env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY)),
        capture_output=True,
        text=True,
        check=False,
        timeout=HANGS,
    )


def refused(sample: Sample, words: str) -> None:
    """plan and apply refuse in one line that begins so, and write nothing; status ends too, and says that kdump is not armed."""
    before = sample.snapshot("boot/ignition")
    for command in ("plan", "apply"):
        done = limited(sample, command)
        assert done.returncode == 3, done.stderr
        assert one_line(done.stderr).startswith(words)
    assert sample.snapshot("boot/ignition") == before and sample.has("boot/ignition.firstboot")
    assert not sample.has("run/kdump-karg/reboot-required")
    assert limited(sample, "status").returncode == 4


def replaced(sample: Sample, path: str) -> Path:
    """A place for something else than the file that is there."""
    place = sample.write(path, "")
    place.unlink()
    return place


@pytest.mark.parametrize(("path", "named"), [row[1:] for row in READ], ids=[row[0] for row in READ])
def test_a_fifo_is_refused_and_not_waited_for(make: Make, path: str, named: str) -> None:
    sample = make(ignition=NO_WISH) if path != "run/ignition.json" else make()
    os.mkfifo(replaced(sample, path))
    refused(sample, f"{named} is a FIFO, not a regular file; put a regular file there")


@pytest.mark.parametrize(("name", "path", "named"), READ, ids=[row[0] for row in READ])
def test_a_file_of_3_gib_is_refused_and_not_read(make: Make, name: str, path: str, named: str) -> None:
    sample = make(ignition=NO_WISH) if path != "run/ignition.json" else make()
    with open(replaced(sample, path), "wb") as file:
        file.truncate(3 * GIB)
    refused(sample, f"{named} is larger than {BOUNDS.get(name, '1 MiB')} (")
    assert sample.root.joinpath(path).stat().st_size == 3 * GIB


@pytest.mark.parametrize("kind", ["FIFO", "large"])
def test_strict_is_still_answered(make: Make, kind: str) -> None:
    """The word in a file that can be read counts, whatever the files before and after it are."""
    sample = make(conf="strict=yes\n")
    for name in ("0.conf", "9.conf"):
        place = replaced(sample, f"{CONF}.d/{name}")
        if kind == "FIFO":
            os.mkfifo(place)
        else:
            place.touch()
            os.truncate(place, 3 * GIB)
    sample.write(f"{CONF}.d/5.conf", "crashkernel=nonsense\n")
    done = subprocess.run(
        [sys.executable, "-c", f"from orchestrator.facts import conf; print(conf.is_strict({str(sample.root / 'sysroot')!r}))"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
        timeout=HANGS,
    )
    assert done.stdout == "True\n"


@pytest.mark.parametrize("kind", ["FIFO", "large"])
def test_an_initramfs_that_is_none_is_not_known(make: Make, kind: str) -> None:
    """An estimate is no reason to fail, and none to hang."""
    sample = make()
    place = replaced(sample, "boot/ostree/fedora-coreos-5d6a2c/initramfs-7.2.5.img")
    if kind == "FIFO":
        os.mkfifo(place)
    else:
        place.touch()
        os.truncate(place, 1 << 42)
    done = limited(sample, "plan")
    assert (done.returncode, done.stderr) == (0, "") and "CHANGE" in done.stdout and "needed: about" not in done.stdout


LARGE_CONFIG = {"kernelArguments": {"shouldExist": ["crashkernel=256M"]}, "x": "#" * (2 * MIB)}


@pytest.mark.parametrize(
    "overrides",
    [
        bad(ignition=json.dumps(LARGE_CONFIG)),
        bad(iomem=IOMEM_8G + "  01000000-01ffffff : a device\n" * (2 * MIB // 32)),
    ],
    ids=["rendered config", "memory"],
)
def test_what_may_be_larger_is_read(make: Make, capsys: Output, overrides: dict[str, Any]) -> None:
    assert call(make(**overrides), "plan", "--json") == 0
    assert json.loads(capsys.readouterr().out)["decision"] == "CHANGE"
