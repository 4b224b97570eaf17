# SPDX-License-Identifier: Apache-2.0
"""Every check, with the kind of its texts and the hostile ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.facts import record
from tests.fuzz.checks import (
    check_archive,
    check_conf,
    check_config,
    check_crypttab,
    check_default,
    check_dump,
    check_entry,
    check_hosts,
    check_iomem,
    check_json,
    check_kargs,
    check_key,
    check_line,
    check_lint,
    check_luks,
    check_manifest,
    check_meminfo,
    check_note,
    check_preset,
    check_record,
    check_request,
    check_reservation,
    check_target,
    check_undo,
    check_unit,
    check_url,
    check_value,
)


@dataclass(frozen=True)
class Target:
    """A check, the kind of its texts, and hostile pieces: repeated, and between a start and an end that a parser expects."""

    check: Callable[[str], None]
    kind: str
    pumps: tuple[str, ...]
    frame: tuple[str, str] = ("", "")


LINE_PUMPS = (
    "crashkernel=",
    "crashkernel=1M ",
    '"',
    " ",
    "a",
    "ostree=",
    "$ignition_firstboot ",
    "crashkernel=1M,high ",
    "x=\t",
)
VALUE_PUMPS = ("1", "0", "1M,", "1M-2M:1M,", "-", "@", ",high", "crashkernel=1M-", "0x", "a", "f")
TARGETS = (
    Target(check_line, "line", LINE_PUMPS),
    Target(check_kargs, "line", LINE_PUMPS),
    Target(check_reservation, "line", (*LINE_PUMPS, *VALUE_PUMPS), ("crashkernel=", "")),
    Target(check_reservation, "value", VALUE_PUMPS, ("crashkernel=1M-2M:1M,", "")),
    Target(check_value, "value", VALUE_PUMPS),
    Target(check_default, "line", (*LINE_PUMPS, *VALUE_PUMPS)),
    Target(check_entry, "entry", (*LINE_PUMPS, "options ", "\n", "\noptions"), ("options ", "\n")),
    Target(check_record, "record", ("\n", "a=\n", record.HEAD + "\n", "end 1\n"), (record.HEAD + "\n", "\n")),
    Target(check_undo, "line", LINE_PUMPS),
    Target(check_conf, "conf", ("\n", " ", "strict=yes\n", "crashkernel=1M\n", "#\n", "=")),
    Target(check_json, "json", ("[", "{", '"', "1", "[],", " ", '{"a":', "\\u0041"), ('{"systemd":', "}")),
    Target(check_preset, "preset", ("*", "enable a\n", "*a", "[", "[a", "?", " "), ("enable ", "\n")),
    Target(
        check_unit,
        "unit",
        ("ExecStart=/x\n", "ExecStart=-/x\n", "ExecStart=\n", "\\\n", "-", " ", "=", "\n"),
        ("ExecStart=", "\n"),
    ),
    Target(check_config, "config", ("CONFIG_KEXEC=y\n", "CONFIG_KEXEC", "\n", "ID=a\n", "a ", "'"), ("ID=", "\n")),
    Target(check_iomem, "iomem", ("0", "1-2 : System RAM\n", " ", "-", "\n", " : ")),
    Target(
        check_crypttab, "crypttab", ("a ", "+", ",", "tpm2-pcrs=", "7+", "\n", "a b c tpm2-pcrs=8\n"), ("a b c tpm2-pcrs=", "")
    ),
    Target(check_luks, "luks", ("[", "{", "=", "a", '{"tokens":{"0":'), ('{"tokens":', "}")),
    Target(
        check_target,
        "target",
        ("ssh a@b\n", "-d 1 ", '"', " ", "#", "--mount ", "/", "path /x\n", "-", "d"),
        ("core_collector makedumpfile ", "\n"),
    ),
    Target(check_target, "target", ("/", "a ", "$", "'", "\n"), ("KDUMP_SAVEDIR=", "\n")),
    Target(check_hosts, "hosts", ("server,", "a b c\n", "|", "Host ", "=", " ", "\n", "*"), ("Host ", "\n")),
    Target(check_meminfo, "meminfo", ("1", " ", "a: 1 kB\n", ":")),
    Target(check_archive, "archive", ("\0", "070701", "0" * 110, "\x1f", "\x02!L\x18")),
    Target(check_dump, "dump", ("\0", "\udcff", "OSRELEASE=", "\x7fELF"), ("makedumpfile\0", "")),
    Target(check_note, "note", ("[", "{", '"', "1", " ", '"known":', "--initrd=", "Kernel panic - not syncing: "), ('{"subject":', "}")),
    Target(check_url, "url", ("%41", "%", "a", "YQ==", "\x1f\udc8b", ",", ";", '"', "="), ("data:;base64,", "")),
    Target(check_lint, "lint", ("[", '{"a":', "1,", " ", "\n", '{"path":"/a"},', '{"name":"kdump"},'), ('{"storage":{"files":[', "0]}}")),
    Target(
        check_manifest,
        "manifest",
        ("a", " ", "\n", "crashkernel=", "1G-2G:512M,", "ssh a@b\n", "path /x\n", "A=$A\n", "--omit ", '"', "/", "%", "ssh://u:p@h "),
    ),
    Target(check_request, "request", ("\n", "path = /var/a\n", "#", "=", " ", "/", "a", "crashkernel = 1M\n"), ("core-collector = ", "\n")),
    Target(check_request, "request", ("a", "/", "a/", "-d 1 ", ".", "1M-2M:1M,"), ("path = /var/", "\ncrashkernel = 1M\n")),
    Target(
        check_key,
        "key",
        ("A", "\n", "server,", "-", "a: b\n", "=", " ", "server ssh-rsa A\n"),
        ("-----BEGIN PRIVATE KEY-----\n", "\n-----END PRIVATE KEY-----\n"),
    ),
)
