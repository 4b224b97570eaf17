# SPDX-License-Identifier: Apache-2.0
"""The whole story on one machine: an Ignition config in, a verified vmcore out. Nobody logs in.

    PYTHONPATH=vm-tests python3 -m demo [--image FILE]

Exit status 0 means that the dump was opened, and is of the kernel that panicked.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from harness import vmcore
from harness.disk import Disk
from harness.ignition import Config
from harness.machine import Machine, MachineError
from host.progress import Progress
from image import builder as image_builder
from image import product
from image.traits import Traits

CONFIG = Config().enable("kdump-tools.service")
CRASH_TIMEOUT = 900.0
ARMED = "test $(cat /sys/kernel/kexec_crash_loaded) = 1"


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="First boot, one reboot, armed, panic, vmcore, back.")
    parser.add_argument("--image", type=Path, help="a disk image that has the product; else one is built")
    return parser.parse_args()


def story(machine: Machine, progress: Progress) -> vmcore.Dump:
    """Go through it; every step is the guest's own word, or an error is raised."""
    progress.step("power on, with a config that only says: kdump-tools.service is enabled")
    booted = machine.wait_boot()
    if machine.reset_count != 1:
        raise MachineError(f"{machine.reset_count} resets before the first real root came up, not 1")
    argument = machine.run(r"grep -o 'crashkernel=[^ ]*' /proc/cmdline").text
    progress.step(f"up after one reboot, nobody logged in: {argument}")
    machine.wait_until(ARMED)
    release = machine.run("uname -r").text
    size = int(machine.run("cat /sys/kernel/kexec_crash_size").text)
    progress.step(f"armed: the capture kernel is loaded into {size >> 20} MiB; now panic")
    machine.crash()
    back = machine.wait_boot(CRASH_TIMEOUT)
    if back == booted:
        raise MachineError("the machine never went down")
    progress.step("back up by itself; opening the dump")
    dump = vmcore.collect(machine)
    vmcore.verify(dump, release)
    progress.step(f"verified: {dump.path}, {dump.size >> 20} MiB, kernel {dump.header.release}")
    return dump


def table(machine: Machine) -> str:
    """The timeline, with the seconds each step took."""
    lines = ["", "  at     took   what happened", "  -----  -----  " + "-" * 60]
    before = 0.0
    for event in machine.timeline:
        lines.append(f"  {event.seconds:5.0f}  {event.seconds - before:5.1f}  {event.text}")
        before = event.seconds
    return "\n".join(lines)


def tell(told: Callable[[], object], machine: Machine) -> int:
    """Run the story and print how it went, and when."""
    try:
        told()
    except AssertionError as error:
        print(f"\nFAILED: {error}", file=sys.stderr)
        return 1
    finally:
        print(table(machine))
    print("\nThe vmcore is there and was verified.")
    return 0


def main() -> int:
    """Build what is missing, boot, tell."""
    given: Path | None = arguments().image
    base = given.resolve() if given else image_builder.build(Traits(), product.tree())
    log_dir = image_builder.BUILD / "vm" / "demo"
    shutil.rmtree(log_dir, ignore_errors=True)
    log_dir.mkdir(parents=True)
    progress = Progress("demo")
    with tempfile.TemporaryDirectory(prefix="demo-", dir=log_dir) as work:
        disk = Disk.overlay(base, Path(work) / "disk.qcow2")
        with Machine(disk, log_dir=log_dir, ignition=CONFIG) as machine:
            status = tell(lambda: story(machine, progress), machine)
    print(f"Logs: {log_dir}")
    return status


if __name__ == "__main__":
    sys.exit(main())
