# SPDX-License-Identifier: Apache-2.0
"""Texts of a parser's own words, and noise."""

from __future__ import annotations

from random import Random

from orchestrator.facts import record
from orchestrator.facts.record import Record
from orchestrator.render.words import WORDS as WORDS_OF_RENDER

LONGEST = 24  # pieces of a text

NOISE = (
    *" \t\n\v\f\r\0\"'\\$#=,:;@-+*?[]!{}/._0123456789KMGTPExX", "\x1b", "\x7f", "é", "²", "٣", "\u2028", "\udcff", "\ud800", "\U0001f600",
)  # fmt: skip
NUMBERS = (
    "0",
    "1M",
    "256M",
    "0x10000000",
    "08M",
    "010M",
    "2G",
    "64G",
    "1E",
    "9" * 30,
    "18446744073709551616",
    "0x",
    "1_0",
    "-1",
)
WHOLE = record.encode(Record("d", "e", "1M", "quiet", "quiet crashkernel=1M"))
PASTED = "c2VjcmV0c2VjcmV0"  # part of a private key
WORDS = {
    "line": ("crashkernel=", "nocrashkernel=", "ostree=/ostree/boot.1/x/y/0", "quiet", "--", "=", '"', " ", "  ", "\t", ",high", ",low",
             ",cma", "root=UUID=1", "ignition.firstboot", "$ignition_firstboot", "$kdump_karg_first_boot_ended", "rd.luks.options=",
             "tpm2-pcrs=7+8", *NUMBERS),
    "entry": ("options ", "options\t", "options", "\n", "\noptions ", "\n\n", "\r\n", "title x\n", "# c\n", "linux /x\n", "initrd /y\n",
              "crashkernel=1M", " crashkernel=", "$ignition_firstboot", " $ignition_firstboot ", "$kdump_karg_first_boot_ended", " ", "\n"),
    "conf": ("crashkernel", "strict", "=", "yes", "no", "auto", "\n", "#", " ", "256M", "2G-:256M", "a", "\r"),
    "record": (record.HEAD, "\n", "=", "deployment=", "entry=", "crashkernel=", "before=", "after=", "time=", "end ", "91", "d", WHOLE),
    "value": ("crashkernel=", "-", ":", ",", "@", ",high", ",low", ",cma", "2G-64G:256M", "64G-:512M", *NUMBERS),
    "json": ('{"', '"', '":', "{", "}", "[", "]", ",", '"systemd"', '"units"', '"name"', '"enabled"', "true", "null", "1e999", "9" * 5000,
             '"kdump.service"', '"kernelArguments"', '"shouldExist"', '"crashkernel=1M"', "\\ud800", "NaN",
             '{"systemd":{"units":[{"name":"kdump.service","enabled":true}]}}', '{"kernelArguments":{"shouldExist":["crashkernel=1M"]}}'),
    "preset": ("enable ", "disable ", "ignore ", "kdump.service", "kdump*", "*", "[a-z]", "[!k]dump*", "[", "]", "?", "\n", "#", "[z-a]"),
    "unit": ("ExecStart", "ExecStart=", "ExecStart =", "[Service]", "/usr/bin/kdumpctl", " start", "\n", "\\\n", "@-", "!!", "#", "%n", "\""),
    "config": ("CONFIG_", "CONFIG_KEXEC", "CONFIG_KEXEC_FILE", "CONFIG_CRASH_DUMP", "CONFIG_PROC_VMCORE", "=y", "=m", "# ", " is not set",
               "\n", "=y\n", "ID=", "ID_LIKE=", "fedora", " "),
    "iomem": ("00000000-ffffffff", "00001000-0009fbff", " : ", "System RAM", "Kernel code", "\n", "  ", "-", ":", "1_0-2_0", "zz", "+1"),
    "crypttab": ("root", " ", "UUID=1", "none", "tpm2-pcrs=", "7+8", "7:sha256=ab", ",", "\n", "#", "+", "luks"),
    "luks": ('{"tokens":', '{"0":', "{", "}", '"type":"systemd-tpm2"', '"type":"clevis"', '"tpm2-pcrs":[7,8]', '"jwe":{"protected":"',
             '"}', "eyJjbGV2aXMiOnsicGluIjoidHBtMiIsInRwbTIiOnsicGNyX2lkcyI6IjgifX19", ",", '"keyslots":', '"kdf":{"memory":1}', "["),
    "target": ("ssh ", "nfs ", "ext4 ", "path ", "core_collector ", "makedumpfile", " -d", "31", "11,31", "-lFd", "dracut_args ", "--mount ",
               '"/dev/vdb /mnt xfs rw"', "a@b", "h:/p", "LABEL=x", "#", '"', "\n", " ", "KDUMP_SAVEDIR=", "SSH=", "KDUMP_COREDIR=", "://", "/",
               "file", "ssh://u:p@h/d", "KDUMP_DUMPLEVEL=", "9" * 5000, "KDUMP_SSH_IDENTITY="),
    "hosts": ("server", ",", " ", "|1|a|b", "*", "@revoked", "@cert-authority", "ssh-rsa", "AAAA", "\n", "#", "Host ", "Match ", "HostName ",
              "=", "StrictHostKeyChecking no", "?"),
    "meminfo": ("MemFree", ":", " ", "kB", "12", "9" * 5000, "\n", "-"),
    "archive": ("070701", "0" * 47, "TRAILER!!!", "\x1f", "\udc8b", "\udcfd7zXZ\0", "(\udcb5/\udcfd", "\x02!L\x18", "\0\0\0\0", "YZ", "\udcff"),
    "dump": ("KDUMP   ", "makedumpfile\0", "\x7fELF\x02\x01", "\0" * 16, "\0" * 4060, "\udcff" * 16, "\0\0\0\0\0\0\x10\0", "\x04\0", "x" * 412,
             "OSRELEASE=", "\n"),
    "url": ("data:", ",", ";base64", "text/plain", "%41", "%", "YQ==", "Y", "=", "\x1f\udc8b\x08\0\0\0\0\0\0\udc8b", "\x03\0" + "\0" * 8, "\r\n"),
    "lint": ('{"ignition":{"version":"3.4.0"', "}", "{", "[", "]", ",", ":", '"storage":{"files":[', '{"path":"/etc/kdump.conf","contents":{"source":"data:,a"}}',
             '"systemd":{"units":[', '{"name":"kdump.service","enabled":true}', '"kernelArguments":{"shouldExist":["crashkernel=1M"]}', "1", "null",
             '"kind":"MachineConfig"', '"spec":{', '"config":{"merge":[{"source":"data:,{}"}]}', '{"ignition":{"version":"2"},"systemd":{"units":[7]}}', '"a"', "\n"),
    "manifest": ("crashkernel=", "256M", "0512M", "2G-:1G", ",high", ",low", "ssh ", "core@host", "path ", "/tmp", "/var/x", "core_collector makedumpfile -l",
                 "dracut_args --omit network", "sshkey /k", "nfs h:/x", "KDUMP_COMMANDLINE_REMOVE=", "KDUMP_COMMANDLINE='ro'", "KDUMP_COMMANDLINE_APPEND=nr_cpus=1",
                 "SSH=a@b", "KDUMP_SAVEDIR=ssh://u:p@h/d", "\n", " ", "=", '"', "failure_action shell", "$(x)", "/dev/null", "/etc/kdump-karg", "{}", "data:,{}",
                 "-----BEGIN RSA PRIVATE KEY-----", "rpm-ostree kargs", "systemctl reboot", "\x1f\udc8b", *NUMBERS),
    "note": ('{"id":"a",', '"time":1,', '"machine":"", "boot":"",', '"by":"kdumpctl",', '"known":[],', '"known":["1 /x"]', '"subject":{', "}",
             '"release":"","kernel":"","initramfs":"","line":"","reserved":0,"crashkernel":"","directory":""', '"why":"",', '"dump":"",',
             '"proven":true,', "success ", "kdump_test_id=", "1-2", "kdump-karg: test a: this panic is on purpose", "Kernel panic - not syncing: ",
             "--initrd=/x", '"', " /y", "9" * 400, "1e400"),
    "request": (*(f"{word} = " for word in WORDS_OF_RENDER), "\n", "\n", "\n", " = ", "1G", "auto", "/var/a", "/dev/b", "a@b", "server:/x", "debian", "suse",
                "butane", "machineconfig", "makedumpfile -F -d 31", "makedumpfile -l", "halt", "shell", "dump_to_rootfs", "worker", "#", PASTED, "path = /var/a\n",
                "crashkernel = 1G\n", "distribution = debian\n", "nfs = server:/x\n", "format = machineconfig\n", "raw = /dev/b\n"),
    "key": ("-----BEGIN ", "OPENSSH PRIVATE KEY", "PRIVATE KEY", "-----", "-----\n", "-----END ", "\n", PASTED, "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUA",
            "Proc-Type: 4,ENCRYPTED", "ENCRYPTED ", "server", " ssh-rsa AAAA\n", "|1|a|b", "@revoked ", ",", "server ssh-rsa AAAA\n",
            f"-----BEGIN PRIVATE KEY-----\n{PASTED}\n-----END PRIVATE KEY-----\n"),
}  # fmt: skip


def text(random: Random, kind: str) -> str:
    """A text of the kind's words, with some noise in it."""
    pieces = [random.choice(NOISE if random.random() < 0.15 else WORDS[kind]) for _ in range(random.randrange(LONGEST))]
    return "".join(pieces)


def encoded(found: str) -> bytes:
    """The bytes of a text as the program decoded them; half a character of JSON has none."""
    return found.encode("utf-8", "surrogatepass" if "\ud800" in found else "surrogateescape")
