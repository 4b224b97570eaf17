# SPDX-License-Identifier: Apache-2.0
"""The command lines for kola, where no machine is needed: against the flags that it has, and by a stand-in that takes no others.

The stand-in speaks for a guest as far as the first hello. That the real kola starts a machine so is for whoever has it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cosa import __main__ as cosa
from cosa import command, tools
from cosa.flags import parsed
from harness.disk import Disk
from harness.machine import Machine
from harness.qemu import Channels, Hardware
from host.process import run

HERE = Path(__file__).parent

#: Takes what kola's flags allow, writes down what it was given, and then answers for QEMU and a guest, or waits.
STAND_IN = f"""\
#!{sys.executable}
import json, os, socket, sys, time
sys.path.insert(0, {str(HERE)!r})
from cosa.flags import parsed
name, options, rest = parsed(sys.argv[1:])
with open(os.environ["STAND_IN_NOTES"], "w") as notes:
    json.dump([name, options, rest, os.environ.get("COSA_NO_KVM"), os.getpid()], notes)
if name == "qemuexec":
    chardev = next(word for word in rest if word.startswith("socket,id=agent,"))
    agent = socket.socket(fileno=int(chardev.rpartition("fd=")[2]))
    hello = {{"token": "kdump-karg-agent", "event": "hello", "boot_id": "of the stand-in", "uptime": 1.0}}
    agent.sendall(json.dumps(hello).encode() + b"\\n")
time.sleep(600)
"""


def qemuexec(tmp_path: Path, **hardware: object) -> list[str]:
    """A command line for a machine."""
    run(["qemu-img", "create", "-q", "-f", "qcow2", tmp_path / "fcos.qcow2", "1M"])
    settings: dict[str, object] = {"disk": Disk(tmp_path / "fcos.qcow2"), "ignition": tmp_path / "c.ign", **hardware}
    argv = command.QemuExec("/bin/kola")(Hardware(**settings), Channels(100, 101, tmp_path / "pipe", tmp_path / "s.log"))  # type: ignore[arg-type]
    return argv[argv.index("/bin/kola") + 1 :]


def test_qemuexec(tmp_path: Path) -> None:
    """Every flag is one of kola's, of the right kind; image, config and memory are where kola looks for them."""
    name, options, rest = parsed(qemuexec(tmp_path, memory_mib=4096))
    assert name == "qemuexec" and options["--qemu-image"] == str(tmp_path / "fcos.qcow2")
    assert (options["--ignition"], options["--ignition-direct"]) == (str(tmp_path / "c.ign"), "true")
    assert (options["--memory"], options["--qemu-swtpm"]) == ("4096", "false")
    # kola takes a word that ends in .qcow2 for an image, and a word that follows no word with a dash for a mistake.
    assert all(word.startswith("-") for word in rest[::2]) and not any(word.endswith(".qcow2") for word in rest)
    assert "socket,id=agent,fd=101" in rest


def test_what_kola_cannot_be_asked_for(tmp_path: Path) -> None:
    for hardware in ({"ignition": None}, {"write_log": tmp_path}, {"extra_disks": (None,)}):
        with pytest.raises(command.UnsupportedHardwareError):
            qemuexec(tmp_path, **hardware)


def test_run(tmp_path: Path) -> None:
    """All tests of the checkout, or those that were named."""
    argv = command.run_tests("/bin/kola", tmp_path / "a.qcow2", tmp_path / "kdump-karg", tmp_path / "out", (), ())
    name, options, rest = parsed(argv[1:])
    assert (name, rest) == ("run", ["ext.kdump-karg.*"])
    assert (options["--exttest"], options["--platform"]) == (str(tmp_path / "kdump-karg"), "qemu")
    named = command.run_tests("/bin/kola", tmp_path / "a.qcow2", tmp_path, tmp_path / "out", ("ext.a.b",), ("update",))
    assert parsed(named[1:])[1]["--tag"] == "update" and parsed(named[1:])[2] == ["ext.a.b"]


