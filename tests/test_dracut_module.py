# SPDX-License-Identifier: Apache-2.0
"""dracut/99kdump-karg: what it installs is there, and its units agree with the program."""

from __future__ import annotations

import glob
import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from orchestrator import planning, run
from orchestrator.decide.plan import Plan
from orchestrator.facts import bootstate, intent, machine
from orchestrator.facts.bootstate import BEGUN, ENTRIES, TEMPORARY
from orchestrator.system.target import Target
from orchestrator.write import apply as writer
from orchestrator.write import handover, outcome
from tests.conftest import Make
from tests.powercut import FINAL, next_boot
from tests.sample import CONF, LATER_LINE, NO_WISH, PRESET, Sample, entry_text

MODULE = Path(__file__).parent.parent / "dracut/99kdump-karg"
SETUP = MODULE / "module-setup.sh"
UNITS = sorted(MODULE.glob("*.service"))
ORDERING = ("After=", "Before=", "Conflicts=", "Requires=", "Wants=", "BindsTo=", "PartOf=", "RequiresMountsFor=", "OnFailure=")
UNIT_DIR = "sysroot/etc/systemd/system"
unit_files = pytest.mark.parametrize("unit", UNITS, ids=lambda unit: str(unit.name))


def values(unit: str, key: str) -> list[str]:
    """The values of a key in a unit file."""
    lines = (MODULE / unit).read_text().splitlines()
    return [line.partition("=")[2] for line in lines if line.startswith(f"{key}=")]


def test_the_units_are_there() -> None:
    assert {"kdump-karg.service", "kdump-karg-reboot.service"} <= {unit.name for unit in UNITS}


def test_bash_can_read_the_module() -> None:
    subprocess.run(["bash", "-n", str(SETUP)], check=True)


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_shellcheck_has_nothing_to_say() -> None:
    # Variables that dracut sets and reads; the functions are called by dracut.
    subprocess.run(["shellcheck", "--shell=bash", "--exclude=SC2154,SC2317", str(SETUP)], check=True)


def test_every_file_that_the_module_names_exists() -> None:
    named = re.findall(r"\$\{?moddir\}?/([^\"'\s]+)", SETUP.read_text())
    assert named
    for name in named:
        assert (MODULE / name).is_file(), name


def test_it_calls_what_every_dracut_has() -> None:
    """inst_library, inst_binary and others are gone from newer ones, and a function that is not there fails no build."""
    assert set(re.findall(r"\binst_\w+", SETUP.read_text())) == {"inst_simple", "inst_multiple"}


def installed_by_the_module(place: Path, files: Iterable[str]) -> list[str]:
    """What install() hands to dracut of the program's directory, where that holds `files`; the rest of dracut does nothing."""
    private = place / "usr/lib/kdump-karg"
    private.mkdir(parents=True)
    for name in files:
        (private / name).touch()
    stand_ins = "; ".join(f'{name}() {{ printf "%s\\n" "$@"; }}' for name in ("inst_simple", "inst_multiple"))
    script = f"systemctl() {{ :; }}; {stand_ins}; dracutsysrootdir={place}; moddir=; . {SETUP}; install"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    return [line.rpartition("/")[2] for line in done.stdout.splitlines() if line.startswith("/usr/lib/kdump-karg/")]


#: What Ignition's own says, as Debian ships it.
SAYS = 'echo -e "Ignition kernelArguments is not supported by this Linux distribution.\\nAsk"\nexit 1\n'
HELPERS = [
    ("Debian's stub", {"usr/sbin": SAYS}, ["usr/sbin"]),
    ("the stub elsewhere", {"usr/bin": SAYS}, ["usr/bin"]),
    ("a real one stays", {"usr/sbin": "exec rdcore kargs\n"}, []),
    ("none is none", {}, []),
    ("one of each", {"usr/sbin": SAYS, "usr/bin": "exec rdcore kargs\n"}, ["usr/sbin"]),
]


