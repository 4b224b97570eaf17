# SPDX-License-Identifier: Apache-2.0
"""The manual pages: well-formed, and in agreement with the program, its help and its units."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from orchestrator import cli
from orchestrator.decide import decision
from orchestrator.errors import KdumpKargError, Refusal, UsageError
from orchestrator.facts import bootstate, conf, machine, proof_record, record
from orchestrator.render import words
from orchestrator.report import delivery, links, shortage
from orchestrator.rules import crashkernel_value, defaults
from orchestrator.rules.defaults import Hardware
from orchestrator.system import bootfs
from orchestrator.write import handover, outcome
from tests import helptext, manpage
from tests.manpage import CONF, PROGRAM

RENDER_OPTIONS = tuple(f"--{word}" for word in helptext.RENDER)
UNITS = sorted((Path(__file__).parent.parent / "dracut/99kdump-karg").glob("*.service"))
PAGES = sorted(path.name for path in manpage.DIRECTORY.iterdir())
# What a linter says of the machine it runs on, and of a name in the footer that is ours and no operating system's.
OF_THE_MACHINE = ("referenced manual not found", "operating system explicitly specified", "mandoc.db")


def test_both_pages_are_looked_at() -> None:
    assert PAGES == [PROGRAM, CONF]


def complaints(program: list[str], page: str) -> list[str]:
    """What a linter says of a page."""
    done = subprocess.run([*program, str(manpage.DIRECTORY / page)], capture_output=True, text=True, check=False)
    said = done.stderr.splitlines() + (done.stdout.splitlines() if program[0] == "mandoc" else [])
    return [line for line in said if not any(words in line for words in OF_THE_MACHINE)]


@pytest.mark.skipif(shutil.which("mandoc") is None, reason="mandoc is not installed")
@pytest.mark.parametrize("page", PAGES)
def test_mandoc_has_nothing_to_say(page: str) -> None:
    assert complaints(["mandoc", "-T", "lint", "-W", "style"], page) == []


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
@pytest.mark.parametrize("page", PAGES)
def test_groff_has_nothing_to_say(page: str) -> None:
    assert complaints(["groff", "-mandoc", "-ww", "-b", "-z", "-Tutf8"], page) == []


@pytest.mark.parametrize("page", PAGES)
def test_every_page_names_its_license_first_and_itself(page: str) -> None:
    name, number = page.rsplit(".", 1)
    lines = manpage.text(page).splitlines()
    assert lines[0] == '.\\" SPDX-License-Identifier: Apache-2.0'
    assert f".Dt {name.upper()} {number}" in lines
    assert lines[lines.index(".Sh NAME") + 1] == f".Nm {name}"


def synopsis() -> dict[str, set[str]]:
    """The options of every command, as the synopsis has them."""
    forms = manpage.section(PROGRAM, "SYNOPSIS").split(".Nm\n")
    found = {}
    for form in forms:
        named = re.search(r"^\.Cm (\S+)", form)
        if named:
            found[named.group(1)] = set(options(form))
    return found


def test_the_commands_are_those_of_the_help() -> None:
    assert helptext.COMMANDS == cli.COMMANDS
    assert manpage.items(PROGRAM, "DESCRIPTION", "Cm") == list(synopsis()) == list(helptext.COMMANDS)


def options(section: str) -> list[str]:
    """The long options that a text in mdoc names, in order."""
    return [f"--{name}" for name in re.findall(r"(?:Fl -|\| -)([a-z]+(?:-[a-z]+)*)", section)]


def test_the_options_are_those_of_the_help() -> None:
    described = [line for line in manpage.section(PROGRAM, "DESCRIPTION").splitlines() if line.startswith(".It Fl")]
    assert options("\n".join(described)) == list(helptext.OPTIONS)
    assert set(options(manpage.section(PROGRAM, "SYNOPSIS"))) == {*helptext.OPTIONS, *RENDER_OPTIONS}


def test_the_options_of_render_are_the_programs() -> None:
    """In the help, the page and the program, each with what follows it."""
    assert list(RENDER_OPTIONS) == [f"--{word}" for word in (*words.WORDS, words.FROM)]
    assert {**words.WORDS, words.FROM: "FILE"} == helptext.RENDER
    described = manpage.items(PROGRAM, "OPTIONS OF RENDER", "Fl")
    assert options("\n".join(f"Fl {line}" for line in described)) == list(RENDER_OPTIONS)
    assert synopsis()["render"] == set(RENDER_OPTIONS)


@pytest.mark.parametrize("option", ["--root", "--json", "--undo"])
@pytest.mark.parametrize("command", helptext.COMMANDS)
def test_the_synopsis_gives_a_command_the_options_that_the_program_does(command: str, option: str) -> None:
    argv = [command, option, "/"] if option == "--root" else [command, option]
    try:
        cli.parse(argv)
        taken = True
    except UsageError:
        taken = False
    assert (option in synopsis()[command]) is taken


def test_the_exit_statuses_are_those_of_the_help_and_of_the_errors() -> None:
    told = re.findall(r"^\.It ([0-9])$", manpage.section(PROGRAM, "EXIT STATUS"), re.MULTILINE)
    assert told == list(helptext.STATUSES) == ["0", "1", "2", "3", "4"]
    statuses = {error.exit_status for error in KdumpKargError.__subclasses__()}
    assert {str(status) for status in statuses} <= set(told)


def test_the_decisions_are_the_programs() -> None:
    assert manpage.items(PROGRAM, "DESCRIPTION", "Li") == [kind.value for kind in decision.Kind]


def test_the_links_are_those_of_status() -> None:
    assert manpage.items(PROGRAM, "THE LINKS OF STATUS", "Sy") == list(links.NAMES)


def test_every_unit_is_told_of() -> None:
    assert sorted(manpage.items(PROGRAM, "UNITS", "Pa")) == [unit.name for unit in UNITS]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: str(unit.name))
def test_every_unit_leads_to_the_page(unit: Path) -> None:
    lines = unit.read_text().splitlines()
    assert "Documentation=man:kdump-karg(8)" in lines[: lines.index("[Service]")]


def test_the_kernel_arguments_are_the_programs() -> None:
    assert manpage.items(PROGRAM, "KERNEL ARGUMENTS", "Li") == [f"{decision.SWITCH}=0", decision.VERBOSE]


def test_the_files_are_the_programs() -> None:
    written = {
        handover.PATH,
        outcome.OUTCOME,
        outcome.REBOOT_REQUIRED,
        outcome.REPORT_NOW,
        outcome.REPORT_LATER,
        outcome.JOURNAL_DIR,
        delivery.STATUS,
        delivery.METRICS,
        delivery.ISSUE,
        bootfs.MOUNT_POINT,
        bootstate.BEGUN,
        proof_record.TEST,
        proof_record.PROOF,
        record.WRITTEN,
        record.UNDONE,
        shortage.WARNED,
        f"boot/{bootstate.STAMP}",
        f"boot/{bootstate.MARKER}",
        f"boot/{bootstate.ENTRIES}",
        conf.ADMIN_FILE,
        machine.ARGUMENTS_DUE,
        "usr/lib/kdump-karg",
    }
    assert set(manpage.items(PROGRAM, "FILES", "Pa")) == {f"/{path}" for path in written}


@pytest.mark.parametrize("line", [line for line in manpage.displays(PROGRAM, "EXAMPLES") if line.startswith("kdump-karg ")])
def test_the_examples_are_understood(line: str, tmp_path: Path) -> None:
    words = line.partition(">")[0].replace("/tmp/captured", str(tmp_path)).split()
    assert cli.parse(words[1:]).command in cli.COMMANDS


def test_the_keys_are_the_configurations() -> None:
    assert manpage.items(CONF, "KEYS", "Ic") == list(conf.KEYS)


def test_the_configurations_files_and_their_order() -> None:
    patterns = [conf.ADMIN_FILE, f"{conf.ADMIN_DIR}/*.conf", f"{conf.VENDOR_DIR}/*.conf"]
    assert re.findall(r"^\.Pa /(\S+)$", manpage.section(CONF, "SYNOPSIS"), re.MULTILINE) == patterns
    order = re.findall(r"^\.Pa /(\S+)", manpage.section(CONF, "DESCRIPTION").partition("In a directory")[0], re.MULTILINE)
    assert order == [conf.VENDOR_DIR, conf.ADMIN_FILE, conf.ADMIN_DIR]


@pytest.mark.parametrize("text", manpage.items(CONF, "WHAT IS REFUSED", "Li"))
def test_what_is_said_to_be_refused_is(text: str) -> None:
    with pytest.raises(Refusal):
        conf.merge(conf.parse(f"crashkernel={text}\n", "/etc/kdump-karg.conf"))


def test_the_defaults_are_kdump_utils() -> None:
    shown = manpage.section(CONF, "KEYS")
    for arch in ("x86_64", "aarch64"):
        assert f".Li {defaults.kdump_utils(arch, Hardware()).value}\non {arch}" in shown


FORMS = ["512M", "256M@64M", "2G-64G:256M,64G-:512M", "2G-:256M@64M", "512M,high", "0x10000000", "262144k", "268435456"]


def test_every_form_of_a_value_is_shown() -> None:
    """Those of value.FORMS, which the refusals name."""
    shown = [manpage.plain(f"Ar {item}") for item in manpage.items(CONF, "KEYS", "Ar")]
    assert ", ".join(shown[:-1]) + " or " + shown[-1] == crashkernel_value.FORMS.replace(",...", "[,...]")


@pytest.mark.parametrize("text", FORMS)
def test_the_forms_are_taken(text: str) -> None:
    crashkernel_value.check(text, "here")


@pytest.mark.parametrize("text", [text for text in manpage.displays(CONF, "EXAMPLES") if "storage:" not in text])
def test_the_examples_of_the_configuration_are_understood(text: str) -> None:
    assert conf.merge(conf.parse(text, "/etc/kdump-karg.conf")).crashkernel
