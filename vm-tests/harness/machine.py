# SPDX-License-Identifier: Apache-2.0
"""A machine that boots: the emulator, its console, the agent in the guest, and waiting for them."""

from __future__ import annotations

import fcntl
import os
import re
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from harness import qemu
from harness.agent import Agent, Hello, Result
from harness.channels import Reader, SerialPipe
from harness.console import Console
from harness.disk import Disk
from harness.firmware import Firmware
from harness.ignition import Config
from harness.qmp import Qmp, QmpEvent
from harness.run_files import unused, written
from harness.timeline import Event, Timeline

#: For machines that are slower than usual: every time-out is multiplied by it.
PATIENCE = float(os.environ.get("KDUMP_KARG_PATIENCE", "1"))
BOOT_TIMEOUT = 300.0
COMMAND_TIMEOUT = 60.0
STOP_TIMEOUT = 20.0
ENTER_TIMEOUT = 5.0
ENTER_TRIES = 20

#: Seconds. The guest's kernel tries several ways to reset and the firmware adds one: QEMU reports
#: each of them, while the next boot needs longer than this to get to a reset of its own.
RESET_BURST = 3.0

#: The emulator's descriptors begin here: a program in between (vm-tests/cosa) hands its own on under the low numbers.
FIRST_DESCRIPTOR = 100

#: Written to the disk first: a crash test wants the crash, not the loss of what came before.
CRASH = "sync; echo 1 >/proc/sys/kernel/sysrq; echo c >/proc/sysrq-trigger"
#: Kernel arguments that stop before switch-root in a shell; root's account is locked.
BREAK_SHELL = "rd.break=pre-pivot SYSTEMD_SULOGIN_FORCE=1"

#: The answer must be out before the machine goes down.
REBOOT = "setsid sh -c 'sleep 1; systemctl reboot' >/dev/null 2>&1 &"

#: The image comes from elsewhere and has no agent: Ignition brings it. Set by pytest's --image.
FOREIGN_IMAGE = False

T = TypeVar("T")


class MachineError(AssertionError):
    """The machine did not do what was waited for; the message carries what was last seen."""