@pytest.mark.parametrize(("there", "ours"), [row[1:] for row in HELPERS], ids=[row[0] for row in HELPERS])
@pytest.mark.parametrize("merged", [False, True], ids=["", "sbin is bin"])
def test_only_the_stub_gives_way_to_our_helper(tmp_path: Path, there: dict[str, str], ours: list[str], merged: bool) -> None:
    """As dracut does, the stand-in for inst_simple leaves alone what is there."""
    if merged and len(there) > 1:
        return  # one directory holds one helper
    (tmp_path / "usr/bin").mkdir(parents=True)
    (tmp_path / "usr/sbin").symlink_to("bin") if merged else (tmp_path / "usr/sbin").mkdir()
    for directory, text in there.items():
        (tmp_path / directory / "ignition-kargs-helper").write_text(text)
    simple = 'inst_simple() { [[ ${2-} && $1 == *.sh && ! -e $initdir/$2 ]] && cp "$1" "$initdir/$2"; return 0; }'
    script = f"systemctl() {{ :; }}; inst_multiple() {{ :; }}; {simple}; dracutsysrootdir=/none; initdir={tmp_path}; moddir={MODULE}; . {SETUP}; install"
    subprocess.run(["bash", "-c", script], check=True)
    for directory in ("usr/bin", "usr/sbin"):
        helper = tmp_path / directory / "ignition-kargs-helper"
        if not merged:
            assert (helper.exists() and "kdump-karg kargs" in helper.read_text()) is (directory in ours)
        elif there:
            assert ("kdump-karg kargs" in helper.read_text()) is bool(ours)
        if not ours and directory in there:
            assert helper.read_text() == there[directory]


def test_the_helper_hands_on_every_argument_as_it_is(tmp_path: Path) -> None:
    """Blanks and quotes too, which the program then refuses by name."""
    (tmp_path / "kdump-karg").write_text("#!/bin/sh\nprintf '<%s>' \"$@\"\nexit 3\n")
    (tmp_path / "kdump-karg").chmod(0o755)
    text = (MODULE / "ignition-kargs-helper.sh").read_text().replace("/usr/bin/kdump-karg", str(tmp_path / "kdump-karg"))
    done = subprocess.run(["sh", "-c", text, "helper", "--should-exist", 'a "b"', ""], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ('<kargs><--should-exist><a "b"><>', 3)


def test_word_of_the_kargs_stage_starts_the_unit(make: Make) -> None:
    """Also where nothing asks for kdump: this boot is to end in a reboot."""
    sample = make(ignition=NO_WISH, preset=None)
    assert not triggered(sample.root)
    sample.write(machine.ARGUMENTS_DUE, "+quiet\n")
    assert triggered(sample.root)


ALWAYS = ["python", "python._pth", "kdump-karg.pyz"]


@pytest.mark.parametrize("files", [[], ["_json.so"], ["_json.so", "fcntl.so", "libp"]], ids=["none", "Debian", "Fedora"])
def test_it_takes_the_extension_modules_and_the_libpython_that_are_there(files: list[str], tmp_path: Path) -> None:
    found = installed_by_the_module(tmp_path, [*files, "MANIFEST"])
    assert found == [*ALWAYS, *files]


def test_every_initramfs_unit_is_installed_and_pulled_in() -> None:
    text = SETUP.read_text()
    for unit in UNITS:
        if "ConditionPathExists=/etc/initrd-release" in unit.read_text().splitlines():
            assert f"$moddir/{unit.name}" in text
            assert re.search(rf"add-(wants|requires) \S+\.target {re.escape(unit.name)} \|\| exit 1", text)


CHECKS = [
    ("plain", {}, 0),
    ("kdump-utils", {"IN_KDUMP": "1"}, 1),
    ("SUSE", {"add_dracutmodules": "base kdump network"}, 1),
    ("forced", {"force_add_dracutmodules": "kdump"}, 1),
    ("kdumpbase", {"dracutmodules": "base kdumpbase"}, 1),
    ("our own name is no such module", {"add_dracutmodules": "kdump-karg ignition"}, 0),
]


@pytest.mark.parametrize(("environment", "status"), [row[1:] for row in CHECKS], ids=[row[0] for row in CHECKS])
def test_it_keeps_out_of_the_capture_kernels_initramfs(environment: dict[str, str], status: int) -> None:
    script = f"require_binaries() {{ :; }}; . {SETUP}; check"
    assert subprocess.run(["bash", "-c", script], env={"PATH": os.environ["PATH"], **environment}).returncode == status


def uncommented(text: str) -> list[str]:
    """The ordering lines that have no comment above them in the same paragraph."""
    found, commented = [], False
    for line in text.splitlines():
        commented = line.startswith("#") or (commented and bool(line) and not line.startswith("["))
        if line.startswith(ORDERING) and not commented:
            found.append(line)
    return found


@unit_files
def test_every_ordering_has_its_reason(unit: Path) -> None:
    assert uncommented(unit.read_text()) == []


def test_an_ordering_without_a_reason_is_noticed() -> None:
    text = "# SPDX\n[Unit]\nAfter=a\n\n# why\nAfter=b\nBefore=c\n\nConflicts=d\n"
    assert uncommented(text) == ["After=a", "Conflicts=d"]


@unit_files
def test_none_runs_in_the_capture_kernel_or_without_need(unit: Path) -> None:
    text = unit.read_text()
    assert text.startswith("# SPDX-License-Identifier: Apache-2.0\n")
    waits = any(f"ConditionPathExists=/{left}\n" in text for left in (outcome.REBOOT_REQUIRED, handover.PATH))
    assert "ConditionPathExists=!/proc/vmcore" in text or waits
    assert "ConditionPathExists=|" in text or waits


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
@unit_files
def test_systemd_understands_every_line(unit: Path) -> None:
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False)
    complaints = [line for line in done.stderr.splitlines() if unit.name in line]
    # The program is not installed here.
    assert [line for line in complaints if "is not executable" not in line and "Failed to create" not in line] == []


