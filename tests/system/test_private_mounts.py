# SPDX-License-Identifier: Apache-2.0
"""private_mounts.py: a run that a person starts goes on in a mount namespace of its own, as the same command line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.errors import Refusal
from orchestrator.system import bootfs, private_mounts
from tests.conftest import Make
from tests.invocation import CHECKOUT
from tests.isolated import command, ext4, in_namespace, mounted, root_only

AGAIN = """
import os, sys
from orchestrator.system import private_mounts
private_mounts.FIRST = sys.argv[1]
private_mounts.run_again()
print(os.readlink("/proc/self/ns/mnt"), sys.argv[2:])
"""


@root_only
def test_the_same_command_line_in_another_namespace() -> None:
    """It ends up where it is not the first process' namespace, and does so once."""
    ours = os.readlink("/proc/self/ns/mnt")
    argv = [sys.executable, "-c", AGAIN, f"/proc/{os.getpid()}/ns/mnt", "apply", "a b"]
    done = subprocess.run(argv, cwd=CHECKOUT, capture_output=True, text=True, check=True)
    where, _, rest = done.stdout.partition(" ")
    assert where != ours and rest == "['apply', 'a b']\n"


def test_a_namespace_of_its_own_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(private_mounts, "are_shared", lambda: False)
    monkeypatch.setattr(os, "execv", lambda *_: pytest.fail("started once more"))
    private_mounts.run_again()


def test_without_unshare_it_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(private_mounts, "are_shared", lambda: True)
    monkeypatch.setattr("orchestrator.system.process.SEARCH", ("/nowhere",))
    with pytest.raises(Refusal, match="^the program unshare is not in /nowhere, .*; install util-linux$"):
        private_mounts.run_again()


def test_where_it_cannot_be_told_the_mounts_are_everybodys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(private_mounts, "FIRST", "/proc/0/ns/mnt")
    assert private_mounts.are_shared()


@root_only
@pytest.mark.parametrize("options", ["ro", "rw"], ids=["read-only super block", "writable super block"])
def test_everybody_elses_boot_stays_read_only(make: Make, tmp_path: Path, options: str) -> None:
    """The flag belongs to the mount: that of the outer namespace is looked at from the inner one, while a write is under way."""
    sample, image = make(), ext4(tmp_path / "image")

    def outer() -> None:
        device = command("losetup", "--find", "--show", str(image)).strip()
        with mounted(device, Path(sample.boot), "-o", options):
            command("losetup", "--detach", device)  # when it is unmounted
            if options == "rw":
                command("mount", "-o", "remount,bind,ro", sample.boot)
            outside = f"/proc/{os.getpid()}/root{sample.boot}"

            def inner() -> None:
                with bootfs.reach(str(sample.root), live=True, initramfs=False, write=True) as boot:
                    Path(boot, "inside").write_text("x")
                    with pytest.raises(OSError, match="Read-only file system"):
                        Path(outside, "outside").touch()
                with pytest.raises(OSError, match="Read-only file system"):
                    Path(boot, "late").touch()

            in_namespace(inner)
            assert "inside" in os.listdir(sample.boot)
            assert bootfs.mount_of(sample.boot).superblock_writable == (options == "rw")

    in_namespace(outer)


@root_only
def test_a_file_system_that_is_read_only_by_itself_is_refused(make: Make, tmp_path: Path) -> None:
    """With a mount that is writable, as the kernel leaves it after an error: nothing would keep others from writing."""
    sample, image = make(), ext4(tmp_path / "image")

    def look() -> None:
        with mounted(str(image), Path(sample.boot), "-o", "loop,ro"):
            command("mount", "-o", "remount,bind,rw", sample.boot)
            with (
                pytest.raises(Refusal, match="is read-only by itself, .*; check it"),
                bootfs.reach(str(sample.root), live=True, initramfs=False, write=True),
            ):
                pass
            assert not bootfs.mount_of(sample.boot).superblock_writable

    in_namespace(look)
