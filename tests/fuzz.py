# SPDX-License-Identifier: Apache-2.0
"""Fuzzing with the standard library: `python3 -m tests.fuzz [COUNT [SEED]]`, `make fuzz` for a million inputs.

Every parser gets text made of its own words and of noise. It may raise its own error and no other, what it returns must be
true of the text, and an edit with its undo must give back the same bytes. Then every parser is timed on hostile texts of one
size and of twice that size: linear time doubles.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from orchestrator.decide import impact, undo
from orchestrator.errors import Refusal
from orchestrator.facts import capture_kernel, conf, ignition_config, initrd, loader, luks, proof_record, record, sealing, service, unit
from orchestrator.facts.record import Record
from orchestrator.rules import arch, bls, capture_cmdline, cmdline, crash_log, crashkernel, crashkernel_value, defaults, dump_target, grub, kdumpctl_record
from orchestrator.rules import known_hosts, makedumpfile, meminfo, memory, shell_assignments, vmcore
from orchestrator.rules.memory import Memory

MILLION = 1_000_000
SEED = 20261124
LONGEST = 24  # pieces of a text
MEMORY = Memory(((0, 3 << 30), (4 << 30, 9 << 30)))
ARCHES = tuple(arch.named(name, release) for name in arch.NAMES for release in ("6.1", "6.12", "7.2"))

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
    "note": ('{"id":"a",', '"time":1,', '"machine":"", "boot":"",', '"by":"kdumpctl",', '"known":[],', '"known":["1 /x"]', '"subject":{', "}",
             '"release":"","kernel":"","initramfs":"","line":"","reserved":0,"crashkernel":"","directory":""', '"why":"",', '"dump":"",',
             '"proven":true,', "success ", "kdump_test_id=", "1-2", "kdump-karg: test a: this panic is on purpose", "Kernel panic - not syncing: ",
             "--initrd=/x", '"', " /y", "9" * 400, "1e400"),
}  # fmt: skip


def text(random: Random, kind: str) -> str:
    """A text of the kind's words, with some noise in it."""
    pieces = [random.choice(NOISE if random.random() < 0.15 else WORDS[kind]) for _ in range(random.randrange(LONGEST))]
    return "".join(pieces)


def encoded(found: str) -> bytes:
    """The bytes of a text as the program decoded them; half a character of JSON has none."""
    return found.encode("utf-8", "surrogatepass" if "\ud800" in found else "surrogateescape")


def check_line(line: str) -> None:
    """cmdline.py: words are where they say, only blanks lie between them, every value found is there."""
    at = 0
    for word in cmdline.words(line):
        assert word.start >= at and not line[at : word.start].strip(" \t")
        assert word.text == line[word.start : word.end] and word.text
        at = word.end
    assert not line[at:].strip(" \t")
    values = cmdline.crashkernel_values(line)
    assert all(cmdline.KEY + found in line and " " not in found for found in values)
    assert bool(values) == (cmdline.KEY in line)
    assert cmdline.in_force(values) in (None, *values)
    cmdline.value(line, "ignition.firstboot")
    target = cmdline.ostree_target(line)
    assert target is None or f"ostree={target}" in line


def check_reservation(line: str) -> None:
    """crashkernel.py: any line has a prediction, on any architecture."""
    for each in ARCHES:
        found = crashkernel.evaluate(line, MEMORY, each)
        assert found.total >= 0 and bool(found.total) != bool(found.problem)


def check_value(found: str) -> None:
    """crashkernel_value.py, defaults.py: what may be written is one word that is in force; what is raised may be written as well."""
    try:
        crashkernel_value.check(found, "here")
    except Refusal as refusal:
        assert "\n" not in str(refusal)
        return
    options = bls.set_crashkernel("quiet", found)
    assert cmdline.in_force(cmdline.crashkernel_values(options)) == found
    larger = defaults.raised(found, 300 << 20)
    crashkernel_value.check(larger, "here")
    assert defaults.is_raised(larger, found)


def check_default(found: str) -> None:
    """defaults.py: any text of Debian's file, any two values."""
    default = defaults.debian(found)
    assert default is None or default.value in found
    defaults.is_raised(found, "512M-:192M")
    defaults.is_raised("512M-:192M", found)