class Machine:
    """One emulated machine, running inside its `with` block."""

    def __init__(
        self,
        disk: Disk | Path,
        *,
        log_dir: Path,
        ignition: Config | None = None,
        memory_mib: int = 2048,
        cpus: int = 1,
        extra_disks: Sequence[Path] = (),
        write_log: Path | None = None,
        extra_args: Sequence[str] = (),
        firmware: Firmware | None = None,
        bring_agent: bool | None = None,
        command: qemu.Command = qemu.command,
    ) -> None:
        self.log_dir = log_dir
        self._command = command
        if FOREIGN_IMAGE if bring_agent is None else bring_agent:
            ignition = (ignition or Config()).with_agent()
        self.serial_log = unused(log_dir, "serial", ".log")
        self._hardware = qemu.Hardware(
            disk=disk if isinstance(disk, Disk) else Disk(disk),
            memory_mib=memory_mib,
            cpus=cpus,
            extra_disks=tuple(Disk(path) for path in extra_disks),
            ignition=written(ignition, log_dir),
            write_log=write_log,
            extra_args=tuple(extra_args),
            firmware=firmware,
        )
        self._changed = threading.Condition()
        self._boots_seen = 0
        self.resets: list[QmpEvent] = []

    # Life

    def __enter__(self) -> Machine:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Power on."""
        self._timeline = Timeline()
        self._console = Console(self._timeline.add_console_line)
        self._serial = SerialPipe(self.serial_log.with_suffix(".pipe"))
        ours, theirs = zip(socket.socketpair(), socket.socketpair(), strict=True)
        self._sockets: tuple[socket.socket, ...] = ours
        self._qmp = Qmp(ours[0], self._on_qmp)
        self._agent = Agent(ours[1], self._on_hello)
        self._launch(theirs)
        self._running = True
        feeds = dict(zip(ours, (self._qmp.feed, self._agent.feed), strict=True))
        self._reader = Reader(self._serial, self._console.feed, feeds, self._changed)
        self._reader.start()

    def _launch(self, ends: tuple[socket.socket, ...]) -> None:
        fds = tuple(fcntl.fcntl(end, fcntl.F_DUPFD, FIRST_DESCRIPTOR) for end in ends)
        channels = qemu.Channels(fds[0], fds[1], self._serial.name, self.serial_log)
        argv = self._command(self._hardware, channels)
        with (self.log_dir / "qemu.log").open("ab") as log:
            self._process = subprocess.Popen(
                argv, pass_fds=fds, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self._timeline.add("power on")
        for end, descriptor in zip(ends, fds, strict=True):
            end.close()
            os.close(descriptor)

    def stop(self) -> None:
        """Pull the plug, as a power cut does: the guest is not asked, the disk file is consistent. Twice does no harm."""
        if not self._running:
            return
        self._running = False
        if self._process.poll() is None:
            try:
                self._qmp.execute("quit")
                self._process.wait(STOP_TIMEOUT)
            except (OSError, subprocess.TimeoutExpired):
                self._process.kill()
                self._process.wait()
        self._reader.join()
        self._serial.close()
        for end in self._sockets:
            end.close()
        (self.log_dir / "timeline.txt").write_text(f"{self._timeline}\n")

    # What the machine says

    def _on_qmp(self, event: QmpEvent) -> None:
        if event.name == "RESET":
            if self.resets and event.seconds - self.resets[-1].seconds < RESET_BURST:
                return
            self.resets.append(event)
        self._timeline.add(f"QEMU: {event.name}")

    def _on_hello(self, hello: Hello) -> None:
        self._timeline.add(f"agent: up, boot {len(self._agent.hellos)} ({hello.uptime:.0f} s after its kernel)")

    # Waiting

    def _wait(self, look: Callable[[], T | None], timeout: float, what: str) -> T:
        """Wait until `look` finds something; fail when the machine is gone or time is up."""
        deadline = time.monotonic() + timeout * PATIENCE
        with self._changed:
            while True:
                found = look()
                if found is not None:
                    return found
                left = deadline - time.monotonic()
                if left <= 0:
                    raise self._error(f"no {what} within {timeout * PATIENCE:.0f} s")
                if self._process.poll() is not None:
                    raise self._error(f"QEMU ended while waiting for {what}")
                self._changed.wait(min(left, 1.0))

    def _error(self, text: str) -> MachineError:
        parts = {
            "timeline": str(self._timeline),
            f"end of {self.serial_log}": self._console.tail(),
            "QEMU's messages": (self.log_dir / "qemu.log").read_text()[-1000:],
        }
        return MachineError("\n".join([text, *(f"--- {name}\n{said}" for name, said in parts.items() if said)]))

    def wait_boot(self, timeout: float = BOOT_TIMEOUT) -> str:
        """Wait for the next boot that reaches the real root; returns its boot_id."""
        number = self._boots_seen

        def look() -> str | None:
            return self.boot_ids[number] if len(self.boot_ids) > number else None

        boot_id = self._wait(look, timeout, f"hello of boot {number + 1}")
        self._boots_seen = number + 1
        return boot_id

    def wait_reset(self, count: int, timeout: float = BOOT_TIMEOUT) -> None:
        """Wait until the machine has been reset that many times since power-on."""
        self._wait(lambda: True if self.reset_count >= count else None, timeout, f"reset {count}")

    def wait_exit(self, timeout: float = BOOT_TIMEOUT) -> None:
        """Wait until QEMU ends by itself: a power-off, or a reset under -no-reboot."""
        try:
            self._process.wait(timeout * PATIENCE)
        except subprocess.TimeoutExpired:
            raise self._error(f"QEMU did not end within {timeout * PATIENCE:.0f} s") from None

    def wait_serial(self, pattern: str, timeout: float = BOOT_TIMEOUT) -> re.Match[str]:
        """Wait for the console to match, after what the last call matched."""
        return self._wait(lambda: self._console.find(pattern), timeout, f"{pattern!r} on the console")

    # The guest

    def run(self, command: str, timeout: float = COMMAND_TIMEOUT, check: bool = True) -> Result:
        """Run a shell command as root in the booted guest."""
        if not self._agent.hellos:
            raise self._error("no agent to run a command: call wait_boot() first")
        boots = len(self._agent.hellos)
        number = self._agent.send(command)

        def look() -> Result | None:
            if len(self._agent.hellos) != boots:
                raise self._error(f"the machine was rebooted under: {command}")
            return self._agent.results.pop(number, None)

        result = self._wait(look, timeout, f"answer to: {command}")
        if check and result.status != 0:
            said = result.stderr.decode(errors="replace")
            raise MachineError(f"{command}: exit status {result.status}\n{result.text}\n{said}")
        return result

    def wait_until(self, command: str, timeout: float = BOOT_TIMEOUT, pause: float = 1.0) -> Result:
        """Run a command again and again until it succeeds."""
        deadline = time.monotonic() + timeout * PATIENCE
        while True:
            result = self.run(command, timeout, check=False)
            if result.status == 0:
                return result
            if time.monotonic() > deadline:
                said = (result.stdout + result.stderr).decode(errors="replace")
                raise self._error(f"still failing, status {result.status}: {command}\n{said}")
            time.sleep(pause)

    def read(self, path: str, timeout: float = COMMAND_TIMEOUT) -> bytes:
        """The contents of a file in the guest."""
        return self.run(f"cat '{path}'", timeout).stdout

    def crash(self) -> None:
        """Panic the guest. There is no answer."""
        self._agent.send(CRASH)

    def reboot(self) -> None:
        """Ask the guest to reboot, in good order."""
        self.run(REBOOT)

    def type(self, text: str) -> None:
        """Type on the serial console; the guest's terminal wants \\r or \\n at the end of a line."""
        self._serial.write(text.encode())

    def open_break_shell(self, timeout: float = BOOT_TIMEOUT) -> None:
        """Get to the prompt of the initramfs, on a machine with the arguments BREAK_SHELL."""
        self.wait_serial("Press Enter for (system )?maintenance", timeout)
        # sulogin drops what was typed before it had set up the terminal.
        for _ in range(ENTER_TRIES):
            self.type("\n")
            try:
                self.wait_serial("# $", ENTER_TIMEOUT)
            except MachineError:
                continue
            return
        raise self._error("no shell")

    # What is known

    @property
    def boot_ids(self) -> tuple[str, ...]:
        """The boot_id of every boot that reached the real root."""
        return tuple(hello.boot_id for hello in self._agent.hellos)

    @property
    def reset_count(self) -> int:
        """How often QEMU reset the machine. Entering the capture kernel is no reset."""
        return len(self.resets)

    @property
    def timeline(self) -> tuple[Event, ...]:
        """What happened so far, in seconds since power-on."""
        return tuple(self._timeline.events)

    @property
    def serial_text(self) -> str:
        """The whole transcript of the console."""
        return self._console.text

    def kernel_command_lines(self) -> tuple[str, ...]:
        """The command line of every kernel that started, the capture kernel's included."""
        return self._console.kernel_command_lines()