def test_a_flag_that_kola_has_not_is_found() -> None:
    with pytest.raises(KeyError):
        parsed(["run", "--ignition", "a"])


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with a kola in it that is none; the file where it notes what it was given."""
    directory = tmp_path / "bin"
    directory.mkdir()
    program = directory / tools.KOLA
    program.write_text(STAND_IN)
    program.chmod(0o755)
    notes = tmp_path / "notes"
    monkeypatch.setenv("PATH", str(directory), prepend=os.pathsep)
    monkeypatch.setenv("STAND_IN_NOTES", str(notes))
    return notes


def noted(notes: Path) -> tuple[str, dict[str, str], list[str], str | None, int]:
    """What the stand-in was given, as soon as it has noted it."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if notes.exists() and notes.read_text().endswith("]"):
            name, options, rest, no_kvm, pid = json.loads(notes.read_text())
            return name, options, rest, no_kvm, pid
        time.sleep(0.1)
    raise AssertionError("the stand-in was not started")


def gone(pid: int) -> bool:
    """Has the process ended, within some seconds?"""
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


def test_story_goes_through_kola(stand_in: Path, tmp_path: Path) -> None:
    """The harness' channels reach the guest through kola; the plug is pulled at the end, and nothing is left."""
    run(["qemu-img", "create", "-q", "-f", "qcow2", tmp_path / "a.qcow2", "1M"])
    machine = Machine(
        tmp_path / "a.qcow2", log_dir=tmp_path / "log", ignition=cosa.STORY_CONFIG, bring_agent=True,
        command=command.QemuExec(tools.kola()),
    )  # fmt: skip
    with machine:
        assert machine.wait_boot(30) == "of the stand-in"
    name, options, _, _, pid = noted(stand_in)
    assert name == "qemuexec" and "rig-agent" in Path(options["--ignition"]).read_text()
    assert gone(pid)


def test_kola_is_ended_with_us(stand_in: Path, tmp_path: Path) -> None:
    """By the signal that a person or a time limit sends."""
    image = tmp_path / "a.qcow2"
    image.touch()
    argv = [sys.executable, "-m", "cosa", "tests", "--image", str(image), "ext.a.b"]
    environment = {**os.environ, "PYTHONPATH": f"{HERE}{os.pathsep}{HERE.parent}"}
    with subprocess.Popen(argv, env=environment, stdout=subprocess.DEVNULL) as process:
        name, options, rest, no_kvm, pid = noted(stand_in)
        assert (name, rest, options["--exttest"]) == ("run", ["ext.a.b"], str(HERE.parent))
        assert (no_kvm is None) == os.access(tools.KVM, os.R_OK | os.W_OK)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 128 + signal.SIGTERM
    assert gone(pid)


def test_one_sentence_for_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """No image, no such image, one of no known name, no kola, no QEMU."""
    (tmp_path / "a.iso").touch()
    (tmp_path / "a.qcow2").touch()
    monkeypatch.setenv("PATH", str(tmp_path))
    cases = (
        (list[str](), "no image was named"),
        (["--image", str(tmp_path / "b.qcow2")], "no such image"),
        (["--image", str(tmp_path / "a.iso")], ".qcow2 or .raw"),
        (["--image", str(tmp_path / "a.qcow2")], "no kola in PATH"),
    )
    for words, said in cases:
        for name in ("story", "tests"):
            assert cosa.main([name, *words]) == cosa.MISSING
            told = capsys.readouterr().err
            assert said in told and told.startswith("cosa: ") and told.count("\n") == 1
    (tmp_path / tools.KOLA).touch(0o755)
    assert cosa.main(["story", "--image", str(tmp_path / "a.qcow2")]) == cosa.MISSING
    assert "qemu-system-x86_64" in capsys.readouterr().err


def test_kvm_or_its_absence(tmp_path: Path) -> None:
    (tmp_path / "kvm").touch()
    assert tools.NO_KVM not in tools.environment(tmp_path / "kvm") or tools.NO_KVM in os.environ
    assert tools.environment(tmp_path / "none")[tools.NO_KVM] == "1"