def check_entry(entry: str) -> None:
    """bls.py: an edit with its undo gives back the same bytes, and a second edit changes nothing."""
    try:
        where = bls.options(entry, "x")
    except Refusal:
        return
    assert bls.with_options(entry, where, where.text) == entry
    edited = bls.set_crashkernel(where.text, "1G")
    # A quote that is not closed takes what is added into itself: decision.py refuses such an entry.
    assert where.text.count('"') % 2 or bls.set_crashkernel(edited, "1G") == edited
    ended = bls.end_first_boot(edited)
    if not bls.carries(where.text, bls.FIRST_BOOT_ENDED):
        assert bls.restore_first_boot(ended) == edited
    after = bls.with_options(entry, where, ended)
    again = bls.options(after, "x")
    assert again.text == ended
    assert encoded(bls.with_options(after, again, where.text)) == encoded(entry)
    if cmdline.KEY not in where.text:
        body = where.text.rstrip(" \t")
        added = (" " if body else "") + cmdline.KEY + "1G"
        assert edited[: len(body)] + edited[len(body) + len(added) :] == where.text


def check_record(found: str) -> None:
    """record.py: a text is one that `encode` made, or refused."""
    if "\ud800" in found:  # half a character is in no file
        return
    try:
        records = record.decode(found)
    except Refusal as refusal:
        assert "\n" not in str(refusal)
        return
    assert "".join(map(record.encode, records)) == found


def check_undo(options: str) -> None:
    """undo.py: what is written into any options is taken out again, byte for byte, or word for word where others have added some."""
    if "\n" in options or "\ud800" in options or options.count("\"") % 2:  # half a character is in no file
        return
    for value in ("256M", "1G,high"):
        after = grub.off_bad_lengths(bls.set_crashkernel(options, value), "/x")
        written = Record("d", "e", value, options, after)
        assert undo.taken_back(after, written) == options
        assert record.decode(record.encode(written)) == (written,)
        edited = undo.taken_back(f"{after} zz=1", written)
        replaced = sorted(word.text for word in cmdline.words(f"{options} zz=1"))
        assert not undo.is_in(after, written) or sorted(word.text for word in cmdline.words(edited)) == replaced


def check_conf(found: str) -> None:
    """conf.py: settings, or a refusal of one line."""
    try:
        settings = conf.parse(found, "/x")
        conf.merge(settings)
    except Refusal as refusal:
        assert str(refusal).startswith("/x:")


def check_json(found: str) -> None:
    """ignition_config.py: what is asked for, or a refusal."""
    try:
        ignition_config.parse(found)
    except Refusal:
        return


def check_preset(found: str) -> None:
    """unit.py: a verdict on every text."""
    assert unit.preset_verdict(found, "kdump.service") in (True, False, None)


def check_unit(found: str) -> None:
    """service.py: absolute paths that are in the text."""
    joined = f"{found}\n{found}".replace("\\\n", " ")
    assert all(path.startswith("/") and path in joined for path in service.programs(found, found))


def check_config(found: str) -> None:
    """loader.py: what is lacking is not in the text; a word of os-release is."""
    assert not any(f"\n{option}=y\n" in found for group in loader.lacking(found) for option in group.split(" or "))
    assert all(word in found for word in loader.families(found))


def check_iomem(found: str) -> None:
    """memory.py, capture_kernel.py: memory, or a refusal; the kernel's size, or nothing."""
    capture_kernel.kernel_bytes(found)
    try:
        assert memory.parse(found).total > 0
    except Refusal:
        return


def check_crypttab(found: str) -> None:
    """sealing.py: the registers of every line."""
    sealing.crypt_options(found, found)
    impact.danger(sealing.Touched(found, found, (), sealing.crypt_options(found, found)))
    capture_kernel.debian_initrd(found, "7.2")


def check_luks(found: str) -> None:
    """luks.py: a volume, whatever is in its header."""
    luks.parse("x", encoded(found))
    luks.pin(found)


