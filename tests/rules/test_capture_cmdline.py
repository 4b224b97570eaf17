# SPDX-License-Identifier: Apache-2.0
"""capture_cmdline.py and xargs.py: the capture kernel's command line by each package's rules."""

from __future__ import annotations

import random
import subprocess
from typing import Any

import pytest

from orchestrator.rules import capture_cmdline, xargs
from orchestrator.rules.capture_cmdline import KDUMP_TOOLS_APPEND, SUSE_ADDS, SUSE_ROOT, Facts, Package
from orchestrator.rules.shell_assignments import parse

LINE = "BOOT_IMAGE=(hd0,gpt3)/vmlinuz ostree=/ostree/boot.1/x/0 ignition.firstboot root=UUID=1 rw crashkernel=256M quiet"
CPUINFO = "processor\t: 1\napicid\t\t: 6\n\nprocessor\t: 0\nvendor_id\t: X\napicid\t\t: 4\ninitial apicid\t: 5\n"
GPT = "rd.systemd.gpt_auto=no"
SUSE_X86 = f"{SUSE_ADDS} nr_cpus=32 {SUSE_ROOT}"


def facts(package: Package, config: str = "", line: str = LINE, **others: Any) -> Facts:
    """A machine's."""
    others.setdefault("arch", "x86_64")
    return Facts(package, parse(config, "/conf"), line, **others)


KDUMP_UTILS: list[tuple[str, str, dict[str, Any], str]] = [
    ("no file", "", {"line": "a crashkernel=1G hugepages=4 quiet"}, f"a quiet {GPT}"),
    (
        "the shipped list",
        'KDUMP_COMMANDLINE=""\nKDUMP_COMMANDLINE_REMOVE="quiet ignition.firstboot"\nKDUMP_COMMANDLINE_APPEND="irqpoll nr_cpus=1"',
        {},
        f"BOOT_IMAGE=(hd0,gpt3)/vmlinuz ostree=/ostree/boot.1/x/0 rw irqpoll nr_cpus=1 {GPT}",
    ),
    (
        "OpenShift's published sample",
        'KDUMP_COMMANDLINE_REMOVE="hugepages hugepagesz slub_debug quiet log_buf_len swiotlb"\n'
        'KDUMP_COMMANDLINE_APPEND="irqpoll nr_cpus=1 reset_devices"\nKEXEC_ARGS="-s"\nKDUMP_IMG="vmlinuz"\n',
        {},
        f"BOOT_IMAGE=(hd0,gpt3)/vmlinuz ostree=/ostree/boot.1/x/0 ignition.firstboot rw irqpoll nr_cpus=1 reset_devices {GPT}",
    ),
    ("a line of its own", "KDUMP_COMMANDLINE='root=/dev/sda1 ro crashkernel=1M x'", {}, f"ro x {GPT}"),
    ("a list of pairs", "KDUMP_COMMANDLINE_REMOVE='a=1 b'", {"line": "a a=2 b=3 c"}, f"c {GPT}"),
    ("an empty list", "KDUMP_COMMANDLINE_REMOVE=", {"line": "hugepages=4"}, f"hugepages=4 {GPT}"),
    ("nothing after =", "", {"line": "a= b"}, f"b {GPT}"),
    ("what echo takes for an option", "", {"line": "a -n -ee -x - b"}, f"a -x - b {GPT}"),
    ("always", "", {"line": "panic_on_warn rd.lvm.lv=a rd.luks.uuid=b netroot=c rd.md.uuid=d fcoe=e x"}, f"x {GPT}"),
    ("quotes", "", {"line": 'a="b c" "d e" f="g" \'h\' i=\\"j'}, f'a="b c" d=e f=g h i="j {GPT}'),
    ("blanks", 'KDUMP_COMMANDLINE_APPEND="  a   b  "', {"line": "  x\ty  "}, f"x y a b {GPT}"),
    ("boot processor", "", {"line": "x", "cpuinfo": CPUINFO}, f"x disable_cpu_apicid=4 {GPT}"),
    ("no such thing", "", {"line": "x", "cpuinfo": "processor : 0\nBogoMIPS : 1\n", "arch": "aarch64"}, f"x {GPT}"),
    ("Amazon, not aarch64", "", {"line": "x", "amazon": True}, f"x {GPT}"),
    ("fadump off", "", {"line": "x fadump=off"}, f"x fadump=off {GPT}"),
]
KDUMP_TOOLS: list[tuple[str, str, dict[str, Any], str]] = [
    (
        "no file",
        "",
        {},
        "BOOT_IMAGE=(hd0,gpt3)/vmlinuz ostree=/ostree/boot.1/x/0 ignition.firstboot root=UUID=1 rw quiet " + KDUMP_TOOLS_APPEND,
    ),
    ("its own list", "", {"line": "a crashkernel=1 hugepages=2 hugepagesz=3 abm=4 b"}, f"a b {KDUMP_TOOLS_APPEND}"),
    ("first and last", "", {"line": "crashkernel=1 a crashkernel=2"}, f"a {KDUMP_TOOLS_APPEND}"),
    ("what it leaves", "", {"line": "crashkernel xcrashkernel=1 panic_on_warn"}, f"crashkernel xcrashkernel=1 panic_on_warn {KDUMP_TOOLS_APPEND}"),
    ("appended", 'KDUMP_CMDLINE_APPEND="x y"', {"line": "a"}, "a x y"),
    ("appended nothing", 'KDUMP_CMDLINE_APPEND=""', {"line": "a"}, f"a {KDUMP_TOOLS_APPEND}"),
    ("a line of its own", "KDUMP_CMDLINE='crashkernel=1 z'", {}, f"crashkernel=1 z {KDUMP_TOOLS_APPEND}"),
    ("another cannot be known", "KDUMP_KERNEL=/x/$(uname -r)", {"line": "a"}, f"a {KDUMP_TOOLS_APPEND}"),
]
SUSE: list[tuple[str, str, dict[str, Any], str]] = [
    ("no file", "", {}, f"ostree=/ostree/boot.1/x/0 ignition.firstboot rw quiet {SUSE_X86} panic=1"),
    ("boot processor", "", {"line": "x notsc console=hvc0 console=hvc1", "cpuinfo": CPUINFO}, f"x console=hvc1 {SUSE_X86} disable_cpu_apicid=5 panic=1"),
    ("another architecture", "KDUMP_CPUS=0", {"line": "x notsc", "arch": "aarch64"}, f"x notsc {SUSE_ADDS} {SUSE_ROOT} panic=1"),
    ("s390x", "", {"line": "x zfcp.allow_lun_scan=1", "arch": "s390x"}, f"x {SUSE_X86} zfcp.allow_lun_scan=0 panic=1"),
    ("appended, with panic", "KDUMP_COMMANDLINE_APPEND=panic=5\nKDUMP_CPUS=2", {"line": "x"}, f"x {SUSE_ADDS} nr_cpus=2 {SUSE_ROOT} panic=5"),
    ("a line of its own", "KDUMP_COMMANDLINE='a b'\nKDUMP_COMMANDLINE_APPEND=c", {}, "a b c panic=1"),
    ("verbose", "KDUMP_VERBOSE=8", {"line": "quiet x"}, f"x {SUSE_X86} panic=1"),
    ("no number", "KDUMP_CPUS=many", {"line": "x"}, f"x {SUSE_X86} panic=1"),
]
TABLE = [(package, *row) for package, rows in zip(Package, (KDUMP_UTILS, KDUMP_TOOLS, SUSE), strict=True) for row in rows]


