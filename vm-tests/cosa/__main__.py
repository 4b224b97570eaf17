# SPDX-License-Identifier: Apache-2.0
"""A Fedora CoreOS image with kdump-karg in it, driven by kola.

    PYTHONPATH=vm-tests python3 -m cosa story --image FILE.qcow2                 the demonstration, by `kola qemuexec`
    PYTHONPATH=vm-tests python3 -m cosa tests --image FILE.qcow2 [NAME...]       the external tests, by `kola run`

Exit status: that of the story or of kola; 2 where something is missing.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import demo
from harness.ignition import Config
from harness.machine import Machine
from host.progress import Progress
from image import builder as image_builder

from cosa import command, tools

MISSING = 2
STORY_CONFIG = Config().enable("kdump.service").enable("kdump-tools.service")
MEMORY_MIB = 4096
STOP_TIMEOUT = 20.0


def arguments(argv: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python3 -m cosa", description="A Fedora CoreOS image with kdump-karg in it, by kola.")
    commands = parser.add_subparsers(dest="command", required=True)
    story_parser = commands.add_parser("story", help="first boot, one reboot, armed, panic, vmcore, back: by `kola qemuexec`")
    tests_parser = commands.add_parser("tests", help="the external tests of this checkout: by `kola run`")
    for each in (story_parser, tests_parser):
        each.add_argument("--image", type=Path, help="the disk image, .qcow2 or .raw")
    tests_parser.add_argument("--tag", action="append", default=[], help="run the tests that require this tag, too")
    tests_parser.add_argument("names", nargs="*", help="of tests, as kola knows them; default: all of this checkout")
    return parser.parse_args(argv)


def story(kola: str, image: Path, log_dir: Path) -> int:
    """The demonstration's story on a machine that kola starts. The agent comes in the config."""
    progress = Progress("cosa")
    started = command.QemuExec(kola)
    machine = Machine(
        image, log_dir=log_dir, ignition=STORY_CONFIG, memory_mib=MEMORY_MIB, bring_agent=True, command=started,
    )  # fmt: skip
    with machine:
        return demo.tell(lambda: demo.story(machine, progress), machine)


def run_to_its_end(argv: list[str]) -> int:
    """Run kola; whatever ends this program ends kola and its machines."""
    with subprocess.Popen(argv, start_new_session=True) as process:
        try:
            return process.wait()
        finally:
            stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End the process group: politely, then not."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(STOP_TIMEOUT)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


def main(argv: list[str] | None = None) -> int:
    """Find what is needed, run it."""
    asked = arguments(argv)
    try:
        image, kola = tools.image(asked.image), tools.kola()
    except tools.MissingError as error:
        print(f"cosa: {error}", file=sys.stderr)
        return MISSING
    os.environ.update(tools.environment())
    log_dir = image_builder.BUILD / "vm" / f"cosa-{asked.command}"
    shutil.rmtree(log_dir, ignore_errors=True)
    log_dir.mkdir(parents=True)
    print(f"Logs: {log_dir}")
    if asked.command == "story":
        return story(kola, image, log_dir)
    # kola makes its directory itself.
    wanted = command.run_tests(
        kola, image, image_builder.CHECKOUT, log_dir / "kola", tuple(asked.names), tuple(asked.tag)
    )  # fmt: skip
    return run_to_its_end(wanted)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    sys.exit(main())