def check_target(found: str) -> None:
    """dump_target.py, makedumpfile.py: a place or the reason why there is none, and a level that makedumpfile has, or none."""
    config = shell_assignments.parse(found, "/x")
    for place in (dump_target.kdump_utils(found), dump_target.kdump_tools(config), dump_target.suse(config)):
        assert bool(place.unknown) == (place.kind is dump_target.Kind.UNKNOWN)
        assert place.level is None or 0 <= place.level <= makedumpfile.HIGHEST
        assert place.kind is not dump_target.Kind.DIRECTORY or place.place[:1] == "/" and "//" not in place.place
        assert "\n" not in place.unknown or "\n" in found


def check_hosts(found: str) -> None:
    """known_hosts.py: an answer on every text."""
    assert known_hosts.look_up(found, "server") is not known_hosts.Known.YES or "server" in found.lower()
    known_hosts.is_changed(found, "server")
    known_hosts.host_of(found)


def check_meminfo(found: str) -> None:
    """meminfo.py: no number is negative."""
    assert all(size >= 0 for size in meminfo.parse(found).values())


def check_archive(found: str) -> None:
    """initrd.py: sizes, whatever is in the file."""
    content = encoded(found)
    file = os.memfd_create("fuzz")
    try:
        os.write(file, content)
        assert initrd.measure(file, len(content)).unpacked >= 0
    finally:
        os.close(file)


def check_dump(found: str) -> None:
    """vmcore.py: a header or that there is none, of whatever is in the file."""
    content = encoded(found)
    try:
        assert vmcore.parse(lambda offset, length: content[offset : offset + length], len(content)).format in vmcore.Format
    except vmcore.NotADump as problem:
        assert str(problem)


def check_note(found: str) -> None:
    """What is read after a test by crash: the notes, kdumpctl's record, the end of a log, the command of a load."""
    for decode in (proof_record.decode_trial, proof_record.decode_proof):
        try:
            note = decode(encoded(found))
        except Refusal:
            continue
        assert decode(proof_record.encode(note).encode()) == note
    record = kdumpctl_record.parse(found)
    assert record is None or record.time >= 0
    assert crash_log.problem(found, "a") or "sysrq triggered crash" in found
    assert capture_cmdline.recorded_files(found)[0][:1] in ("", "/")


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
)


class Found(AssertionError):
    """A text that a parser does not stand."""


def attempt(target: Target, sample: str) -> None:
    """One text; Found with the text and the error where it fails."""
    try:
        target.check(sample)
    except Exception as error:
        raise Found(f"{target.check.__name__}({sample!r}): {type(error).__name__}: {error}") from error


def run(count: int, seed: int = SEED) -> Counter[str]:
    """That many texts; how many each check got."""
    random = Random(seed)
    tried: Counter[str] = Counter()
    for number in range(count):
        target = TARGETS[number % len(TARGETS)]
        attempt(target, text(random, target.kind))
        tried[target.check.__name__] += 1
    return tried


SIZE = 200_000  # characters
FLOOR = 0.05  # seconds: what is faster than this on the larger text is fast enough, whatever the clock says
RATIO = 3.2  # linear time gives 2, quadratic time 4
TRIES = 4


def seconds(target: Target, pump: str, size: int) -> float:
    """The time that a text of the size takes."""
    sample = target.frame[0] + pump * (size // len(pump)) + target.frame[1]
    started = time.process_time()
    attempt(target, sample)
    return time.process_time() - started


def slow() -> list[str]:
    """The checks that take more than linear time, with the piece that does it."""
    found = []
    for target in TARGETS:
        for pump in target.pumps:
            for _ in range(TRIES):
                half, whole = seconds(target, pump, SIZE // 2), seconds(target, pump, SIZE)
                if whole < max(FLOOR, RATIO * half):
                    break
            else:
                found.append(f"{target.check.__name__} on {pump!r}: {half:.3f} s, then {whole:.3f} s for twice the text")
    return found


def main(argv: list[str]) -> int:
    """Fuzz and time; 1 where something was found."""
    count, seed = (*map(int, argv), *(MILLION, SEED)[len(argv) :])
    try:
        tried = run(count, seed)
        for name, number in tried.items():
            print(f"{number:9} {name}")
        found = slow()
    except Found as error:
        print(f"seed {seed}: {error}")
        return 1
    print(
        f"{sum(tried.values()):9} texts in all, seed {seed}; {sum(len(target.pumps) for target in TARGETS)} hostile texts timed"
    )
    print("\n".join(found) or "          every parser takes linear time")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
