# SPDX-License-Identifier: Apache-2.0
"""apply.py: what a write keeps, and what it leaves when it is cut short at any operation."""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from orchestrator import run
from orchestrator.decide.decision import Decision, Kind
from orchestrator.decide.plan import Plan, Remove, Rename, Replace, Step
from orchestrator.errors import Failure, KdumpKargError, Refusal
from orchestrator.facts import bootstate
from orchestrator.system.target import Target
from orchestrator.write import apply as writer
from tests.conftest import Make
from tests.isolated import NEVER, die, fail_at, in_child, in_namespace, mounted, no_hang, root_only
from tests.powercut import FINAL, check_cut, next_boot, settle_down
from tests.sample import ENTRY, Sample, build, entry_text

NAME = ENTRY.rpartition("/")[2]
PATH = f"loader/entries/{NAME}"
NEW = entry_text("new")
REPLACE = Replace(PATH, entry_text(), NEW)


def take(sample: Sample, *steps: Step) -> list[str]:
    """Take the steps on the sample's boot directory; the directories that were settled."""
    settled: list[str] = []
    writer.apply(Plan(Decision(Kind.CHANGE, "because"), steps), sample.boot, settled.append)
    return settled


def entries(sample: Sample) -> list[str]:
    """The names beside the entry."""
    return sorted(os.listdir((sample.root / ENTRY).parent))


def test_only_the_text_changes(make: Make) -> None:
    sample = make()
    before = sample.snapshot()
    take(sample, REPLACE)
    after = sample.snapshot()
    assert after.pop(ENTRY) == (before.pop(ENTRY)[0], NEW.encode())
    assert after == before


def test_a_fifo_that_takes_the_place_of_the_entry_is_not_waited_for(make: Make) -> None:
    sample = make()
    place = sample.root / ENTRY

    def swap(_: str) -> None:
        place.unlink()
        os.mkfifo(place)

    with no_hang(), pytest.raises(Refusal, match="changed since this run read it"):
        writer.apply(Plan(Decision(Kind.CHANGE, "because"), (REPLACE,)), sample.boot, swap)
    assert entries(sample) == [NAME]


def test_bytes_that_are_no_utf8_are_written_as_they_were(make: Make) -> None:
    raw = b"title Caf\xe9\noptions a\n"
    sample = make(entry=raw)
    text = raw.decode("utf-8", "surrogateescape")
    take(sample, Replace(PATH, text, text.replace("options a", "options b")))
    assert (sample.root / ENTRY).read_bytes() == raw.replace(b"options a", b"options b")


@pytest.mark.parametrize("mode", [0o644, 0o600, 0o440, 0o777], ids=oct)
def test_the_mode_stays(make: Make, mode: int) -> None:
    sample = make()
    (sample.root / ENTRY).chmod(mode)
    take(sample, REPLACE)
    assert os.stat(sample.root / ENTRY).st_mode & 0o7777 == mode


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: chown")
def test_the_owner_stays(make: Make) -> None:
    sample = make()
    os.chown(sample.root / ENTRY, 12, 34)
    take(sample, REPLACE)
    status = os.stat(sample.root / ENTRY)
    assert (status.st_uid, status.st_gid) == (12, 34)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("user.comment", b"kept"),
        ("user.empty", b""),
        ("security.selinux", b"system_u:object_r:boot_t:s0\x00"),
        ("trusted.x", b"\x00\xff"),
    ],
    ids=["user", "empty", "selinux label", "trusted"],
)
def test_extended_attributes_stay(tmp_path: Path, name: str, value: bytes) -> None:
    sample = build(tmp_path / "tree")
    try:
        os.setxattr(sample.root / ENTRY, name, value)
    except OSError as error:
        pytest.skip(f"{name} cannot be set here: {error.strerror}")
    take(sample, REPLACE)
    assert os.getxattr(sample.root / ENTRY, name) == value
    assert sample.text() == NEW


def test_steps_are_taken_in_order_and_settled_one_by_one(make: Make) -> None:
    sample = make()
    settled = take(sample, REPLACE, Remove("ignition"), Rename("ignition.firstboot", "marker"), Remove("marker"))
    here = os.path.dirname(os.path.realpath(sample.root / ENTRY))
    assert settled == [here, here, sample.boot, sample.boot, sample.boot]
    assert sorted(os.listdir(sample.boot)) == ["loader", "loader.1"]


