# SPDX-License-Identifier: Apache-2.0
"""What `kdump-karg render` prints boots to armed, and its dump is where the request wants it. The tests share one machine."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from harness import guest, vmcore
from harness.disk import Disk
from harness.guest import MIB
from harness.ignition import Config
from harness.machine import Machine
from host.process import run
from image import builder as image_builder
from image.traits import Traits
from test_kola import unused_port

from conftest import Boot, NewDisk, fresh_directory

CHECKOUT = Path(__file__).parent.parent
CRASH_TIMEOUT = 600.0
DEFAULTS = "/etc/default/kdump-tools"
DUMPS = "/var/dumps"
REQUEST = f"""\
# A dump on the machine itself, beside the package's own directory.
distribution = debian
crashkernel = 256M
path = {DUMPS}
core-collector = makedumpfile -c -d 31
failure-action = reboot
"""


@dataclass(frozen=True)
class Rendered(Config):
    """A config that somebody else has put together."""

    text: str = ""

    def to_json(self) -> str:
        """That text."""
        return self.text


def render(*options: str) -> str:
    """What the program of this checkout prints."""
    argv = [sys.executable, "-m", "orchestrator", "render", *options]
    return subprocess.run(argv, cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def armed(request: pytest.FixtureRequest, image: Path) -> Iterator[Machine]:
    """The machine in its second boot."""
    directory = fresh_directory(request.node)
    (directory / "request").write_text(REQUEST)
    config = Rendered(text=render("--from", str(directory / "request")))
    with Machine(Disk.overlay(image, directory / "disk.qcow2"), log_dir=directory, ignition=config) as machine:
        machine.wait_boot()
        guest.settled(machine)
        yield machine


def test_armed_with_the_size_of_the_request(armed: Machine) -> None:
    """After one reboot; the report and `status` agree with the kernel, and no warning is left."""
    assert armed.reset_count == 1
    assert guest.kdump(armed) == guest.Kdump(256 * MIB, loaded=True)
    assert guest.reported(armed)["armed"]
    number, document = guest.status(armed)
    assert (number, document["broken"], document["warnings"]) == (0, None, [])


def test_the_image_keeps_its_own_lines(armed: Machine) -> None:
    """The image says where the capture kernel's initramfs is; the request's lines follow, and the last one counts."""
    text = armed.read(DEFAULTS).decode()
    own, made, rest = text.partition("# Made by kdump-karg render.\n")
    assert "KDUMP_INITRD=/usr/lib/kdump/initramfs.img" in own and made
    assert rest.splitlines()[-3:] == [f'KDUMP_COREDIR="{DUMPS}"', 'MAKEDUMP_ARGS="-c -d 31"', 'KDUMP_FAIL_CMD="reboot -f"']


def test_others_see_no_dump(armed: Machine) -> None:
    assert armed.run(f"stat --format='%a %U' {DUMPS}").text == "700 root"
    assert armed.run("systemctl --failed --plain --no-legend").text == ""


@pytest.fixture(scope="module")
def crashed(armed: Machine) -> Machine:
    """The same machine after a panic, back by itself."""
    armed.crash()
    armed.wait_boot(CRASH_TIMEOUT)
    guest.settled(armed)
    return armed


def test_the_dump_is_where_the_request_wants_it(crashed: Machine) -> None:
    """And nowhere else; it is one of the kernel that died of the crash that was asked for."""
    dump = vmcore.collect(crashed, DUMPS)
    assert dump.path.startswith(f"{DUMPS}/2")
    vmcore.verify(dump, crashed.run("uname -r").text)
    assert crashed.run("find /var/crash -name 'dump*'").text == ""


def test_the_capture_kernel_did_not_provision(crashed: Machine) -> None:
    """Its own command line, as it printed it on the console."""
    (capture,) = (line for line in crashed.kernel_command_lines() if "elfcorehdr=" in line)
    assert "ignition.firstboot" not in capture and "crashkernel" not in capture


def test_armed_again(crashed: Machine) -> None:
    assert guest.kdump(crashed) == guest.Kdump(256 * MIB, loaded=True)


SERVER = "192.168.77.1"
REMOTE = "/home/core/dumps"
#: networkd's own DHCP server: the crashing machine's network is the image's, DHCP, in both of its kernels.
NETWORK = f"[Match]\nType=ether\n\n[Network]\nAddress={SERVER}/24\nDHCPServer=yes\n"
#: What `systemctl enable systemd-networkd` makes, and our image lacks: network-online.target brings the network up.
WAIT = "systemd-networkd-wait-online.service"
ONLINE = {"path": f"/etc/systemd/system/network-online.target.wants/{WAIT}", "target": f"/usr/lib/systemd/system/{WAIT}"}


def new_key(directory: Path, name: str) -> tuple[str, str]:
    """A new key of ssh: the private and the public one."""
    path = directory / name
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", path])
    return path.read_text(), path.with_suffix(".pub").read_text()


def wire(end: str, address: str) -> tuple[str, ...]:
    """A network card on the one wire between the two machines."""
    return ("-netdev", f"socket,id=net,{end}", "-device", f"virtio-net-pci,netdev=net,mac={address}")


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed (Debian's openssh-client)")
def test_a_dump_over_ssh_to_a_second_machine(boot: Boot, new_disk: NewDisk, product: Path, log_dir: Path) -> None:
    """Key and host key come by the rendered config; nobody is asked anything."""
    base = image_builder.build(Traits(kola=True), product)
    (_, account), (host, host_key) = new_key(log_dir, "key"), new_key(log_dir, "host")
    (log_dir / "hosts").write_text(f"{SERVER} {host_key}")
    port = unused_port()
    files = Config().file("/etc/systemd/network/10-server.network", NETWORK).file("/etc/ssh/ssh_host_ed25519_key", host, 0o600)
    server = boot(
        new_disk(base),
        ignition=files.user("core", account.strip()),
        extra_args=wire(f"listen=127.0.0.1:{port}", "52:54:00:00:00:01"),
    )
    server.wait_boot()
    server.wait_until("systemctl is-active ssh.service")
    options = ["--distribution", "debian", "--crashkernel", "320M", "--ssh", f"core@{SERVER}:{REMOTE}"]
    config = json.loads(render(*options, "--key", str(log_dir / "key"), "--known-hosts", str(log_dir / "hosts")))
    config["storage"]["links"] = [ONLINE]
    machine = boot(
        new_disk(base),
        ignition=Rendered(text=json.dumps(config)),
        extra_args=wire(f"connect=127.0.0.1:{port}", "52:54:00:00:00:02"),
    )
    machine.wait_boot()
    guest.settled(machine)
    assert guest.kdump(machine) == guest.Kdump(320 * MIB, loaded=True)
    number, document = guest.status(machine)
    assert (number, document["broken"], document["warnings"]) == (0, None, [])
    assert machine.run("stat --format=%a /root/.ssh /root/.ssh/kdump_id_rsa /root/.ssh/known_hosts").text == "700\n600\n600"
    release = machine.run("uname -r").text
    machine.crash()
    machine.wait_boot(CRASH_TIMEOUT)
    vmcore.verify(vmcore.collect(server, REMOTE), release)
    assert machine.run("find /var/crash /home -name 'dump*' -type f").text == ""