@pytest.mark.parametrize(
    ("package", "config", "others", "expected"),
    [(package, *rest) for package, _, *rest in TABLE],
    ids=[f"{row[0].value}, {row[1]}" for row in TABLE],
)
def test_the_line_by_the_rules(package: Package, config: str, others: dict[str, Any], expected: str) -> None:
    found = capture_cmdline.predict(facts(package, config, **others))
    assert found.line is not None and found.unknown == ""
    assert found.line.split() == expected.split()
    assert found.line == found.line.strip()


UNKNOWN: list[tuple[Package, str, dict[str, Any], str]] = [
    (Package.KDUMP_UTILS, "KDUMP_COMMANDLINE_REMOVE=$X", {}, "uses X without setting it"),
    (Package.KDUMP_UTILS, "KDUMP_COMMANDLINE=`x`", {}, "has '`x`'"),
    (Package.KDUMP_UTILS, "KDUMP_COMMANDLINE_APPEND=$(x)", {}, "has '$(x)'"),
    (Package.KDUMP_UTILS, "if x; then y; fi", {}, "/conf:1 is more than an assignment"),
    (Package.KDUMP_UTILS, "", {"line": 'a "b'}, "a quote that is not closed"),
    (Package.KDUMP_UTILS, "", {"watchdog": True}, "which only modprobe can name"),
    (Package.KDUMP_UTILS, "", {"amazon": True, "arch": "aarch64"}, "which only lscpu can tell"),
    (Package.KDUMP_UTILS, "", {"line": "fadump=on"}, "fadump boots the system's own entry"),
    (Package.KDUMP_TOOLS, "KDUMP_CMDLINE=$(sed x /proc/cmdline)", {}, "has '$(sed x /proc/cmdline)'"),
    (Package.KDUMP_TOOLS, "KDUMP_CMDLINE_APPEND=`x`", {}, "has '`x`'"),
    (Package.KDUMP_TOOLS, "", {"line": 'a="b c"'}, "the line holds '\"', and kdump-config has a shell evaluate it once more"),
    (Package.KDUMP_TOOLS, "KDUMP_CMDLINE='a$b'", {}, "the line holds '$'"),
    (Package.SUSE, "KDUMP_COMMANDLINE_APPEND=`x`", {}, "has '`x`'"),
    (Package.SUSE, "KDUMP_CPUS=`nproc`", {}, "has '`nproc`'"),
    (Package.SUSE, "", {"line": 'a="b"'}, "load.sh has a shell evaluate it once more"),
    (Package.SUSE, "", {"xen": True}, "load.sh asks Xen"),
    (Package.SUSE, "KDUMP_FADUMP=true", {}, "fadump boots the system's own entry"),
]


