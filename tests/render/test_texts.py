# SPDX-License-Identifier: Apache-2.0
"""What a request comes to: the files with each distribution, and that our own readers find in them what was asked for."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from exttest import butane

from orchestrator.facts import conf, ignition_config
from orchestrator.render import files, ignition
from orchestrator.render.files import File, Manifest
from orchestrator.render.request import read_all
from orchestrator.render.words import of_options
from orchestrator.rules import capture_cmdline, dump_blockers, dump_target, known_hosts, shell_assignments
from orchestrator.rules.capture_cmdline import Facts, Package
from orchestrator.rules.dump_target import Destination, Kind
from tests.render.keys import HOST, HOST_KEY, openssh, ssh_options
from tests.render.table import rendered

MADE = "# Made by kdump-karg render.\n"
LINE = "root=LABEL=root ostree=/ostree/boot.1/os/abc/0 ignition.firstboot ro quiet crashkernel=256M"


def manifest(*argv: str) -> Manifest:
    """What the options come to."""
    return files.manifest(read_all(of_options(list(argv))))


def text(made: Manifest, path: str) -> str:
    """A file of it without its first line."""
    (found,) = [file for file in made.files if file.path == path]
    assert found.text.startswith(MADE)
    return found.text.removeprefix(MADE)


def test_the_least_request_enables_the_unit() -> None:
    assert manifest() == Manifest("kdump.service")
    assert manifest("--distribution", "suse").unit == "kdump.service"
    assert manifest("--distribution", "debian").unit == "kdump-tools.service"


@pytest.mark.parametrize("size", ["512M", "auto", "2G-64G:256M,64G-:512M"])
def test_a_size_is_one_that_kdump_karg_reads(size: str) -> None:
    made = manifest("--crashkernel", size)
    assert [file.path for file in made.files] == ["/etc/kdump-karg.conf"]
    assert conf.merge(conf.parse(made.files[0].text, "/x")).crashkernel == size


def test_the_unit_is_one_that_kdump_karg_sees() -> None:
    """By its own reader of Ignition's config, on the first boot."""
    asked = ignition_config.parse(rendered("--distribution", "debian", "--nfs", "h:/x"))
    assert asked.enabled == ("kdump-tools.service",)


def test_kdump_utils(tmp_path: Path) -> None:
    path = "/etc/kdump.conf"
    head = "auto_reset_crashkernel no\n"
    assert text(manifest("--path", "/var/dumps"), path) == f"{head}path /var/dumps\n"
    assert text(manifest("--raw", "/dev/vdb1"), path) == f"{head}raw /dev/vdb1\n"
    over_ssh = text(manifest(*ssh_options(tmp_path, ":/srv/crash"), "--failure-action", "shell"), path)
    assert over_ssh == f"{head}ssh kdump@{HOST}\nsshkey /root/.ssh/kdump_id_rsa\npath /srv/crash\nfailure_action shell\n"
    nfs = text(manifest("--nfs", "h:/x", "--core-collector", "makedumpfile  -l -d 31"), path)
    modules = "extra_bins /sbin/mount.nfs\nextra_modules nfs nfsv3 nfsv4 nfs_layout_nfsv41_files\n"
    assert nfs == f"{head}nfs h:/x\npath /\n{modules}core_collector makedumpfile -l -d 31\n"


def test_kdump_tools(tmp_path: Path) -> None:
    path = "/etc/default/kdump-tools"
    made = manifest("--distribution", "debian", *ssh_options(tmp_path), "--failure-action", "poweroff")
    lines = text(made, path).splitlines()
    assert lines[:2] == ["USE_KDUMP=1", "KDUMP_KERNEL=/usr/lib/modules/$(uname -r)/vmlinuz"]
    assert lines[3:] == [
        f'KDUMP_CMDLINE_APPEND="{capture_cmdline.KDUMP_TOOLS_APPEND}"',
        f'SSH="kdump@{HOST}"',
        'SSH_KEY="/root/.ssh/kdump_id_rsa"',
        'KDUMP_COREDIR="/var/crash"',
        'KDUMP_FAIL_CMD="poweroff -f"',
    ]
    assert made.drop_in == "[Unit]\nConditionPathExists=!/proc/vmcore\n"
    assert next(file.mode for file in made.files if file.path == path) is None
    local = manifest("--distribution", "debian", "--path", "/var/dumps", "--core-collector", "makedumpfile -c -d 31")
    assert text(local, path).splitlines()[3:] == ['KDUMP_COREDIR="/var/dumps"', 'MAKEDUMP_ARGS="-c -d 31"']
    assert local.drop_in == ""


