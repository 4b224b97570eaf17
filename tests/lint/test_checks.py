# SPDX-License-Identifier: Apache-2.0
"""Every check: a config that it finds fault with, where and how bad; and one beside it that is clean."""

from __future__ import annotations

import json

import pytest

from orchestrator.lint import assumed, table
from orchestrator.lint.assumed import Assumed
from orchestrator.rules.arch import GIB
from tests.lint.configs import (
    APPEND,
    KEY_TEXT,
    PRIVATE,
    REMOVE,
    SECRETS,
    SSH,
    SYSCONFIG,
    Config,
    checks,
    conf,
    encoded,
    file,
    findings,
    ignition,
    kdump,
    machineconfig,
    merging,
    nested,
    own,
    packed,
    plain,
    ssh,
    sysconfig,
    tools,
    unit,
)

ENABLING = file("/etc/kdump-karg.conf", "enable=yes\n")
UNITS, ARGUMENT, FIRST = "/systemd/units/0", "/kernelArguments/shouldExist/0", "/storage/files/0"
EIGHT = Assumed(assumed.of_size(8 * GIB))


def machine(gib: int, arch: str = "", kernel: str = "") -> Assumed:
    """A machine with so much memory."""
    return Assumed(assumed.of_size(gib * GIB), arch, kernel)


def masked_by_link() -> Config:
    """kdump enabled by a link and masked by another one."""
    wants = {
        "path": "/etc/systemd/system/multi-user.target.wants/kdump.service",
        "target": "/usr/lib/systemd/system/kdump.service",
    }
    mask = {"path": "/etc/systemd/system/kdump.service", "target": "/dev/null"}
    return kdump("crashkernel=512M", units=(), storage={"links": [wants, mask]})


def luks(text: str = "path /var/crash\n") -> Config:
    """kdump, and the root file system encrypted."""
    made = conf(text)
    made["storage"]["luks"] = [{"name": "root", "device": "/dev/disk/by-partlabel/root", "clevis": {"tpm2": True}}]
    return made


def absent(*arguments: str) -> Config:
    """kdump with a size, and arguments that are to go."""
    made = kdump("crashkernel=512M")
    made["kernelArguments"]["shouldNotExist"] = list(arguments)
    return made


def replaced(**reference: str) -> Config:
    """A config that is replaced by another one."""
    made = kdump("crashkernel=1")
    made["ignition"]["config"] = {"replace": reference}
    return made


def raw(path: str, source: str, **contents: str) -> Config:
    """kdump and a file with this source."""
    found = {"path": path, "overwrite": True, "mode": 420, "contents": {"source": source, **contents}}
    return kdump("crashkernel=512M", files=(found,))


def nfs(*lines: str) -> Config:
    """kdump to NFS."""
    return conf("".join(f"{line}\n" for line in ("nfs dump.example.com:/export", *lines)))


SUSE = 'KDUMP_SAVEDIR="file:///var/crash"\n'
REBOOTER = "[Service]\nExecStart=/bin/sh -c 'rpm-ostree kargs --append=crashkernel=512M && systemctl reboot'\n"

