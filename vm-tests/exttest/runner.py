# SPDX-License-Identifier: Apache-2.0
"""Runs external tests in a machine, one after the other."""

from __future__ import annotations

import base64
import io
import re
import shlex
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import guest
from harness.ignition import Config
from harness.machine import Machine

from exttest import protocol
from exttest.found import ExternalTest
from exttest.header import SKIP_BASE_CHECKS

#: Prints what ended the wait: "mark MARK", or "over RESULT CODE STATUS" with the unit's own words.
WAIT = """\
while :; do
    if [ -e {mark} ]; then printf 'mark %s' "$(cat {mark})"; exit; fi
    case $(systemctl show --value --property=SubState {unit}) in
    exited|failed|dead) break ;;
    esac
    sleep 0.5
done
echo over $(systemctl show --value --property=Result --property=ExecMainCode --property=ExecMainStatus {unit})
"""
SUCCESS = "success"
#: systemd counts it among the clean signals, and so does kola.
SIGTERM = "signal 2 15"

#: Some of what kola looks for on the console of a test without skip-base-checks (harness.go consoleChecks).
BAD_LINES = re.compile(
    r"Kernel panic - not syncing: .*|Oops: .*|BUG: .*|Ordering cycle found|invoked oom-killer"
    r"|initrd-cleanup\.service: Main process exited, code=killed, status=15/TERM"
)


class ExternalTestError(AssertionError):
    """The test failed; the message has what it said."""


def config(tests: Sequence[ExternalTest]) -> Config:
    """The config that the tests share, with a unit for each, as kola adds its own."""
    texts = {test.config.read_text() if test.config else "" for test in tests}
    if len(texts) != 1:
        raise ValueError(f"{', '.join(test.name for test in tests)} have different configs and cannot share a machine")
    (text,) = texts
    merged = Config.from_json(text) if text else Config()
    for number, test in enumerate(tests):
        merged = merged.unit(protocol.unit_name(number), protocol.unit(number, test))
    return merged


def memory_mib(tests: Sequence[ExternalTest]) -> int:
    """What the most demanding of them wants."""
    return max(test.header.memory_mib for test in tests)


def run(machine: Machine, tests: Sequence[ExternalTest]) -> None:
    """Run the tests on a machine that was given their config and has not booted yet. ExternalTestError if one fails."""
    machine.wait_boot()
    for number, test in enumerate(tests):
        run_nth(machine, number, test)


def run_nth(machine: Machine, number: int, test: ExternalTest) -> None:
    """Run a machine's nth test, on a machine that has booted."""
    _Run(machine, number, test).all()


@dataclass(frozen=True)
class _Run:
    machine: Machine
    number: int
    test: ExternalTest

    @property
    def unit(self) -> str:
        return protocol.unit_name(self.number)

    @property
    def timeout(self) -> float:
        return self.test.header.timeout_minutes * 60.0

    def all(self) -> None:
        """From the upload to the verdict, over as many boots as the test asks for."""
        self._base_checks()
        self._upload()
        mark = self._boot("")
        while mark is not None:
            self.machine.run(f"touch {protocol.ANSWER}")
            self.machine.wait_boot(self.timeout)
            mark = self._boot(mark)
        if SKIP_BASE_CHECKS not in self.test.header.tags:
            self._check_console()

    def _boot(self, mark: str) -> str | None:
        """Run the test's part in this boot; the mark with which it goes down, or None where it has passed."""
        guest.settled(self.machine)
        for path, script in protocol.SCRIPTS.items():
            self._write(path, script.encode())
        environment = f"AUTOPKGTEST_REBOOT_MARK='{mark}'\n" if mark else ""
        self._write(protocol.ENVIRONMENT, environment.encode())
        self.machine.run(f"systemctl start {self.unit}", check=False)
        wait = WAIT.format(mark=protocol.MARK, unit=self.unit)
        what, _, rest = self.machine.run(wait, self.timeout).text.partition(" ")
        if what == "mark":
            return rest
        self._judge(rest)
        return None

    def _judge(self, ended: str) -> None:
        if ended.split()[0] == SUCCESS or ended == SIGTERM:
            return
        said = self.machine.run(f"journalctl --boot --output=cat --unit={self.unit} | tail -n 40", check=False).text
        raise ExternalTestError(f"{self.test.name}: {self.unit} ended with {ended}\n{said}")

    def _upload(self) -> None:
        self._write(protocol.program_path(self.number, self.test), self.test.program.read_bytes())
        if self.test.data:
            place, sent = protocol.data_directory(self.number), base64.b64encode(_tar(self.test.data)).decode()
            self.machine.run(f"mkdir -p {place} && echo '{sent}' | base64 -d | tar -xC {place}")

    def _write(self, path: str, content: bytes) -> None:
        """An executable file, as kola makes all of its own."""
        encoded, quoted = base64.b64encode(content).decode(), shlex.quote(path)
        self.machine.run(f"mkdir -p $(dirname {quoted}) && echo '{encoded}' | base64 -d >{quoted} && chmod 755 {quoted}")

    def _base_checks(self) -> None:
        guest.settled(self.machine)
        failed = self.machine.run("systemctl --failed --plain --no-legend").text
        if failed and SKIP_BASE_CHECKS not in self.test.header.tags:
            raise ExternalTestError(f"{self.test.name}: before the test these units have failed:\n{failed}")

    def _check_console(self) -> None:
        found = BAD_LINES.search(self.machine.serial_text)
        if found:
            raise ExternalTestError(f"{self.test.name}: the console says: {found[0]}")


def _tar(directory: Path) -> bytes:
    """The files of a directory, links followed."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", dereference=True) as archive:
        archive.add(directory, ".")
    return packed.getvalue()