def test_suse(tmp_path: Path) -> None:
    path = "/etc/sysconfig/kdump"
    head = 'KDUMP_UPDATE_BOOTLOADER="false"\nKDUMP_COMMANDLINE_APPEND="ignition.firstboot=0"\n'
    over_ssh = text(manifest("--distribution", "suse", *ssh_options(tmp_path), "--crashkernel", "512M"), path)
    place = f'KDUMP_SAVEDIR="ssh://kdump@{HOST}/var/crash"\nKDUMP_SSH_IDENTITY="/root/.ssh/kdump_id_rsa"\n'
    assert over_ssh == f'{head}{place}KDUMP_CRASHKERNEL="crashkernel=512M"\n'
    collector = ["--core-collector", "makedumpfile -l -d 17", "--failure-action", "shell"]
    nfs = text(manifest("--distribution", "suse", "--nfs", "h:/x", *collector), path)
    rest = 'KDUMP_DUMPFORMAT="lzo"\nKDUMP_DUMPLEVEL="17"\nKDUMP_CONTINUE_ON_ERROR="false"\n'
    assert nfs == f'{head}KDUMP_SAVEDIR="nfs://h/x"\n{rest}'


PLACES = [
    (["--path", "/var/dumps"], Kind.DIRECTORY, "/var/dumps"),
    (["--nfs", f"{HOST}:/export"], Kind.NFS, f"{HOST}:/export"),
    (["ssh"], Kind.SSH, f"kdump@{HOST}"),
]


@pytest.mark.parametrize("distribution", ["fedora", "debian", "suse"])
@pytest.mark.parametrize(("options", "kind", "place"), PLACES, ids=[row[1].value for row in PLACES])
def test_status_finds_the_place(distribution: str, options: list[str], kind: Kind, place: str, tmp_path: Path) -> None:
    """orchestrator/rules/dump_target.py reads the files as the packages do."""
    words = ssh_options(tmp_path) if options == ["ssh"] else options
    made = manifest("--distribution", distribution, *words)
    found = destination(distribution, made)
    assert (found.kind, found.place) == (kind, place)
    if kind is Kind.SSH:
        assert any(file.path in found.keys and file.text == openssh() and file.mode == 0o600 for file in made.files)
        hosts = next(file for file in made.files if file.path == "/root/.ssh/known_hosts")
        assert hosts.text == f"{HOST_KEY}\n" and known_hosts.look_up(hosts.text, HOST) is known_hosts.Known.YES


def destination(distribution: str, made: Manifest) -> Destination:
    """Where `status` would say that the dump goes."""
    if distribution == "fedora":
        return dump_target.kdump_utils(text(made, "/etc/kdump.conf"))
    if distribution == "suse":
        return dump_target.suse(shell_assignments.parse(text(made, "/etc/sysconfig/kdump"), "/x"))
    return dump_target.kdump_tools(shell_assignments.parse(text(made, "/etc/default/kdump-tools"), "/x"))


def test_the_line_of_kdump_tools_as_a_shell_makes_it(tmp_path: Path) -> None:
    """Debian's own list, and ignition.firstboot, off; the rest stays."""
    (tmp_path / "line").write_text(f"{LINE} ignition.firstboot=1 hugepages=2 hugepagesz=1G abm=3 x=hugepages=1\n")
    config = text(manifest("--distribution", "debian"), "/etc/default/kdump-tools")
    config = config.replace("/proc/cmdline", str(tmp_path / "line"))
    done = subprocess.run(["sh", "-euc", f'{config}printf %s "$KDUMP_CMDLINE"'], capture_output=True, text=True, check=True)
    assert done.stdout == "root=LABEL=root ostree=/ostree/boot.1/os/abc/0 ro quiet x=hugepages=1"


def test_the_line_of_suse_has_no_first_boot() -> None:
    """Ignition's generator takes the last of two, and so does our own rule."""
    config = shell_assignments.parse(text(manifest("--distribution", "suse"), "/etc/sysconfig/kdump"), "/x")
    line = capture_cmdline.predict(Facts(Package.SUSE, config, "root=LABEL=root quiet", "x86_64")).line
    assert line is not None and line.split()[-2:] == ["ignition.firstboot=0", "panic=1"]
    assert dump_blockers.blocker(Facts(Package.SUSE, config, "root=LABEL=root quiet", "x86_64"), line) is None


def test_directories_that_must_be_there(tmp_path: Path) -> None:
    path = "/etc/tmpfiles.d/kdump-karg.conf"
    assert text(manifest("--path", "/var/dumps"), path) == "d /var/dumps 0700 root root -\n"
    assert text(manifest(*ssh_options(tmp_path)), path) == "d /root/.ssh 0700 root root -\n"
    assert path not in [file.path for file in manifest("--path", "/var/crash").files]  # the package's own


def test_nothing_secret_is_readable_by_others(tmp_path: Path) -> None:
    made = manifest(*ssh_options(tmp_path), "--crashkernel", "1G")
    private = {file.path for file in made.files if file.mode == 0o600}
    assert private == {"/root/.ssh/kdump_id_rsa", "/root/.ssh/known_hosts"}
    assert openssh() not in repr(made) and openssh() not in repr(read_all(of_options(ssh_options(tmp_path))))


def test_data_urls_are_read_back() -> None:
    strange = "#\n a=\"b\" 'c' %41 \\ é\t{}[]|~\n"
    made = Manifest("kdump.service", files=(File("/x", strange),))
    source = json.loads(ignition.text(made))["storage"]["files"][0]["contents"]["source"]
    assert butane.canonical(source) == f"data:{strange}"