# identifier, config, pointer of the finding, machine
FOUND: list[tuple[str, Config, str, Assumed | None]] = [
    ("ignition-version", {"systemd": {"units": [unit()]}}, "", None),
    ("ignition-version", ignition("2.2.0"), "/ignition/version", None),
    ("ignition-version", ignition("3"), "/ignition/version", None),
    ("config-json", merging("data:,nonsense"), "/ignition/config/merge/0", None),
    ("config-json", merging("data:,%5B%5D"), "/ignition/config/merge/0", None),
    ("source-elsewhere", merging("https://example.com/a.ign"), "/ignition/config/merge/0/source", None),
    ("source-elsewhere", raw("/etc/kdump.conf", "https://core:hunter2@example.com/x"), f"{FIRST}/contents/source", None),
    ("source-elsewhere", replaced(source="s3://bucket/x"), "/ignition/config/replace/source", None),
    ("data-url", raw("/etc/motd", "data:;base64,no base64!"), f"{FIRST}/contents/source", None),
    ("data-url", raw("/etc/motd", "data:;base64,YWI"), f"{FIRST}/contents/source", None),
    ("data-url", raw("/etc/motd", "data:nothing"), f"{FIRST}/contents/source", None),
    ("data-url", raw("/etc/motd", "data:,100%"), f"{FIRST}/contents/source", None),
    ("data-gzip", raw("/etc/motd", "data:,plain", compression="gzip"), f"{FIRST}/contents", None),
    ("data-gzip", raw("/etc/motd", "data:,plain", compression="xz"), f"{FIRST}/contents/compression", None),
    ("data-gzip", raw("/etc/kdump.conf", packed("x", "path /var/crash\n")["contents"]["source"]), FIRST, None),
    ("data-gzip", raw("/etc/motd", encoded(b"\x1f\x8b\x08\0"), compression="gzip"), f"{FIRST}/contents", None),
    ("file-twice", kdump(files=(file("/etc/a", ""), file("/etc/a", ""))), "/storage/files/1", None),
    (
        "file-overridden",
        {**conf("path /var/crash\n"), **merging(nested(conf("path /var/crash\n")))},
        "/ignition/config/merge/0/source",
        None,
    ),
    ("machineconfig-role", machineconfig(ignition(), role=""), "", None),
    ("kargs-version", {**kdump("crashkernel=512M"), "ignition": {"version": "3.2.0"}}, "/ignition/version", None),
    ("kargs-place", machineconfig(kdump("crashkernel=512M")), f"/spec/config{ARGUMENT}", None),
    ("crashkernel-octal", kdump("crashkernel=0512M"), ARGUMENT, None),
    ("crashkernel-octal", kdump("quiet", "crashkernel=2G-:08M"), "/kernelArguments/shouldExist/1", None),
    ("crashkernel-unit", kdump("crashkernel=256MB"), ARGUMENT, None),
    ("crashkernel-unit", kdump("crashkernel=256MiB"), ARGUMENT, None),
    ("crashkernel-auto", kdump("crashkernel=auto"), ARGUMENT, None),
    ("crashkernel-malformed", kdump("crashkernel="), ARGUMENT, None),
    ("crashkernel-malformed", kdump("crashkernel=4G-2G:256M"), ARGUMENT, None),
    ("crashkernel-malformed", kdump('crashkernel="512M"'), ARGUMENT, None),
    ("crashkernel-malformed", kdump("crashkernel=512M quiet"), ARGUMENT, None),
    ("crashkernel-malformed", kdump("crashkernel=512M rd.luks.key=hunter2"), ARGUMENT, None),
    ("crashkernel-malformed", kdump("crashkernel=72M,low"), ARGUMENT, None),
    ("crashkernel-malformed", kdump("crashkernel=" + "1M-2M:1M," * 1000), ARGUMENT, None),
    ("crashkernel-nothing", kdump("crashkernel=0"), ARGUMENT, None),
    ("crashkernel-nothing", kdump("crashkernel=2G-:512M"), ARGUMENT, machine(1)),
    ("crashkernel-nothing", kdump("crashkernel=4G-8G:512M"), ARGUMENT, machine(8)),
    ("crashkernel-nothing", kdump("crashkernel=512M,high"), ARGUMENT, machine(8, "s390x")),
    ("crashkernel-nothing", own("crashkernel=8G\n"), FIRST, machine(8, "x86_64", "6.12")),
    ("crashkernel-tiny", kdump("crashkernel=256"), ARGUMENT, None),
    ("crashkernel-tiny", kdump("crashkernel=48M"), ARGUMENT, EIGHT),
    ("crashkernel-tiny", kdump("crashkernel=2G-4G:512M,4G-:16M"), ARGUMENT, None),
    ("crashkernel-small", kdump("crashkernel=128M"), ARGUMENT, None),
    ("crashkernel-small", kdump("crashkernel=256M"), ARGUMENT, machine(128)),
    ("crashkernel-small", kdump("crashkernel=300M"), ARGUMENT, machine(8, "aarch64")),
    ("crashkernel-small", kdump("crashkernel=1G-4G:192M,4G-64G:256M,64G-:512M"), ARGUMENT, machine(2)),
    ("crashkernel-small", kdump("crashkernel=2G-64G:512M,64G-:256M"), ARGUMENT, None),
    ("crashkernel-advice", kdump("crashkernel=256M"), ARGUMENT, None),
    ("crashkernel-advice", kdump("crashkernel=256M"), ARGUMENT, EIGHT),
    ("crashkernel-hole", kdump("crashkernel=2G-4G:512M,8G-:1G"), ARGUMENT, None),
    ("crashkernel-hole", kdump("crashkernel=2G-64G:512M"), ARGUMENT, None),
    ("crashkernel-start", kdump("crashkernel=4G-:512M"), ARGUMENT, None),
    ("crashkernel-twice", kdump("crashkernel=512M", "crashkernel=1G"), "/kernelArguments/shouldExist/1", None),
    ("crashkernel-twice", kdump("crashkernel=512M", "crashkernel=1G,high"), "/kernelArguments/shouldExist/1", None),
    ("crashkernel-contradicts", own("crashkernel=1G\n", "crashkernel=512M"), FIRST, None),
    (
        "crashkernel-contradicts",
        own("crashkernel=auto\n", "crashkernel=512M", path="/etc/kdump-karg.conf.d/9.conf"),
        FIRST,
        None,
    ),
    ("crashkernel-repeats", own("crashkernel=512M\n", "crashkernel=512M"), FIRST, None),
    ("crashkernel-removed", absent("crashkernel=512M"), "/kernelArguments/shouldNotExist/0", None),
    ("crashkernel-unused", kdump("crashkernel=512M", units=()), ARGUMENT, None),
    ("crashkernel-unused", kdump("crashkernel=512M", units=(unit(enabled=False),)), ARGUMENT, None),
    ("crashkernel-missing", kdump(), UNITS, None),
    ("unit-masked", kdump("crashkernel=512M", units=(unit(mask=True),)), UNITS, None),
    ("unit-masked", masked_by_link(), "/storage/links/1", None),
    ("unit-name", kdump("crashkernel=512M", files=(file("/etc/default/kdump-tools", ""),)), UNITS, None),
    ("unit-name", conf("path /var/crash\n", units=(unit("kdump-tools.service"),)), UNITS, None),
    ("unit-name", machineconfig(kdump(units=(unit("kdump-tools.service"),)), "crashkernel=512M"), f"/spec/config{UNITS}", None),
    ("unit-unknown", kdump("crashkernel=512M", units=(unit("kdumpctl.service"),)), UNITS, None),
    ("unit-unknown", kdump("crashkernel=512M", units=(unit("kexec-kdump.service"),)), UNITS, None),
    ("unit-replaced", kdump("crashkernel=512M", units=(unit(contents="[Service]\nExecStart=/bin/true\n"),)), UNITS, None),
    ("unit-kargs", kdump(units=(unit(), unit("size.service", contents=REBOOTER))), "/systemd/units/1", None),
    (
        "unit-kargs",
        kdump(units=(unit("kdump-reboot.service", contents="[Service]\nExecStart=systemctl reboot\n"),)),
        UNITS,
        None,
    ),
    ("kdump-conf-option", conf("pth /var/crash\n"), FIRST, None),
    ("kdump-conf-option", conf(f"{KEY_TEXT}"), FIRST, None),
    ("kdump-conf-deprecated", conf("net core@dump.example.com\n"), FIRST, None),
    ("kdump-conf-action", conf("failure_action restart\n"), FIRST, None),
    ("kdump-conf-action", conf("final_action shell\n"), FIRST, None),
    ("kdump-conf-shell", conf("failure_action shell\n"), FIRST, None),
    ("collector-flat", ssh(text="core_collector makedumpfile -l -d 31\n"), FIRST, None),
    ("collector-flat", conf("raw /dev/vdb\ncore_collector makedumpfile -l -d 31\n"), FIRST, None),
    ("collector-everything", conf("core_collector makedumpfile -l\n"), FIRST, None),
    ("collector-everything", conf("core_collector cp\n"), FIRST, None),
    ("text-crlf", conf("path /var/crash\r\n"), FIRST, None),
    ("target-many", conf("ext4 /dev/vdb\nnfs server:/x\n"), FIRST, None),
    ("target-ssh-user", conf("ssh dump.example.com\n"), FIRST, None),
    ("target-ssh-key", conf(SSH), FIRST, None),
    ("target-ssh-key", tools('SSH="core@dump.example.com"\n'), FIRST, None),
    ("target-host-key", conf(SSH, file("/root/.ssh/known_hosts", "other ssh-ed25519 AAAA\n", PRIVATE)), FIRST, None),
    ("target-network", ssh(text='dracut_args --omit "network ifcfg"\n'), FIRST, None),
    ("target-network", tools('NFS="server:/x"\nKDUMP_CMDLINE_APPEND="nr_cpus=1"\n'), FIRST, None),
    ("target-nfs-module", nfs(), FIRST, None),
    ("target-nfs-module", nfs("extra_modules nfsv4"), FIRST, None),
    ("target-lost", conf("path /tmp/crash\n"), FIRST, None),
    ("target-lost", tools('KDUMP_COREDIR="/run/crash"\n'), FIRST, None),
    ("target-lost", kdump(files=(file("/etc/sysconfig/kdump", 'KDUMP_SAVEDIR="file:///usr/crash"\n'),)), FIRST, None),
    ("target-outside", conf("path /crash\n"), FIRST, None),
    ("target-directory", conf("path /var/dumps\n"), FIRST, None),
    ("target-luks", luks(), "/storage/luks/0", None),
    (
        "target-luks",
        kdump("crashkernel=512M", storage={"luks": [{"name": "root", "device": "/dev/vdb"}]}),
        "/storage/luks/0",
        None,
    ),
    ("capture-first-boot", sysconfig(f'KDUMP_COMMANDLINE_REMOVE="hugepages quiet"\n{APPEND}KEXEC_ARGS="-s"\n'), FIRST, None),
    ("capture-first-boot", sysconfig(f'{APPEND}KEXEC_ARGS="-s"\n'), FIRST, None),
    ("capture-root", sysconfig(f'{SYSCONFIG}KDUMP_COMMANDLINE="ro quiet"\n'), FIRST, None),
    ("capture-blocked", tools('KDUMP_CMDLINE="ro quiet"\n'), FIRST, None),
    ("capture-blocked", sysconfig(f"{SYSCONFIG}KDUMP_COMMANDLINE_APPEND='nr_cpus=1 rd.break'\n"), FIRST, None),
    (
        "capture-doubtful",
        sysconfig(f"{SYSCONFIG}KDUMP_COMMANDLINE_REMOVE='hugepages ignition.firstboot'\n", "swiotlb=65536"),
        FIRST,
        None,
    ),
    ("capture-cpus", sysconfig(f'{REMOVE}KDUMP_COMMANDLINE_APPEND="irqpoll"\nKEXEC_ARGS="-s"\n'), FIRST, None),
    ("capture-cpus", sysconfig(SYSCONFIG), FIRST, machine(8, "ppc64le")),
    ("capture-cpus", sysconfig(f'{REMOVE}KEXEC_ARGS="-s"\n'), FIRST, None),
    ("crashkernel-small", tools("KDUMP_COREDIR=/var/crash\n", size="128M"), ARGUMENT, None),
    ("capture-kexec", sysconfig(REMOVE + APPEND), FIRST, None),
    ("capture-unknown", sysconfig("if true; then KDUMP_IMG=x; fi\n"), FIRST, None),
    ("capture-unknown", sysconfig(f'{SYSCONFIG}KDUMP_COMMANDLINE="$(cat /proc/cmdline)"\n'), FIRST, None),
    ("file-exists", kdump(files=(file("/etc/kdump.conf", "path /var/crash\n", overwrite=False),)), FIRST, None),
    ("file-secret", ssh(file("/etc/key", KEY_TEXT, None)), "/storage/files/3", None),
    ("file-secret", ssh(file("/etc/key", KEY_TEXT, 600)), "/storage/files/3", None),
    ("file-secret", kdump(files=(file("/etc/sysconfig/kdump", 'KDUMP_SAVEDIR="ssh://core:hunter2@h/d"\n'),)), FIRST, None),
    ("file-mode", kdump(files=(file("/etc/kdump.conf", "path /var/crash\n", 644),)), FIRST, None),
    ("conf-malformed", own("size=512M\n"), FIRST, None),
    ("conf-malformed", own("strict=perhaps\n"), FIRST, None),
    ("conf-malformed", own("crashkernel=256MB\n"), FIRST, None),
    ("conf-contradicts", kdump(units=(unit(mask=True),), files=(ENABLING,)), FIRST, None),
    ("conf-contradicts", kdump(units=(unit(enabled=False),), files=(ENABLING,)), FIRST, None),
    ("conf-ignored", own("crashkernel=512M\n", path="/etc/kdump-karg.cfg"), FIRST, None),
    ("conf-ignored", own("crashkernel=512M\n", path="/etc/kdump-karg.conf.d/size"), FIRST, None),
]