def test_a_step_waits_until_the_one_before_is_on_disk(make: Make) -> None:
    sample = make()
    seen: list[bool] = []
    plan = Plan(Decision(Kind.CHANGE, "because"), (REPLACE, Remove("ignition.firstboot")))
    writer.apply(plan, sample.boot, lambda directory: seen.append(sample.has("boot/ignition.firstboot")))
    assert seen == [True, True, False]


def test_the_new_inode_is_home_before_its_name_and_the_old_one_is_freed_last(make: Make) -> None:
    """GRUB sees blocks as they are written: no name may lead to an inode that is not there yet, or not any more."""
    sample = make()
    entry = os.path.realpath(sample.root / ENTRY)
    old = os.stat(entry).st_ino
    seen: list[tuple[bool, bool, bool]] = []

    def look(directory: str) -> None:
        held = any(os.stat(f"/proc/self/fd/{name}").st_ino == old for name in open_files())
        written = os.path.exists(os.path.join(directory, bootstate.TEMPORARY))
        seen.append((held, written, os.stat(entry).st_ino == old))

    writer.apply(Plan(Decision(Kind.CHANGE, "because"), (REPLACE,)), sample.boot, look)
    assert seen == [(True, True, True), (True, False, False)]
    assert os.stat(entry).st_ino != old


def open_files() -> list[str]:
    """The numbers of this process's open files."""
    return [name for name in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{name}")]


def test_what_is_gone_already_needs_no_removal(make: Make) -> None:
    assert take(make(config=False), Remove("ignition"), Remove("nothing")) != []


def test_removal_follows_no_link(make: Make) -> None:
    sample = make(extra={"keep/file": "x", "boot/ignition/deep/er/file": "x"})
    sample.link("boot/ignition/out", "../../keep")
    take(sample, Remove("ignition"))
    assert sample.text("keep/file") == "x"
    assert not sample.has("boot/ignition")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda path: path.write_text("other"), f"^/boot/{PATH} changed since this run read it; run kdump-karg again$"),
        (lambda path: path.write_text(entry_text() + "#"), "changed since"),
        (lambda path: (path.rename(f"{path}.real"), path.symlink_to(f"{path}.real")), "is not a regular file"),
    ],
    ids=["other text", "one byte more", "a link in its place"],
)
def test_an_entry_that_is_not_as_planned_is_not_touched(make: Make, change: Any, message: str) -> None:
    sample = make()
    change(sample.root / ENTRY)
    before = sample.snapshot()
    with pytest.raises(Refusal, match=message):
        take(sample, REPLACE)
    assert sample.snapshot() == before


def test_leftovers_are_swept_and_only_ours(make: Make) -> None:
    beside = "boot/loader.1/entries"
    sample = make(extra={f"{beside}/{bootstate.TEMPORARY}": "cut sh", f"{beside}/.other.tmp": "x", f"{beside}/a.conf~": "y"})
    take(sample, REPLACE)
    assert entries(sample) == [".other.tmp", "a.conf~", NAME]
    assert sample.text() == NEW


@pytest.mark.parametrize("kind", ["directory", "link"])
def test_whatever_stands_under_our_temporary_name_is_swept(make: Make, kind: str) -> None:
    sample = make(extra={"victim": "untouched"})
    place = f"boot/loader.1/entries/{bootstate.TEMPORARY}"
    if kind == "link":
        sample.link(place, "../../../victim")
    else:
        sample.write(f"{place}/file", "x")
    take(sample, REPLACE)
    assert entries(sample) == [NAME]
    assert sample.text("victim") == "untouched"


def test_the_temporary_name_is_one_that_no_boot_loader_reads() -> None:
    assert bootstate.TEMPORARY.startswith(".")
    assert not bootstate.TEMPORARY.endswith(".conf")


def test_a_failure_names_the_file_and_the_way_on(make: Make) -> None:
    sample = make()
    with pytest.raises(Failure, match=rf"^/boot/{PATH}/x: Not a directory; no file is left half written, .*run kdump-karg again$"):
        take(sample, Remove(f"{PATH}/x"))