def triggers() -> list[str]:
    """The patterns of kdump-karg.service of which one must fit."""
    lines = values("kdump-karg.service", "ConditionPathExists") + values("kdump-karg.service", "ConditionPathExistsGlob")
    return [line[1:] for line in lines if line.startswith("|")]


def triggered(root: Path) -> bool:
    """Would systemd start the unit on this tree?"""
    return any(glob.glob(f"{root}{pattern}") for pattern in triggers())


SOURCES = [
    ("admin's file", CONF, "crashkernel=1G\n"),
    ("drop-in", "sysroot/etc/kdump-karg.conf.d/10-x.conf", "crashkernel=1G\n"),
    ("vendor's drop-in", "sysroot/usr/lib/kdump-karg.conf.d/10-x.conf", "crashkernel=1G\n"),
    ("preset, as Ignition writes it", PRESET, "enable kdump.service\n"),
    ("another preset", "sysroot/etc/systemd/system-preset/00-a.preset", "enable kdump*\n"),
    ("wants", f"{UNIT_DIR}/multi-user.target.wants/kdump.service", ""),
    ("wants of kdump-tools", f"{UNIT_DIR}/multi-user.target.wants/kdump-tools.service", ""),
    ("wants of a service", f"{UNIT_DIR}/sshd.service.wants/kdump.service", ""),
    ("requires", f"{UNIT_DIR}/local-fs.target.requires/kdump.service", ""),
    ("requires of kdump-tools", f"{UNIT_DIR}/basic.target.requires/kdump-tools.service", ""),
]


@pytest.mark.parametrize(("path", "text"), [row[1:] for row in SOURCES], ids=[row[0] for row in SOURCES])
def test_whatever_can_ask_starts_the_unit(make: Make, path: str, text: str) -> None:
    sample = make(ignition=NO_WISH, preset=None, extra={path: text})
    assert intent.read(str(sample.root)).wanted
    assert triggered(sample.root)


QUIET = [
    ("nothing", "sysroot/etc/hostname", ""),
    ("hidden drop-in", "sysroot/etc/kdump-karg.conf.d/.x.conf", "crashkernel=1G\n"),
    ("hidden preset", "sysroot/etc/systemd/system-preset/.x.preset", "enable kdump.service\n"),
    ("vendor's preset", "sysroot/usr/lib/systemd/system-preset/99.preset", "enable *\n"),
]


@pytest.mark.parametrize(("path", "text"), [row[1:] for row in QUIET], ids=[row[0] for row in QUIET])
def test_what_cannot_ask_starts_nothing(make: Make, path: str, text: str) -> None:
    sample = make(ignition=NO_WISH, preset=None, extra={path: text})
    assert not intent.read(str(sample.root)).wanted
    assert not triggered(sample.root)


FINISH = "kdump-karg-finish.service"
WRITE = "kdump-karg-write.service"
REBOOT = "kdump-karg-reboot.service"


@pytest.mark.parametrize("unit", [WRITE, REBOOT])
def test_the_write_and_the_reboot_come_last(unit: str) -> None:
    """After all that is ordered before the target is done, stops included, and before the pivot."""
    assert "initrd-switch-root.target" in values(unit, "After")
    assert "initrd-switch-root.service" in values(unit, "Before")