# Configs with nothing to find but what is named: each beside one above.
CLEAN: list[tuple[str, Config, list[str], Assumed | None]] = [
    ("kdump and a size", kdump("crashkernel=512M"), [], None),
    ("kdump and a size, for a machine", kdump("crashkernel=512M"), [], machine(8, "x86_64", "6.12")),
    ("ranges", kdump("crashkernel=1G-64G:512M,64G-:1G"), [], None),
    ("a default", kdump("crashkernel=2G-64G:256M,64G-:512M"), ["crashkernel-start"], None),
    ("a default, for a machine", kdump("crashkernel=2G-64G:256M,64G-:512M"), [], machine(8, "x86_64")),
    ("high and low", kdump("crashkernel=300M,high", "crashkernel=72M,low"), [], None),
    ("our own size", own("crashkernel=auto\n"), [], None),
    ("our own size, for a machine", own("# a comment\ncrashkernel = 512M\nstrict=yes\n"), [], EIGHT),
    ("enable=yes in the place of a unit", kdump("crashkernel=512M", units=(), files=(ENABLING,)), [], None),
    ("the value in a drop-in", own("crashkernel=512M\n", path="/etc/kdump-karg.conf.d/10-size.conf"), [], None),
    ("no kdump at all", ignition(), [], None),
    ("no kdump, other things", ignition("3.0.0", systemd={"units": [unit("a.service", contents="[Unit]\n")]}), [], None),
    ("another argument is to go", absent("mitigations=auto,nosmt"), [], None),
    ("Debian's", tools("KDUMP_COREDIR=/var/crash\n"), [], None),
    ("Debian's own default", tools("KDUMP_COREDIR=/var/crash\n", size="512M-:192M"), [], EIGHT),
    ("Debian's by NFS", tools('NFS="server:/x"\n'), [], None),
    ("Debian's with an address", tools('NFS="server:/x"\nKDUMP_CMDLINE_APPEND="nr_cpus=1 ip=dhcp"\n'), [], None),
    ("SUSE's", kdump("crashkernel=512M", files=(file("/etc/sysconfig/kdump", SUSE),)), [], None),
    (
        "a drop-in",
        kdump("crashkernel=512M", units=(unit(dropins=[{"name": "a.conf", "contents": "[Service]\nEnvironment=debug=1\n"}]),)),
        [],
        None,
    ),
    (
        "a unit of one's own",
        kdump("crashkernel=512M", units=(unit(), unit("kdump-watch.service", contents="[Service]\nExecStart=/x\n"))),
        [],
        None,
    ),
    (
        "kdump.conf",
        conf("# comment\npath /var/crash\ncore_collector makedumpfile -l --message-level 7 -d 31\nfailure_action reboot\n"),
        [],
        None,
    ),
    (
        "kdump.conf in base64 and gzip",
        kdump("crashkernel=512M", files=(packed("/etc/kdump.conf", "path /var/crash\n"),)),
        [],
        None,
    ),
    (
        "kdump.conf appended to",
        kdump("crashkernel=512M", files=({"path": "/etc/kdump.conf", "append": [{"source": plain("pth\n")}]},)),
        [],
        None,
    ),
    ("ssh with all it needs", ssh(text="core_collector makedumpfile -F -l -d 31\n"), [], None),
    (
        "ssh with another key",
        conf(f"{SSH}sshkey /etc/key\n", file("/etc/key", KEY_TEXT, 0o400), file("/etc/ssh/ssh_known_hosts", "|1|a|b c d\n")),
        [],
        None,
    ),
    (
        "ssh, part of the config is elsewhere",
        {**conf(SSH), **merging("https://example.com/keys.ign")},
        ["source-elsewhere"],
        None,
    ),
    ("NFS with its module", nfs("extra_modules nfs nfsv4"), [], None),
    ("NFS with its module by dracut", nfs('dracut_args --force-add "nfs"'), [], None),
    (
        "a directory that is made",
        {
            **conf("path /var/dumps\n"),
            "storage": {"files": [file("/etc/kdump.conf", "path /var/dumps\n")], "directories": [{"path": "/var/dumps"}]},
        },
        [],
        None,
    ),
    (
        "a file system of its own",
        {
            **conf(""),
            "storage": {
                "files": [file("/etc/kdump.conf", "path /dumps\n")],
                "filesystems": [{"device": "/dev/vdb", "format": "xfs", "path": "/dumps"}],
            },
        },
        [],
        None,
    ),
    ("a device", conf("ext4 /dev/disk/by-label/dumps\npath /here\n"), [], None),
    (
        "a remote target beside LUKS",
        {**luks(), "storage": {**ssh()["storage"], "luks": [{"name": "root", "device": "/dev/vdb"}]}},
        [],
        None,
    ),
    ("a whole sysconfig", sysconfig(SYSCONFIG), [], machine(8, "x86_64")),
    ("maxcpus on ppc64le", sysconfig(f'{SYSCONFIG}KDUMP_COMMANDLINE_APPEND="maxcpus=1"\n'), [], machine(8, "ppc64le")),
    ("a line with its root", sysconfig(f'{SYSCONFIG}KDUMP_COMMANDLINE="root=UUID=1 ro"\n'), [], None),
    ("huge pages that are taken off", sysconfig(SYSCONFIG, "hugepages=64"), [], None),
    ("a key with mode 0600", ssh(file("/etc/key", KEY_TEXT, 384)), [], None),
    ("a MachineConfig", machineconfig(kdump(), "crashkernel=512M quiet"), [], None),
    ("a MachineConfig with arguments alone", machineconfig({}, "quiet"), [], None),
    ("replaced by a good one", replaced(source=nested(kdump("crashkernel=512M"))), [], None),
    ("a value of the child's", {**kdump("crashkernel=512M"), **merging(nested(ignition()))}, [], None),
]


