# SPDX-License-Identifier: Apache-2.0
"""kola's external tests (`tests/kola`) on our own machine, and what finds, reads and runs them.

`make check-vm` runs a sample of them, `make check-kola` all.
"""

from __future__ import annotations

import importlib.util
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest
from exttest import butane, found, header, plainyaml, protocol, runner
from exttest.butane import ButaneError
from exttest.found import ExternalTest
from exttest.header import HeaderError
from exttest.plainyaml import PlainYamlError
from harness import guest
from harness.ignition import Config
from host.process import run
from image import builder as image_builder
from image.traits import Traits

from conftest import Boot, NewDisk

CHECKOUT = image_builder.CHECKOUT
TESTS = {test.program.parent.name: test for test in found.tests(CHECKOUT)}
BUTANE_FILES = sorted((CHECKOUT / found.TESTS).rglob(found.BUTANE))
#: What runs in one machine's life, in this order. Tests that share a life have the same config.
SAMPLE = (("provision-and-armed", "crash-and-vmcore"), ("nothing-asked",))
OTHERS = (("explicit-size",), ("refused",))
UPDATE = "update-new-kernel"


# In a machine


@pytest.mark.parametrize("life", [*SAMPLE, *OTHERS], ids="+".join)
def test_in_a_machine(life: tuple[str, ...], boot: Boot, request: pytest.FixtureRequest) -> None:
    """Every step of every test of this life succeeds."""
    if life in OTHERS and not request.config.getoption("--all-exttests"):
        pytest.skip("not in the sample: `make check-kola` runs it")
    run_in_one_life(boot, [TESTS[name] for name in life])


def test_update(boot: Boot, product: Path | None, request: pytest.FixtureRequest) -> None:
    """With a disk that has a later commit of the image, with another kernel."""
    if not request.config.getoption("--all-exttests"):
        pytest.skip("not in the sample: `make check-kola` runs it")
    if importlib.util.find_spec("image.update") is None:
        pytest.skip("there is no builder of an update (image.update)")
    update = importlib.import_module("image.update")
    run_in_one_life(boot, [TESTS[UPDATE]], extra_disks=[update.build(product=product)])


def run_in_one_life(boot: Boot, tests: list[ExternalTest], **settings: Any) -> None:
    """Power a machine on with the tests' config, and run them."""
    machine = boot(ignition=runner.config(tests), memory_mib=runner.memory_mib(tests), **settings)
    runner.run(machine, tests)