@pytest.mark.parametrize(("package", "config", "others", "why"), UNKNOWN, ids=[f"{row[0].value}, {row[3]}" for row in UNKNOWN])
def test_what_cannot_be_known_is_said(package: Package, config: str, others: dict[str, Any], why: str) -> None:
    found = capture_cmdline.predict(facts(package, config, **others))
    assert found.line is None and why in found.unknown


RECORDED: list[tuple[str, str | None]] = [
    ('/sbin/kexec -p -s --command-line="a b=c  d" --initrd=/x /vmlinuz\n', "a b=c  d"),
    ('/sbin/kexec -p --command-line=" a " /vmlinuz\n', "a"),
    ("", None),
    ("no kexec command recorded\n", None),
    ('kexec --command-line="a', None),
]


@pytest.mark.parametrize(("text", "line"), RECORDED)
def test_what_was_noted(text: str, line: str | None) -> None:
    assert capture_cmdline.recorded(text) == line


def test_words_are_those_of_xargs() -> None:
    """Random texts, the real program the judge."""
    random.seed(21)
    judged = 0
    for _ in range(150):
        text = "".join(random.choices("ab= \t'\"\\", weights=(5, 5, 3, 4, 1, 1, 1, 1), k=random.randint(0, 14)))
        done = subprocess.run(["xargs", "-n1", "printf", "%s\\0"], input=text, capture_output=True, text=True, check=False)
        try:
            found = xargs.words(text)
        except xargs.OpenQuote:
            continue
        assert done.returncode == 0, text
        if found:  # else xargs calls its program all the same
            judged += 1
            assert found == done.stdout.split("\0")[:-1], text
    assert judged > 60


def test_what_kdump_tools_keeps_is_what_its_sed_keeps() -> None:
    """Random lines, the real sed with kdump-config's own expression the judge."""
    random.seed(22)
    pieces = ("crashkernel=1", "hugepages=", "hugepagesz=2", "abm=3", "crashkernel", "xabm=4", "a", "  ", "\t")
    lines = [" ".join(random.choices(pieces, k=random.randint(1, 7))) for _ in range(400)]
    expression = "s/(^| )(crashkernel|hugepages|hugepagesz|abm)=[^ ]*//g"
    done = subprocess.run(["sed", "-re", expression], input="\n".join(lines), capture_output=True, text=True, check=True)
    for line, kept in zip(lines, done.stdout.split("\n"), strict=True):
        found = capture_cmdline.predict(facts(Package.KDUMP_TOOLS, "KDUMP_CMDLINE_APPEND=end", line=line)).line
        assert found is not None and found.split() == [*kept.split(), "end"], line


@pytest.mark.parametrize("package", Package)
def test_no_line_makes_it_fail(package: Package) -> None:
    random.seed(23)
    for _ in range(2000):
        line = "".join(random.choices("ab=\"'\\$` \t,.\udcff", k=random.randint(0, 20)))
        found = capture_cmdline.predict(facts(package, line=line))
        assert (found.line is None) == bool(found.unknown)


COMMANDS: list[tuple[str, str, tuple[str, str]]] = [
    ("as noted", '/sbin/kexec -p -s --command-line="a b" --initrd=/usr/lib/kdump/i.img /usr/lib/modules/x/vmlinuz\n', ("/usr/lib/modules/x/vmlinuz", "/usr/lib/kdump/i.img")),
    ("no initramfs", 'kexec -p --command-line="a b" /k', ("/k", "")),
    ("empty", "", ("", "")),
    ("torn", 'kexec -p --command-line="a --initrd=/x', ("", "/x")),
]


@pytest.mark.parametrize(("command", "expected"), [row[1:] for row in COMMANDS], ids=[row[0] for row in COMMANDS])
def test_the_files_of_a_command(command: str, expected: tuple[str, str]) -> None:
    assert capture_cmdline.recorded_files(command) == expected
