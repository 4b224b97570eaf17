# SPDX-License-Identifier: Apache-2.0
"""Requests that mean nothing get one sentence that names the word and the fix, and no message holds a secret."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator import cli
from orchestrator.render.words import LONGEST
from tests.invocation import Output, one_line
from tests.render import keys
from tests.render.keys import HOST, SECRET, hosts_file, key_file, ssh_options
from tests.render.table import rendered

DEBIAN, SUSE = ["--distribution", "debian"], ["--distribution", "suse"]
MACHINECONFIG = ["--format", "machineconfig", "--crashkernel", "1G"]
USAGE, REFUSED = 2, 3
BAD: list[tuple[list[str], int, list[str]]] = [
    (["--size", "1G"], USAGE, ["'--size'", "--help"]),
    (["--crashkernel"], USAGE, ["--crashkernel SIZE"]),
    (["--crashkernel", "--path"], USAGE, ["--crashkernel SIZE"]),
    (["--crashkernel="], USAGE, ["--crashkernel SIZE"]),
    (["--crashkernel", "1G", "--crashkernel", "1G"], USAGE, ["--crashkernel once"]),
    (["nonsense"], USAGE, ["'nonsense'"]),
    (["--crashkernel", "256MB"], REFUSED, ["--crashkernel", "write 256M"]),
    (["--crashkernel", "010M"], REFUSED, ["octal", "write 10M"]),
    (["--crashkernel", "1G quiet"], REFUSED, ["--crashkernel", "' '"]),
    (["--crashkernel", "1G\ninit=/bin/sh"], REFUSED, ["--crashkernel", "line break"]),
    (["--crashkernel", "1G\r"], REFUSED, ["--crashkernel", "line break"]),
    (["--path", "/var/caf\u00e9"], REFUSED, ["--path", "ASCII"]),
    (["--path", "/var/" + "a" * LONGEST], REFUSED, ["--path", "1024"]),
    (["--path", "/var/a", "--raw", "/dev/vdb1"], USAGE, ["path and raw", "one of"]),
    (["--nfs", "h:/x", "--ssh", "a@b"], USAGE, ["ssh and nfs"]),
    (["--path", "var/crash"], REFUSED, ["--path", "/DIR/DIR"]),
    (["--path", "/var//crash"], REFUSED, ["--path", "/DIR/DIR"]),
    (["--path", "/var/crash/"], REFUSED, ["--path", "/DIR/DIR"]),
    (["--path", "/var/../etc"], REFUSED, ["--path", "/DIR/DIR"]),
    (["--path", "/usr/crash"], REFUSED, ["--path", "below /var"]),
    (["--path", "/var"], REFUSED, ["--path", "below /var"]),
    (["--path", "/var/run/crash"], REFUSED, ["--path", "below /var"]),
    (["--path", "/var/tmp"], REFUSED, ["--path", "below /var"]),
    (["--path", "/var/a b"], REFUSED, ["--path", "' '"]),
    (["--path", "/var/$(reboot)"], REFUSED, ["--path", "'$'"]),
    (["--path", '/var/"'], REFUSED, ["--path", "'\"'"]),
    (["--path", "/var/%h"], REFUSED, ["--path", "'%'"]),
    (["--raw", "UUID=1"], REFUSED, ["--raw", "'='"]),
    (["--raw", "/vdb"], REFUSED, ["--raw", "/dev/disk"]),
    (["--raw", "/dev/vdb1", *DEBIAN], REFUSED, ["kdump-tools", "path, ssh or nfs"]),
    (["--raw", "/dev/vdb1", *SUSE], REFUSED, ["SUSE", "path, ssh or nfs"]),
    (["--nfs", "server"], REFUSED, ["--nfs", "HOST:/EXPORT"]),
    (["--nfs", "-o:/x"], REFUSED, ["--nfs", "HOST:/EXPORT"]),
    (["--nfs", "server:x"], REFUSED, ["--nfs", "/DIR/DIR"]),
    (["--nfs", "[::1]:/x"], REFUSED, ["--nfs", "IPv4"]),
    (["--ssh", "server"], REFUSED, ["--ssh", "USER@HOST"]),
    (["--ssh", "-oProxyCommand=x@server"], REFUSED, ["--ssh", "USER@HOST"]),
    (["--ssh", "a@-b"], REFUSED, ["--ssh", "USER@HOST"]),
    (["--ssh", "a@b:dumps"], REFUSED, ["--ssh", "/DIR/DIR"]),
    (["--ssh", f"a@{HOST}"], USAGE, ["--key", "private key"]),
    (["--key", "k"], USAGE, ["key", "--ssh"]),
    (["--nfs", "h:/x", "--known-hosts", "k"], USAGE, ["known-hosts", "--ssh"]),
    (["--core-collector", "makedumpfile $(x)"], REFUSED, ["--core-collector", "'$'"]),
    (["--core-collector", "   "], REFUSED, ["--core-collector", "no command"]),
    (["--core-collector", "dd if=x"], REFUSED, ["core-collector", "makedumpfile"]),
    (["--core-collector", "scp", "--nfs", "h:/x"], REFUSED, ["scp", "makedumpfile"]),
    (["--core-collector", "cp", "--raw", "/dev/vdb1"], REFUSED, ["cp", "makedumpfile"]),
    (["--core-collector", "makedumpfile -l -d 31", "--raw", "/dev/vdb1"], REFUSED, ["add -F"]),
    (["--core-collector", "cp", *DEBIAN], REFUSED, ["kdump-tools", "makedumpfile"]),
    (["--core-collector", "makedumpfile", *DEBIAN], REFUSED, ["kdump-tools", "makedumpfile -c"]),
    (["--core-collector", "cp", *SUSE], REFUSED, ["SUSE", "makedumpfile"]),
    (["--core-collector", "makedumpfile -l -c", *SUSE], REFUSED, ["twice"]),
    (["--core-collector", "makedumpfile -d 32", *SUSE], REFUSED, ["SUSE", "-d LEVEL"]),
    (["--core-collector", "makedumpfile -d 1,31", *SUSE], REFUSED, ["SUSE", "-d LEVEL"]),
    (["--failure-action", "panic"], REFUSED, ["--failure-action", "poweroff"]),
    (["--failure-action", "dump_to_rootfs"], REFUSED, ["ssh, nfs or raw"]),
    (["--failure-action", "shell", *DEBIAN], REFUSED, ["kdump-tools", "poweroff"]),
    (["--failure-action", "halt", *SUSE], REFUSED, ["SUSE", "reboot, shell"]),
    (["--distribution", "arch"], REFUSED, ["--distribution", "fedora, debian, suse"]),
    (["--format", "yaml"], REFUSED, ["--format", "ignition, butane, machineconfig"]),
    (["--role", "worker"], USAGE, ["--format machineconfig"]),
    (["--name", "a"], USAGE, ["--format machineconfig"]),
    ([*MACHINECONFIG, "--role", "Worker"], REFUSED, ["--role", "small letters"]),
    ([*MACHINECONFIG, "--name", "-a"], REFUSED, ["--name", "small letters"]),
    ([*MACHINECONFIG, "--name", "a" * 254], REFUSED, ["--name", "253"]),
    ([*MACHINECONFIG, *DEBIAN], USAGE, ["OpenShift", "fedora"]),
    (["--format", "machineconfig"], USAGE, ["--crashkernel", "Machine Config Operator"]),
    (["--format", "machineconfig", "--crashkernel", "auto"], USAGE, ["--crashkernel", "Machine Config Operator"]),
    (["--from", "/nonexistent"], REFUSED, ["--from", "No such file"]),
    (["--from", "/"], REFUSED, ["--from", "no regular file"]),
    (["--from", "/dev/zero"], REFUSED, ["--from", "no regular file"]),
]


def refused(capsys: Output, argv: list[str], status: int) -> str:
    """The one sentence that a request gets."""
    assert cli.main(["render", *argv]) == status
    said = capsys.readouterr()
    assert said.out == ""
    return one_line(said.err)


@pytest.mark.parametrize(("argv", "status", "parts"), BAD, ids=[f"{number}-{row[0][0]}" for number, row in enumerate(BAD)])
def test_a_request_that_means_nothing(capsys: Output, argv: list[str], status: int, parts: list[str]) -> None:
    said = refused(capsys, argv, status)
    assert not [part for part in parts if part not in said], said


def test_a_directory_that_kdump_tools_cannot_make(capsys: Output, tmp_path: Path) -> None:
    said = refused(capsys, [*DEBIAN, *ssh_options(tmp_path, ":/data/crash")], REFUSED)
    assert "/var/" in said and "/home/" in said


FROM = [
    ("crashkernel = 1G\npath = /var/a\nraw = /dev/vdb1\n", USAGE, "path and raw"),
    ("crashkernel 1G\n", REFUSED, ":1 is not a line of key = value"),
    ("# a comment\n\nsize = 1G\n", REFUSED, ":3: unknown key 'size'"),
    ("from = x\n", REFUSED, ":1: unknown key 'from'"),
    ("crashkernel = 1G\ncrashkernel = 2G\n", REFUSED, ":2: crashkernel is given for the second time"),
    ("crashkernel =\n", REFUSED, ":1: crashkernel has no value"),
    ("crashkernel = 1MB\n", REFUSED, "write 1M"),
    ("crashkernel = 1M\r\n", REFUSED, ":1: crashkernel holds a line break"),
    ("path = /var/\0\n", REFUSED, ":1: path holds a character that is no printable ASCII"),
]


@pytest.mark.parametrize(("text", "status", "part"), FROM, ids=[row[2] for row in FROM])
def test_a_file_of_words_that_means_nothing(capsys: Output, tmp_path: Path, text: str, status: int, part: str) -> None:
    file = tmp_path / "request"
    file.write_bytes(text.encode())
    assert part in refused(capsys, ["--from", str(file)], status)


def test_a_file_of_words_is_text(capsys: Output, tmp_path: Path) -> None:
    file = tmp_path / "request"
    file.write_bytes(b"path = /var/\xff\n")
    assert "is not UTF-8" in refused(capsys, ["--from", str(file)], REFUSED)
    file.write_bytes(b"#" * (65 << 10))
    assert "64 KiB" in refused(capsys, ["--from", str(file)], REFUSED)


def test_a_word_that_is_given_twice(capsys: Output, tmp_path: Path) -> None:
    file = tmp_path / "request"
    file.write_text("crashkernel = 1G\n")
    said = refused(capsys, ["--from", str(file), "--crashkernel", "1G"], REFUSED)
    assert said == f"--crashkernel is given by {file}:1 as well; take one of the two out"


def test_the_same_words_as_a_file_and_as_options(tmp_path: Path) -> None:
    """Files are looked for beside the file that names them."""
    options = [*ssh_options(tmp_path, ":/srv/crash"), "--crashkernel", "512M", "--failure-action", "halt"]
    words = {option.removeprefix("--"): value for option, value in zip(options[::2], options[1::2], strict=True)}
    file = tmp_path / "request"
    lines = [f"{word} = {Path(value).name if word in ('key', 'known-hosts') else value}\n" for word, value in words.items()]
    file.write_text("# a request\n\n" + "".join(lines))
    for more in ([], ["--format", "butane"]):
        assert rendered("--from", str(file), *more) == rendered(*options, *more)
        assert rendered(f"--from={file}", *more) == rendered(*options, *more)


LOCKED = [
    keys.openssh(b"aes256-ctr"),
    keys.armoured("RSA PRIVATE KEY", SECRET, "Proc-Type: 4,ENCRYPTED", "DEK-Info: AES-128-CBC,00", ""),
    keys.armoured("ENCRYPTED PRIVATE KEY", SECRET),
]


@pytest.mark.parametrize("text", LOCKED, ids=["openssh", "pem", "pkcs 8"])
def test_a_key_with_a_passphrase(capsys: Output, tmp_path: Path, text: str) -> None:
    options = ssh_options(tmp_path)
    key_file(tmp_path, text)
    said = refused(capsys, options, REFUSED)
    assert "passphrase" in said and SECRET not in said


@pytest.mark.parametrize("kind", ["RSA PRIVATE KEY", "PRIVATE KEY", "EC PRIVATE KEY"])
def test_keys_of_other_kinds_are_taken(tmp_path: Path, kind: str) -> None:
    options = ssh_options(tmp_path)
    key_file(tmp_path, keys.armoured(kind, SECRET))
    assert SECRET in rendered(*options)


NO_KEYS = [
    "",
    "ssh-ed25519 AAAA c2VjcmV0c2VjcmV0\n",
    keys.armoured("PUBLIC KEY", SECRET),
    keys.armoured("OPENSSH PRIVATE KEY", f"*{SECRET}"),
    keys.openssh().replace("-----END", "-----"),
    keys.openssh().replace("\n", "\r\n"),
    keys.openssh() + "\0",
    keys.openssh() + "\u00e9",
    keys.openssh() + "x" * (64 << 10),
]


@pytest.mark.parametrize(
    "text", NO_KEYS, ids=["empty", "public", "public pem", "damaged", "cut", "CR LF", "NUL", "no ASCII", "large"]
)
def test_what_is_no_key(capsys: Output, tmp_path: Path, text: str) -> None:
    options = ssh_options(tmp_path)
    key_file(tmp_path, keys.openssh()).write_bytes(text.encode())
    said = refused(capsys, options, REFUSED)
    assert "--key" in said and SECRET not in said


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666, 0o610])
def test_a_key_that_others_may_use(capsys: Output, tmp_path: Path, mode: int) -> None:
    options = ssh_options(tmp_path)
    key_file(tmp_path, mode=mode)
    said = refused(capsys, options, REFUSED)
    assert f"mode {mode:04o}" in said and "chmod 600" in said and SECRET not in said


def test_a_key_on_the_command_line_is_refused_and_not_repeated(capsys: Output, tmp_path: Path) -> None:
    options = ssh_options(tmp_path)
    at = options.index("--key")
    for key in (keys.openssh(), keys.openssh().splitlines()[0], SECRET, f"/x/{SECRET}"):
        for given in (["--key", key], [f"--key={key}"]):
            assert SECRET not in refused(capsys, [*options[:at], *given, *options[at + 2 :]], REFUSED)
    for argv in ([keys.openssh()], ["--key", "x", SECRET], [f"--{SECRET}", "x"]):
        assert SECRET not in refused(capsys, argv, USAGE)
    assert SECRET not in refused(capsys, ["--ssh", f"user:{SECRET}@{HOST}"], REFUSED)


def test_a_key_in_the_file_of_words_is_not_repeated(capsys: Output, tmp_path: Path) -> None:
    file = tmp_path / "request"
    texts = (keys.openssh(), f"{SECRET} = 1\n", f"key = {SECRET}\n", f"ssh = a:{SECRET}@b\n", f"password = {SECRET}\n")
    for text in texts:
        file.write_text(text)
        status = USAGE if text.startswith("key") else REFUSED
        assert SECRET not in refused(capsys, ["--from", str(file)], status)


@pytest.mark.skipif(os.geteuid() != 0, reason="makes a device")
def test_a_key_that_is_no_file(capsys: Output, tmp_path: Path) -> None:
    """A FIFO is not waited for."""
    options = ssh_options(tmp_path)
    (tmp_path / "key").unlink()
    os.mkfifo(tmp_path / "key", 0o600)
    assert "no regular file" in refused(capsys, options, REFUSED)


UNKNOWN_HOSTS = [
    ("", "no key of"),
    (f"{HOST}.other ssh-rsa AAAA\n", "no key of"),
    (f"@revoked {keys.HOST_KEY}\n", "no key of"),
    ("|1|abc|def ssh-rsa AAAA\n", "hashed names"),
    ("*.example.com ssh-rsa AAAA\n", "hashed names or patterns"),
]


@pytest.mark.parametrize(("text", "part"), UNKNOWN_HOSTS, ids=["empty", "another", "revoked", "hashed", "pattern"])
def test_a_host_that_is_not_known(capsys: Output, tmp_path: Path, text: str, part: str) -> None:
    options = ssh_options(tmp_path)
    hosts_file(tmp_path, text)
    said = refused(capsys, options, REFUSED)
    assert part in said and f"ssh-keyscan {HOST}" in said


def test_a_host_is_known_in_any_letters(tmp_path: Path) -> None:
    options = ssh_options(tmp_path)
    options[1] = options[1].replace("dumps", "Dumps")
    assert "AAAAC3NzaC1lZDI1NTE5" in rendered(*options)