#: What kola asks of a machine before any test (mantle/platform/platform.go CheckMachine()), and the answers that it wants.
UNITS_IN = (
    "busctl --json=short call org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager "
    "ListUnitsFiltered as 2 state {} | jq -r '.data[][][0]'"
)
CHECKS = (
    ("systemctl is-system-running", "running"),
    ('. /etc/os-release && echo "$VARIANT_ID"', "coreos"),
    ("rpm -q --queryformat='%{VERSION}\n' systemd", "257"),
    (UNITS_IN.format("failed"), ""),
    (UNITS_IN.format("activating"), ""),
    # What it does next (harness.go ScpKolet(), platform.go CopyDirToMachine()).
    ("echo a | sudo install -m 0755 /dev/stdin /usr/local/bin/kolet.partial && sudo mv /usr/local/bin/kolet.partial /usr/local/bin/kolet", ""),
    ("cat /usr/local/bin/kolet; type -P tar bash", "a\n/usr/bin/tar\n/usr/bin/bash"),
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
    ssh = ["ssh", "-i", key, "-p", str(port), "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "BatchMode=yes"]
    for command, answer in CHECKS:
        assert run([*ssh, "core@127.0.0.1", command]).decode().strip() == answer, command


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
    with pytest.raises(runner.ExternalTestError, match="signal 2 9"):
        runner.run_nth(machine, 1, tests[1])
    machine.run(f"systemctl reset-failed {protocol.unit_name(0)} {protocol.unit_name(1)}")
    runner.run_nth(machine, 2, tests[2])
    runner.run_nth(machine, 3, tests[3])
    assert len(machine.boot_ids) == 3


# Without a machine


def test_every_test_has_its_place() -> None:
    """Here, and under the name by which kola knows it."""
    assert set(TESTS) == {UPDATE, *(name for life in (*SAMPLE, *OTHERS) for name in life)}
    assert TESTS["refused"].name == f"ext.{CHECKOUT.resolve().name}.refused"


@pytest.mark.parametrize("name", sorted(TESTS))
def test_headers_say_what_kola_is_to_know(name: str) -> None:
    """What crashes or fails units skips the base checks; what reserves memory has the memory; the update waits to be asked for."""
    asked = TESTS[name].header
    assert asked.description.endswith(".")
    text = TESTS[name].program.read_text()
    assert (header.SKIP_BASE_CHECKS in asked.tags) == ("panic\n" in text or "is-failed" in text)
    assert asked.memory_mib == (4096 if "wait_armed" in text else 1024)
    assert asked.required_tag == (UPDATE if name == UPDATE else "")


@pytest.mark.parametrize("path", BUTANE_FILES, ids=lambda path: str(path.parent.name))
def test_butane_and_ignition_agree(path: Path) -> None:
    """By the reader here, and by butane(1) where it is installed. No config asks for a kernel argument."""
    kept = path.with_name(found.CONFIG)
    assert butane.disagreement(path, kept) == ""
    assert "kernelArguments" not in kept.read_text()


def test_disagreement_is_found(tmp_path: Path) -> None:
    one, other = tmp_path / "a.bu", tmp_path / "a.ign"
    one.write_text("variant: fcos\nversion: 1.4.0\nsystemd:\n  units:\n    - name: a.service\n      enabled: true\n")
    other.write_text('{"ignition": {"version": "3.3.0"}, "systemd": {"units": [{"name": "a.service", "enabled": false}]}}')
    assert "a.service" in butane.disagreement(one, other)


TRANSLATED = """\
# a comment
variant: fcos
version: 1.4.0
storage:
  files:
    - path: /etc/a
      mode: 0644
      contents:
        inline: |
          a=1  # is text

            b
    - path: /etc/b
systemd:
  units:
    - name: a.service
      mask: true
"""


def test_translation() -> None:
    """As `butane --strict` has it, but for the empty compression, which says nothing."""
    assert butane.translate(TRANSLATED) == {
        "ignition": {"version": "3.3.0"},
        "storage": {
            "files": [
                {"path": "/etc/a", "mode": 420, "contents": {"source": "data:,a%3D1%20%20%23%20is%20text%0A%0A%20%20b%0A"}},
                {"path": "/etc/b"},
            ]
        },
        "systemd": {"units": [{"name": "a.service", "mask": True}]},
    }


def test_encodings_of_the_same_text_agree() -> None:
    plain: plainyaml.Value = {"source": "data:,a%3D1", "compression": ""}
    encoded: plainyaml.Value = {"source": "data:;base64,YT0x"}
    assert butane.canonical(plain) == butane.canonical(encoded) != butane.canonical({"source": "data:,a%3D2"})


HEAD = "variant: fcos\nversion: 1.4.0\n"


@pytest.mark.parametrize(
    "text",
    [
        "variant: fcos\nversion: 1.5.0\n",
        "variant: rhcos\nversion: 1.4.0\n",
        f"{HEAD}kernel_arguments:\n  should_exist:\n    - a\n",
        f"{HEAD}systemd:\n  units:\n    - name: a\n      dropins:\n        - name: b\n",
        f"{HEAD}systemd:\n  units:\n    - name: a\n      enabled: 1\n",
        f"{HEAD}storage:\n  directories:\n    - path: /a\n",
        f"{HEAD}storage:\n  files:\n    - path: /a\n      contents:\n        local: a\n",
    ],
)
def test_butane_that_is_not_known_is_refused(text: str) -> None:
    with pytest.raises(ButaneError):
        butane.translate(text)


@pytest.mark.parametrize(
    "text",
    [
        "a: 'b'", 'a: "b"', "a: {b: c}", "a: [b]", "a: &b c", "a: *b", "a: !b c", "a: >\n  b", "a: |-\n  b", "a:", "a: b: c", "a: b # c",
        "a: 1.4", "a: 0x10", "a: 08", "a: 1_000", "a: 1e3", "a: null", "a: yes", "a: True", "a: ~", "- a", "a: b\n  c: d", "a: b\n c", "a: b\na: c",
        "a:\n- b", "a:\n  - b\n   - c", "a: |\n   b\n  c", "a: |\n\n  b", "---\na: b", "a: b\n\tc: d", "\ta: b", "",
    ],
)  # fmt: skip
def test_yaml_that_is_not_known_is_refused(text: str) -> None:
    """None of it is guessed at."""
    with pytest.raises(PlainYamlError):
        plainyaml.read(text)


@pytest.mark.parametrize(
    ("yaml", "wrong"),
    [
        ("description: a\n##   exclusive: false", "exclusive"),
        ("description: a\n##   minMemory: much", "minMemory"),
        ("tags: a", "no description"),
    ],
)
def test_header_that_would_not_be_acted_on(yaml: str, wrong: str) -> None:
    with pytest.raises(HeaderError, match=wrong):
        header.parse(f"#!/bin/bash\n## kola:\n##   {yaml}\n")
    with pytest.raises(HeaderError, match="no line"):
        header.parse("#!/bin/bash\n")


def test_layout_that_kola_would_take_otherwise(tmp_path: Path) -> None:
    """A program that is not executable, and a Butane file without its Ignition."""
    directory = tmp_path / found.TESTS / "a"
    directory.mkdir(parents=True)
    program = directory / found.DEFAULT
    program.write_text("#!/bin/bash\n## kola:\n##   description: A.\n")
    with pytest.raises(found.LayoutError, match="neither executable"):
        found.tests(tmp_path)
    program.chmod(0o755)
    assert [test.name for test in found.tests(tmp_path)] == [f"ext.{tmp_path.name}.a"]
    (directory / found.BUTANE).write_text(HEAD)
    with pytest.raises(found.LayoutError, match=found.CONFIG):
        found.tests(tmp_path)


def test_a_life_has_one_config() -> None:
    with pytest.raises(ValueError, match="different configs"):
        runner.config([TESTS["refused"], TESTS["explicit-size"]])
    shared = runner.config([TESTS["provision-and-armed"], TESTS["crash-and-vmcore"]])
    assert [unit["name"] for unit in shared.units][-2:] == [protocol.unit_name(0), protocol.unit_name(1)]


def test_config_with_more_in_it_is_refused() -> None:
    with pytest.raises(ValueError, match="more in it"):
        Config.from_json('{"ignition": {"version": "3.3.0"}, "passwd": {"users": [{"name": "core"}]}}')