def test_a_stamp_that_went_away_is_a_change_and_no_failure(make: Make) -> None:
    with pytest.raises(writer.Changed, match=r"^/boot/no-such-file was removed since this run read it; .*"):
        take(make(), Rename("no-such-file", "other"))


@root_only
def test_a_full_file_system_keeps_the_old_text(make: Make) -> None:
    sample = make()

    def full() -> None:
        with mounted("tmpfs", sample.root / "boot", "-t", "tmpfs", "-o", "size=64k"):
            small = Sample(sample.root)
            small.write(f"boot/{PATH}", entry_text())
            with open(sample.root / "boot/filler", "wb", buffering=0) as filler, pytest.raises(OSError):
                while True:
                    filler.write(b"x" * 4096)
            before = small.snapshot("boot")
            with pytest.raises(Refusal, match=r"^/boot is full: 0 bytes and \d+ inodes are free, "):
                take(small, REPLACE)
            assert small.snapshot("boot") == before

    in_namespace(full)


@root_only
def test_a_read_only_file_system_keeps_the_old_text(make: Make) -> None:
    sample = make()

    def read_only() -> None:
        with mounted(sample.boot, sample.root / "boot", "--bind", "-o", "ro"):
            before = sample.snapshot()
            with pytest.raises(Failure, match="Read-only file system; no file is left half written, repair /boot"):
                take(sample, REPLACE)
            assert sample.snapshot() == before

    in_namespace(read_only)


def copy_of(sample: Sample, name: str) -> Sample:
    """A copy of the tree."""
    copy = Sample(Path(f"{sample.root}-{name}"))
    shutil.copytree(sample.root, copy.root, symlinks=True)
    return copy


def touches(sample: Sample) -> Any:
    """Matches every operation on the boot directory; those on open files (fchmod, setxattr) give a number for a path."""
    kinds = ("open", "os.rename", "os.remove", "os.rmdir", "os.listdir", "os.chown", "os.chmod", "os.listxattr", "os.setxattr")

    def matches(event: str, arguments: tuple[Any, ...]) -> bool:
        path = arguments[0] if arguments else None
        return event in kinds and (isinstance(path, int) or str(path).startswith(sample.boot))

    return matches


def apply_failing_at(sample: Sample, number: int, fail: Any) -> int:
    """Run `apply` with a failure at one operation; the child's exit status."""

    def action() -> None:
        reached = fail_at(number, touches(sample), fail)
        try:
            run.apply(Target(str(sample.root), live=False))
        except KdumpKargError as error:
            raise SystemExit(error.exit_status) from None
        raise SystemExit(0 if reached() else NEVER)

    return in_child(action)


def test_killed_at_any_operation_the_machine_converges(make: Make) -> None:
    sample = make()
    with suppress(OSError):  # tmpfs has user attributes since linux 6.6
        os.setxattr(sample.root / ENTRY, "user.label", b"x")
    for number in range(200):
        copy = copy_of(sample, f"killed{number}")
        status = apply_failing_at(copy, number, die)
        check_cut(copy)
        if status == NEVER:
            break
        assert status == -9
        next_boot(copy)
        assert settle_down(copy) <= 1
        assert copy.text() == entry_text(FINAL)
        assert entries(copy) == [NAME]
        assert sorted(os.listdir(copy.boot)) == ["loader", "loader.1"]
    assert 20 < number < 199


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EROFS], ids=errno.errorcode.get)
def test_an_error_at_any_operation_leaves_old_or_new(make: Make, code: int) -> None:
    sample = make()

    def fail() -> None:
        raise OSError(code, os.strerror(code))

    for number in range(200):
        copy = copy_of(sample, f"failed{number}")
        status = apply_failing_at(copy, number, fail)
        check_cut(copy)
        assert entries(copy) == [NAME]
        if status == NEVER:
            break
        assert status in (0, 1, 3), "an error that is none of ours"
        next_boot(copy)
        settle_down(copy)
        assert copy.text() == entry_text(FINAL)
    assert 20 < number < 199
