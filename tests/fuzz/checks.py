# SPDX-License-Identifier: Apache-2.0
"""What must be true of a parser, whatever its text: its own error and no other, and an edit that can be undone."""

from __future__ import annotations

import json
import os
from urllib.parse import quote

from orchestrator.decide import impact, undo
from orchestrator.errors import Refusal, UsageError
from orchestrator.facts import capture_kernel, conf, ignition_config, initrd, loader, luks, proof_record, record, sealing, service, unit
from orchestrator.facts.record import Record
from orchestrator.lint import assumed, document, formats, run, source, table
from orchestrator.lint.assumed import Assumed
from orchestrator.lint.limits import Budget
from orchestrator.lint.options import Format
from orchestrator.render import output, read, request, words
from orchestrator.render.request import Format as ConfigFormat
from orchestrator.rules import (
    arch,
    bls,
    capture_cmdline,
    cmdline,
    crash_log,
    crashkernel,
    crashkernel_value,
    defaults,
    dump_target,
    grub,
    kargs,
    kdumpctl_record,
    known_hosts,
    makedumpfile,
    meminfo,
    memory,
    shell_assignments,
    vmcore,
)
from orchestrator.rules.memory import Memory
from tests.fuzz.texts import PASTED, encoded

MEMORY = Memory(((0, 3 << 30), (4 << 30, 9 << 30)))
ASSUMED = Assumed(assumed.of_size(8 << 30), "x86_64", "6.12")
ARCHES = tuple(arch.named(name, release) for name in arch.NAMES for release in ("6.1", "6.12", "7.2"))


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


def check_kargs(line: str) -> None:
    """kargs.py: the edit does what is asked for, once, and touches no other word; a note is read back."""
    pieces = line.split("=")
    try:
        exist = dict.fromkeys(pieces[::2])
        asked = kargs.Asked(tuple(exist), tuple(text for text in dict.fromkeys(pieces[1::2]) if text not in exist))
        kargs.check(asked)
    except Refusal as refusal:
        assert "\n" not in str(refusal)
        asked = kargs.Asked(("a", "b=1"), tuple(word.text for word in cmdline.words(line)[:2] if "$" not in word.text))
    edited = kargs.edit(line, asked)
    if not line.count('"') % 2:
        assert kargs.is_done(edited, asked) and kargs.edit(edited, asked) == edited
        absent = set(asked.absent)
        kept = [word.text for word in cmdline.words(line) if word.text not in absent]
        assert [word.text for word in cmdline.words(edited)][: len(kept)] == kept
    assert kargs.decode(kargs.encode(asked)) == asked or any("\n" in text for text in (*asked.exist, *asked.absent))


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


def check_url(found: str) -> None:
    """source.py: bytes, or the reason why there are none."""
    try:
        source.decode(found)
    except source.Broken as problem:
        assert str(problem)
    try:
        source.inflate(encoded(found), Budget(), "x")
    except source.Broken as problem:
        assert str(problem)
    except Refusal as refusal:
        assert "the most that" in str(refusal)


def check_lint(found: str) -> None:
    """lint: findings of known checks that every format can show, or a refusal of one line, of any text."""
    try:
        findings = run.of_text(found, "x", ASSUMED if len(found) % 2 else Assumed())
    except Refusal as refusal:
        assert "\n" not in str(refusal)
        return
    document.lines(found, [each.place.pointer for each in findings])
    for each in findings:
        assert each.check in table.CHECKS and each.line >= 1
        assert f"{each.sentence}{each.cure}".isprintable(), each
    for form in Format if len(findings) % 8 == 1 else (Format.TEXT, Format.GITHUB):  # SARIF has all rules, and takes long
        assert formats.shown(form, findings, 1).replace("\n", "").isprintable()


def check_manifest(found: str) -> None:
    """The same of a config that has the text in every place where something is read."""
    url = f"data:,{quote(found, errors='surrogatepass')}"
    names = ("kdump.conf", "sysconfig/kdump", "default/kdump-tools", "kdump-karg.conf", "ssh/ssh_config", "kdump-karg.conf.d/1.conf", found)
    files: list[dict[str, object]] = [{"path": f"/etc/{name}", "contents": {"source": url}} for name in names]
    files += [{"path": "/root/.ssh/known_hosts", "append": [{"source": url}]}, {"path": found, "contents": {"source": found}}]
    units = [{"name": "kdump.service", "enabled": True}, {"name": f"kdump{found}", "enabled": True, "dropins": [{"contents": found}]}]
    config = {
        "ignition": {"version": "3.4.0", "config": {"merge": [{"source": url}, {"source": found, "compression": "gzip"}]}},
        "kernelArguments": {"shouldExist": [f"crashkernel={found}", found], "shouldNotExist": [found]},
        "storage": {"files": files, "links": [{"path": found, "target": found}], "filesystems": [{"path": found}], "luks": [{}]},
        "systemd": {"units": units},
    }
    labels = {"machineconfiguration.openshift.io/role": found}
    spec = {"config": config, "kernelArguments": [found]}
    check_lint(json.dumps(config if len(found) % 3 else {"kind": "MachineConfig", "metadata": {"name": found, "labels": labels}, "spec": spec}))
def check_request(found: str) -> None:
    """render: one line that repeats no key, or a config of whole lines that another run gives as well; key files are not looked at."""
    try:
        given = {word: each for word, each in words.of_text(found, "/x").items() if word not in ("key", "known-hosts")}
        asked = request.of_words(words.together({}, given))
        text = output.of_request(asked)
    except (Refusal, UsageError) as error:
        said = str(error)
        assert "\n" not in said and len(said) < 1000
        assert PASTED not in said or "crashkernel=" in said  # a size is repeated, whatever it is
        return
    assert text.isascii() and text.endswith("\n") and output.of_request(asked) == text
    if asked.format is ConfigFormat.IGNITION:
        assert json.loads(text)["systemd"]["units"][0]["enabled"]


def check_key(found: str) -> None:
    """render/read.py: a key or the lines of a host, or one line that repeats nothing of them."""
    for reader in (read.key_text, lambda content, where: read.host_lines(content, where, "server")):
        try:
            text = reader(encoded(found), "/x")
        except Refusal as refusal:
            assert "\n" not in str(refusal) and PASTED not in str(refusal)
            continue
        assert text.isascii() and text.endswith("\n") and "\r" not in text
        assert {" ".join(line.split()) for line in text.splitlines()} <= {" ".join(line.split()) for line in found.splitlines()}