@pytest.mark.parametrize(
    ("check", "config", "pointer", "where"), FOUND, ids=[f"{row[0]}-{number}" for number, row in enumerate(FOUND)]
)
def test_what_is_wrong_is_found(check: str, config: Config, pointer: str, where: Assumed | None) -> None:
    found = [each for each in findings(config, where) if each.check == check]
    assert pointer in [each.place.pointer for each in found], checks(config, where)
    for each in found:
        assert each.sentence and each.cure and "\n" not in each.sentence + each.cure


def test_every_check_is_tried() -> None:
    assert {row[0] for row in FOUND} == set(table.CHECKS)
    assert len(table.CHECKS) >= 20


@pytest.mark.parametrize(("config", "expected", "where"), [row[1:] for row in CLEAN], ids=[row[0] for row in CLEAN])
def test_what_is_right_is_left_alone(config: Config, expected: list[str], where: Assumed | None) -> None:
    assert checks(config, where) == expected, findings(config, where)


@pytest.mark.parametrize("config", [row[1] for row in FOUND], ids=[f"{row[0]}-{number}" for number, row in enumerate(FOUND)])
def test_no_secret_is_shown(config: Config) -> None:
    shown = repr(findings(config))
    assert not [secret for secret in SECRETS if secret in shown]


def test_a_misspelt_option_hides_nothing() -> None:
    assert checks(conf(f"collector x\n{SSH}")) == ["kdump-conf-option", "target-host-key", "target-ssh-key"]


def test_the_memory_decides() -> None:
    """One config, three machines."""
    config = kdump("crashkernel=2G-4G:384M,4G-:512M")
    assert checks(config, machine(1)) == ["crashkernel-nothing"]
    assert checks(config, machine(8, "x86_64")) == []
    assert checks(config, machine(16, "ppc64le")) == ["crashkernel-small"]


def test_the_kernel_decides() -> None:
    """6.1 on aarch64 looked below 4 GiB only, where there is no room for so much."""
    config = kdump("crashkernel=3584M")
    assert "crashkernel-nothing" in checks(config, machine(64, "aarch64", "6.1"))
    assert "crashkernel-nothing" not in checks(config, machine(64, "aarch64", "6.12"))


def test_what_a_config_asks_of_another_is_not_asked_twice() -> None:
    assert [each.check for each in findings(json.loads(json.dumps(kdump("crashkernel=0512M"))))] == ["crashkernel-octal"]