def test_the_reboot_waits_for_the_write_and_the_write_for_the_decision() -> None:
    assert WRITE in values(REBOOT, "After")
    assert {"kdump-karg.service", "ignition-mount.service"} <= set(" ".join(values(WRITE, "After")).split())


def test_a_boot_that_is_stopped_is_not_written() -> None:
    """A late writer that fails ends in emergency.target, and then Ignition must be able to run again."""
    assert "emergency.target" in values(WRITE, "Conflicts")


def starts(unit: str, sample: Sample) -> bool:
    """Would systemd start a process for this unit on this tree? (systemd.unit(5), "Conditions and Asserts")"""
    words = sample.text("proc/cmdline").split()
    must: list[bool] = []
    may: list[bool] = []
    for key in ("ConditionPathExists", "ConditionKernelCommandLine"):
        for condition in values(unit, key):
            text = condition.lstrip("|!")
            holds = (text in words if key == "ConditionKernelCommandLine" else sample.has(text[1:])) != ("!" in condition)
            (may if condition.startswith("|") else must).append(holds)
    return all(must) and (any(may) or not may)


def test_on_later_boots_nothing_starts_where_nothing_is_left(make: Make) -> None:
    """No process: systemd itself looks whether three files are there."""
    sample = make(extra={"etc/x": ""})
    assert not starts(FINISH, sample), "in the first boot there is nothing to finish yet"
    assert run.apply(Target(str(sample.root), live=False)).reboot
    next_boot(sample)
    assert not starts(FINISH, sample)
    never_asked = make(ignition=NO_WISH, preset=None, cmdline=LATER_LINE, stamp=False, config=False)
    assert not starts(FINISH, never_asked)


@pytest.mark.parametrize("in_capture_kernel", [False, True], ids=["", "capture kernel"])
def test_wherever_a_first_boot_is_cut_the_next_boot_finishes_it_and_then_nothing_starts(
    make: Make, in_capture_kernel: bool
) -> None:
    steps = planning.plan(Target(str(make().root), live=False)).steps
    assert len(steps) == 5
    for taken in range(1, len(steps)):
        sample = make()
        made = planning.plan(Target(str(sample.root), live=False))
        writer.apply(Plan(made.decision, made.steps[:taken]), sample.boot, lambda directory: None)
        sample.write(f"boot/{ENTRIES}/{TEMPORARY}", "title cut sh")
        assert "ignition.firstboot" not in next_boot(sample)
        if in_capture_kernel:
            sample.write("proc/vmcore", "")
            assert not starts(FINISH, sample)
            continue
        assert starts(FINISH, sample)
        assert not run.apply(Target(str(sample.root), live=False)).reboot
        assert sample.text() == entry_text(FINAL)
        assert sorted(os.listdir(sample.boot)) == ["loader", "loader.1"]
        assert os.listdir(f"{sample.boot}/{ENTRIES}") == ["ostree-1.conf"]
        assert not starts(FINISH, sample)


def test_word_of_a_write_that_failed_starts_it_too(make: Make) -> None:
    """Where the image took the stamp away; and once it has looked, nothing starts any more."""
    sample = make(options=FINAL, stamp=False, config=False, extra={BEGUN: "", f"sysroot/{BEGUN}": ""})
    next_boot(sample)
    assert starts(FINISH, sample)
    run.apply(Target(str(sample.root), live=False))
    assert not sample.has(f"sysroot/{BEGUN}")


@pytest.mark.parametrize("mark", [bootstate.STAMP, bootstate.MARKER], ids=["stamp", "marker"])
def test_what_an_interrupted_first_boot_leaves_starts_the_unit_that_finishes_it(mark: str) -> None:
    assert f"|/boot/{mark}" in values("kdump-karg-finish.service", "ConditionPathExists")


def test_the_units_wait_for_the_files_that_the_program_writes() -> None:
    assert f"/{handover.PATH}" in values(WRITE, "ConditionPathExists")
    assert f"/{outcome.REBOOT_REQUIRED}" in values(REBOOT, "ConditionPathExists")
    due = values("kdump-karg-report.service", "ConditionPathExists")
    assert {f"|/{outcome.REPORT_NOW}", f"|/{outcome.REPORT_LATER}"} <= set(due)
