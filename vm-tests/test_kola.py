# SPDX-License-Identifier: Apache-2.0
"""kola's external tests (`tests/kola`) on our own machine, by kola's protocol, and what kola asks of a machine before.

`make check-vm` runs a sample of them, `make check-kola` all.
"""

from __future__ import annotations

import re
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest
from exttest import found, header, protocol, runner
from exttest.found import ExternalTest
from harness import guest
from harness.disk import Disk
from harness.ignition import Config
from host.process import Word, run
from image import builder as image_builder
from image.traits import Traits

from conftest import Boot, NewDisk

CHECKOUT = image_builder.CHECKOUT
TESTS = {test.program.parent.name: test for test in found.tests(CHECKOUT)}
#: What runs in one machine's life, in this order. Tests that share a life have the same config.
SAMPLE = (("provision-and-armed", "crash-and-vmcore"),)
OTHERS = (("nothing-asked",), ("explicit-size",), ("refused",))
UPDATE = "update-new-kernel"


@pytest.mark.parametrize("life", [*SAMPLE, *OTHERS], ids="+".join)
def test_in_a_machine(life: tuple[str, ...], boot: Boot, request: pytest.FixtureRequest) -> None:
    """Every step of every test of this life succeeds."""
    if life in OTHERS and not request.config.getoption("--all-exttests"):
        pytest.skip("not in the sample: `make check-kola` runs it")
    run_in_one_life(boot, [TESTS[name] for name in life])


def test_update(boot: Boot, update_disk: Path, log_dir: Path, request: pytest.FixtureRequest) -> None:
    """With a disk that has a later commit of the image, with another kernel."""
    if not request.config.getoption("--all-exttests"):
        pytest.skip("not in the sample: `make check-kola` runs it")
    run_in_one_life(boot, [TESTS[UPDATE]], extra_disks=[Disk.overlay(update_disk, log_dir / "update.qcow2").path])


def run_in_one_life(boot: Boot, tests: list[ExternalTest], **settings: Any) -> None:
    """Power a machine on with the tests' config, and run them."""
    machine = boot(ignition=runner.config(tests), memory_mib=runner.memory_mib(tests), **settings)
    runner.run(machine, tests)


#: What kola asks of a machine before any test (mantle/platform/platform.go CheckMachine()), and the answers that it wants, as patterns.
UNITS_IN = (
    "busctl --json=short call org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager "
    "ListUnitsFiltered as 2 state {} | jq -r '.data[][][0]'"
)
CHECKS = (
    ("systemctl is-system-running", "running"),
    ('. /etc/os-release && echo "$VARIANT_ID"', "coreos"),
    ("rpm -q --queryformat='%{VERSION}\n' systemd", r"\d{3}"),
    (UNITS_IN.format("failed"), ""),
    (UNITS_IN.format("activating"), ""),
    # What it does next (harness.go ScpKolet(), platform.go CopyDirToMachine()).
    ("echo a | sudo install -m 0755 /dev/stdin /usr/local/bin/kolet.partial && sudo mv /usr/local/bin/kolet.partial /usr/local/bin/kolet", ""),
    ("cat /usr/local/bin/kolet; for name in tar bash; do command -v $name; done", "a\n/usr/bin/tar\n/usr/bin/bash"),
    # Before a reboot (harness.go runExternalTest()): it must be there, and stopping it must not end this session.
    ("sudo /bin/sh -c 'systemctl stop sshd && echo stopped'", "stopped"),
)


def test_what_kola_asks_of_a_machine(boot: Boot, new_disk: NewDisk, product: Path, log_dir: Path, request: pytest.FixtureRequest) -> None:
    """The trait `kola`, asked as kola asks: by ssh, as the user core, whose key comes by Ignition."""
    if not request.config.getoption("--all-exttests"):
        pytest.skip("not in the sample: `make check-kola` runs it")
    if shutil.which("ssh") is None:
        pytest.skip("there is no ssh on this machine (Debian's openssh-client)")
    key = log_dir / "key"
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key])
    port = unused_port()
    machine = boot(
        new_disk(image_builder.build(Traits(kola=True), product)),
        ignition=Config().user("core", key.with_suffix(".pub").read_text().strip()),
        memory_mib=header.Header.memory_mib,
        # As kola has it for tests without the tag needs-internet.
        extra_args=(
            "-netdev", f"user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:{port}-:22", "-device", "virtio-net-pci,netdev=net",
        ),
    )  # fmt: skip
    machine.wait_boot()
    guest.settled(machine)
    machine.wait_until("systemctl is-active ssh.service")
    options = ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "BatchMode=yes")
    ssh: list[Word] = ["ssh", "-i", key, "-p", str(port), *(f"-o{option}" for option in options)]
    for command, answer in CHECKS:
        assert re.fullmatch(answer, run([*ssh, "core@127.0.0.1", command]).decode().strip()), command


def unused_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


SELF_TEST = """\
#!/bin/bash
## kola:
##   description: A test of the runner.
set -euo pipefail
. "$KOLA_EXT_DATA/commonlib.sh"
[ "$KOLA_TEST_EXE" = test.sh ] && [ "${KOLA_TEST##*.}" = {name} ] && [ "$(systemctl is-active "$KOLA_UNIT")" = active ]
{body}
"""


def self_test(directory: Path, name: str, body: str) -> ExternalTest:
    """A test that is only here to run the runner."""
    program = directory / name / found.DEFAULT
    program.parent.mkdir()
    program.write_text(SELF_TEST.replace("{name}", name).replace("{body}", body))
    data = CHECKOUT / found.TESTS / found.DATA
    return ExternalTest(f"ext.self.{name}", program, header.parse(program.read_text()), None, data)


REBOOTS = """\
case "${AUTOPKGTEST_REBOOT_MARK:-}" in
"") /tmp/autopkgtest-reboot "a mark" ;;
"a mark") /tmp/autopkgtest-reboot-prepare second; systemctl reboot ;;
second) ;;
*) exit 1 ;;
esac
"""


def test_protocol(boot: Boot, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Marks over two reboots, SIGTERM, and the failures that must be found: an exit status, another signal, a wrong mark."""
    if not request.config.getoption("--all-exttests"):
        pytest.skip("not in the sample: `make check-kola` runs it")
    passing = [self_test(tmp_path, "reboots", REBOOTS), self_test(tmp_path, "terminated", "kill -TERM $$")]
    failing = [self_test(tmp_path, "status", "exit 3"), self_test(tmp_path, "killed", "kill -KILL $$")]
    tests = [*failing, *passing]
    machine = boot(ignition=runner.config(tests))
    with pytest.raises(runner.ExternalTestError, match="exit-code 1 3"):
        runner.run(machine, tests)
    machine.run(f"systemctl reset-failed {protocol.unit_name(0)}")
    with pytest.raises(runner.ExternalTestError, match="signal 2 9"):
        runner.run_nth(machine, 1, tests[1])
    machine.run(f"systemctl reset-failed {protocol.unit_name(1)}")
    runner.run_nth(machine, 2, tests[2])
    runner.run_nth(machine, 3, tests[3])
    assert len(machine.boot_ids) == 3
