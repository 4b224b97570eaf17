# SPDX-License-Identifier: Apache-2.0
"""The command line of lint, its exit statuses, and what it prints in each format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator import __version__, cli
from orchestrator.lint import formats, table
from orchestrator.lint.findings import Finding, shown
from orchestrator.lint.place import Place
from tests.invocation import Output, one_line, program
from tests.lint.configs import KEY_TEXT, SECRETS, Config, conf, file, kdump, merging, nested, unit

BAD = kdump("crashkernel=0512M", units=(unit(mask=True),))


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    """A config with two errors."""
    return write(tmp_path / "bad.ign", BAD)


def write(path: Path, config: Config) -> Path:
    """A config in a file, a line for every value."""
    path.write_text(json.dumps(config, indent=1))
    return path


def printed(capsys: Output, *argv: str) -> tuple[int, str]:
    """Exit status and standard output; nothing is said elsewhere."""
    status = cli.main(["lint", *argv])
    out, err = capsys.readouterr()
    assert err == ""
    return status, out


def test_text(capsys: Output, bad: Path) -> None:
    status, out = printed(capsys, str(bad))
    assert status == 4
    lines = out.splitlines()
    assert lines[0].startswith(f"{bad}:") and lines[0].endswith("[unit-masked]")
    assert ": /systemd/units/0: error: kdump.service is enabled and masked " in lines[0]
    assert lines[1] == "    mend: take mask, or the link to /dev/null, away"
    assert lines[-1] == "1 file: 2 errors"


STATUSES: list[tuple[str, Config, int, str]] = [
    ("clean", kdump("crashkernel=512M"), 0, "1 file: nothing found"),
    ("info", kdump(), 0, "1 file: 1 info"),
    ("warning", kdump("crashkernel=256M"), 0, "1 file: 1 warning"),
    ("error", kdump("crashkernel=256MB"), 4, "1 file: 1 error"),
]


@pytest.mark.parametrize(("config", "status", "last"), [row[1:] for row in STATUSES], ids=[row[0] for row in STATUSES])
def test_exit_status(capsys: Output, tmp_path: Path, config: Config, status: int, last: str) -> None:
    found, out = printed(capsys, str(write(tmp_path / "config.ign", config)))
    assert (found, out.splitlines()[-1]) == (status, last)
    for form in ("json", "github", "sarif"):
        assert printed(capsys, "--format", form, str(tmp_path / "config.ign"))[0] == status


def test_as_a_process(bad: Path) -> None:
    done = program("lint", "--json", str(bad))
    assert (done.returncode, done.stderr) == (4, "")
    assert json.loads(done.stdout)["errors"] == 2


def test_json(capsys: Output, bad: Path) -> None:
    _, out = printed(capsys, "--json", str(bad))
    document = json.loads(out)
    assert {key: document[key] for key in ("errors", "warnings", "infos")} == {"errors": 2, "warnings": 0, "infos": 0}
    found = document["findings"][0]
    assert (found["check"], found["severity"], found["pointer"], found["nested"]) == (
        "unit-masked",
        "error",
        "/systemd/units/0",
        [],
    )
    assert (found["file"], bad.read_text().splitlines()[found["line"] - 1].strip()) == (str(bad), "{")
    assert printed(capsys, "--format=json", str(bad))[1] == out


def test_github(capsys: Output, tmp_path: Path, bad: Path) -> None:
    lines = printed(capsys, "--format", "github", str(bad), str(write(tmp_path / "b.ign", kdump("crashkernel=256M"))))[
        1
    ].splitlines()
    assert [line.partition(" ")[0] for line in lines] == ["::error", "::error", "::warning"]
    assert (
        lines[0].startswith(f"::error file={bad},line=")
        and ",title=unit-masked::kdump.service is enabled and masked. Mend: " in lines[0]
    )


def test_sarif(capsys: Output, bad: Path) -> None:
    document = json.loads(printed(capsys, "--format", "sarif", str(bad))[1])
    run = document["runs"][0]
    driver = run["tool"]["driver"]
    assert (document["version"], driver["name"], driver["version"]) == ("2.1.0", "kdump-karg", __version__)
    assert [rule["id"] for rule in driver["rules"]] == list(table.CHECKS)
    result = run["results"][0]
    assert (driver["rules"][result["ruleIndex"]]["id"], result["ruleId"], result["level"]) == (
        "unit-masked",
        "unit-masked",
        "error",
    )
    place = result["locations"][0]
    assert place["physicalLocation"]["artifactLocation"]["uri"] == str(bad)
    assert place["physicalLocation"]["region"]["startLine"] > 1
    assert place["logicalLocations"] == [{"fullyQualifiedName": "/systemd/units/0"}]


USAGE: list[tuple[str, list[str], str]] = [
    ("no file", [], "lint needs a file"),
    ("a file that is not there", ["/no/such/file"], "/no/such/file is not there"),
    ("root", ["--root", "/", "x"], "lint has no --root"),
    ("undo", ["--undo", "x"], "lint has no --undo"),
    ("no such format", ["--format", "xml", "x"], "text, json, github, sarif"),
    ("two formats", ["--json", "--format", "text", "x"], "two formats"),
    ("memory without a unit that is known", ["--memory", "8GB", "x"], "--memory '8GB'"),
    ("octal memory", ["--memory", "08G", "x"], "--memory '08G'"),
    ("little memory", ["--memory", "8", "x"], "--memory '8'"),
    ("no memory", ["--memory"], "lint needs a file"),
    ("empty memory", ["--memory=", "x"], "--memory ''"),
    ("no such architecture", ["--arch", "vax", "x"], "x86_64"),
    ("no kernel", ["--kernel", "new", "x"], "--kernel 'new'"),
]


@pytest.mark.parametrize(("argv", "words"), [row[1:] for row in USAGE], ids=[row[0] for row in USAGE])
def test_usage(capsys: Output, argv: list[str], words: str) -> None:
    assert cli.main(["lint", *argv]) == 2
    out, err = capsys.readouterr()
    assert out == "" and words in one_line(err)


def test_the_options_of_lint_are_lints(capsys: Output) -> None:
    for option in cli.FOR_LINT:
        assert cli.main(["status", option, "1"]) == 2
        assert f"status has no {option}; it goes with lint" in one_line(capsys.readouterr().err)


def test_the_options_say_what_machine_it_is_for(capsys: Output, tmp_path: Path) -> None:
    path = str(write(tmp_path / "config.ign", kdump("crashkernel=2G-:512M")))
    assert printed(capsys, "--memory", "8G", path)[0] == 0
    assert printed(capsys, "--memory=1G", "--arch=x86_64", "--kernel=6.12", path)[0] == 4
    assert cli.main(["--memory", "1G", "lint", path]) == 4


def test_a_name_that_begins_with_a_dash(capsys: Output, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "--json", BAD)
    assert printed(capsys, "--", "--json")[1].startswith("--json:")


def test_refused(capsys: Output, tmp_path: Path) -> None:
    (tmp_path / "config.ign").write_text('{"a":\n}')
    assert cli.main(["lint", str(tmp_path / "config.ign")]) == 3
    assert "is not JSON (line 2, column 1: Expecting value)" in one_line(capsys.readouterr().err)


@pytest.mark.parametrize("form", ["text", "json", "github", "sarif"])
def test_no_secret_and_no_control_character_is_printed(capsys: Output, tmp_path: Path, form: str) -> None:
    """Keys, passwords, hashes and what a wrong file holds stay where they are; a name acts on no terminal."""
    config: dict[str, Any] = conf(
        f"{KEY_TEXT}sshkey s3cret\nssh core@s3cret\ns3cret x\ncore_collector s3cret\nfailure_action hunter2\n",
        file("/etc/kdump-karg.conf", "crashkernel=s3cret\nhunter2\nhunter2=s3cret\n"),
        file("/etc/sysconfig/kdump", 'KDUMP_SAVEDIR="ssh://core:hunter2@h/d"\nKDUMP_COMMANDLINE="hunter2"\n'),
        file("/root/key", KEY_TEXT),
        file("/etc/kdump-karg.conf.d/\x1b[2J\n::error::x", KEY_TEXT),
        passwd={"users": [{"name": "core", "passwordHash": "$6$salt$hash", "sshAuthorizedKeys": ["ssh-rsa c2VjcmV0"]}]},
    )
    config["storage"]["files"].append({"path": "/etc/x", "contents": {"source": "https://core:hunter2@h/x"}})
    config["systemd"]["units"].append(unit("kdump\x1b[2J\n::error::x.service"))
    config.update(merging("https://u:hunter2@h/x", nested(kdump()), "data:;base64,hunter2"))
    path = tmp_path / "a\nb\x1b[2J.ign"
    path.write_text(json.dumps(config))
    status, out = printed(capsys, "--format", form, str(path))
    assert status == 4 and "conf-ignored" in out
    assert not [secret for secret in SECRETS if secret in out]
    assert out.replace("\n", "").isprintable()
    if form == "github":
        assert all(line.startswith(("::error file=", "::warning file=", "::notice file=")) for line in out.splitlines())
    if form == "text":
        assert len([line for line in out.splitlines() if not line.startswith("    mend: ")]) == out.count("mend: ") + 1


def test_what_an_annotation_holds_cannot_end_it() -> None:
    found = Finding("unit-masked", Place("a,b:c%\nd"), "100%\nof it", "do\r\nthat", 7)
    assert formats.annotation(found) == (
        "::error file=a%2Cb%3Ac%25\\nd,line=7,title=unit-masked::100%25%0Aof it. Mend: do%0D%0Athat (/)\n"
    )


def test_what_is_shown_of_a_word() -> None:
    assert shown("kdump.service") == "kdump.service"
    assert shown("a\n\x1bé'\ud800") == "a\\n\\x1b\\xe9'\\ud800"
    assert len(shown("a" * 1000)) < 100
