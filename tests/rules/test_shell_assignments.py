# SPDX-License-Identifier: Apache-2.0
"""shell_assignments.py: what a shell would make of a file, or that it cannot be known; never anything else."""

from __future__ import annotations

import random
import subprocess
import time
from pathlib import Path

import pytest

from orchestrator.rules.shell_assignments import LONGEST, parse

KNOWN: list[tuple[str, str, str]] = [
    ("plain", "A=1", "1"),
    ("nothing", "A=", ""),
    ("not set", "B=1", "(default)"),
    ("double quotes", 'A="a b"', "a b"),
    ("single quotes", "A='a \"b\" $c `d`'", 'a "b" $c `d`'),
    ("joined", "A=a'b c'\"d e\"f", "ab cd ef"),
    ("escaped in quotes", r'A="a \"b\" \$c \\ \d"', 'a "b" $c \\ \\d'),
    ("escaped outside", r"A=a\ b\"c", 'a b"c'),
    ("a line goes on", 'A="a \\\nb"\n', "a b"),
    ("several lines", "A='a\nb'", "a\nb"),
    ("last one counts", "A=1\nA=2\n", "2"),
    ("comment", "# A=2\nA=1 # A=3\n  # A=4\n", "1"),
    ("no comment", "A=1#2", "1#2"),
    ("indented, exported, two on a line", "\texport B=0 A=1;C=2", "1"),
    ("appended", "A=1\nA+=' 2'", "1 2"),
    ("reference", 'B="x y"\nA="$B ${B}z"', "x y x yz"),
    ("a dollar", 'A="a$ b$"', "a$ b$"),
    ("key of another", "AA=2\nA=1\nA1=3", "1"),
    ("no final newline", "A='1'", "1"),
    ("another cannot be known", "B=$(uname -r)/x\nC=`id`\nD=$X\nA=1", "1"),
    ("substitution with quotes", "B=$(sed -re 's/(^| )(a)//g' /x)\nA=1", "1"),
    ("nested substitution", "B=$(a $(b); (c))\nA=1", "1"),
]
UNKNOWN: list[tuple[str, str, str]] = [
    ("substitution", "A=$(cat /proc/cmdline)", "has '$(cat /proc/cmdline)', and no shell is run"),
    ("in quotes", 'A="a $(b) c"', "has '$(b)'"),
    ("backquotes", "A=`b`", "has '`b`'"),
    ("arithmetic", "A=$((1 + 2))", "has '$((1 + 2))'"),
    ("variable of nobody", "A=$B", "uses B without setting it first"),
    ("appended to nothing", "A+=1", "uses A without setting it first"),
    ("variable with a default", "A=${B:-c}", "has '${B:-c}'"),
    ("parameter", "A=$1", "has '$1'"),
    ("of an unknown one", "B=`x`\nA=$B", "has '`x`'"),
    ("overwritten with an unknown one", "A=1\nA=`x`", "has '`x`'"),
    ("condition", "A=1\nif true; then A=2; fi", "conf:2 is more than an assignment"),
    ("another file", ". /etc/other\nA=1", "conf:1 is more than an assignment"),
    ("a command after it", "A=1\n\nA=2 true", "conf:3 is more than an assignment"),
    ("export without a value", "A=1\nexport A", "conf:2 is more"),
    ("open quote", "A='1", "conf:1 is more"),
    ("open double quote", 'A=1\nB="1', "conf:2 is more"),
    ("open substitution", "A=$(1", "conf:1 is more"),
    ("open backquote", "A=`1", "conf:1 is more"),
    ("here document", "A=1\ncat <<A", "conf:2 is more"),
    ("pipe", "A=1|x", "conf:1 is more"),
    ("background", "A=1& B=2", "conf:1 is more"),
    ("array", "A=(1 2)", "conf:1 is more"),
    ("element", "A[0]=1", "conf:1 is more"),
    ("function", "A() { :; }", "conf:1 is more"),
    ("ANSI-C quotes", "B=$'a\\'b'\nA=1", "conf:1 is more"),
    ("translated quotes", 'B=$"a"\nA=1', "conf:1 is more"),
    ("brace with quotes", "B=${C:-'}'}\nA=1", "conf:1 is more"),
    ("a number", "1A=2\nA=1", "conf:1 is more"),
    ("no letters at all", "=1\nA=1", "conf:1 is more"),
]


@pytest.mark.parametrize(("text", "expected"), [row[1:] for row in KNOWN], ids=[row[0] for row in KNOWN])
def test_what_is_known_is_what_a_shell_says(text: str, expected: str, tmp_path: Path) -> None:
    assert parse(text, "/conf").get("A", "(default)").text == expected
    assert by_shell(text, tmp_path) == expected


def by_shell(text: str, tmp_path: Path) -> str | None:
    """The variable A after bash has read the file; None where it has a complaint."""
    (tmp_path / "conf").write_text(text)
    script = f'. {tmp_path}/conf; printf "%s." "${{A-(default)}}"'
    done = subprocess.run(["/bin/bash", "-c", script], env={"PATH": "/nowhere"}, capture_output=True, text=True, check=False)
    return done.stdout[:-1] if done.stdout.endswith(".") else None


@pytest.mark.parametrize(("text", "why"), [row[1:] for row in UNKNOWN], ids=[row[0] for row in UNKNOWN])
def test_what_a_shell_would_have_to_work_out_is_unknown(text: str, why: str) -> None:
    found = parse(text, "/conf").get("A", "(default)")
    assert found.text is None and why in found.why


PIECES = [*"AB=$'\"\\ \n#;`(){}+x", "A=", "B=", "$A", "${B}", "$(", "export ", "A+="]


def test_nothing_is_guessed(tmp_path: Path) -> None:
    """Random texts: what is said to be known is what bash says. Seeded; the count of those that say something is checked."""
    random.seed(20)
    known = {}
    for number in range(3000):
        text = random.choice(("A=", "")) + "".join(random.choices(PIECES, k=random.randint(1, 9)))
        found = parse(text, "/conf").get("A", "(default)")
        if found.text is not None and "A" in text:
            known[number] = text, found.text
    assert len(known) > 250
    (tmp_path / "texts").mkdir()
    for number, (text, _) in known.items():
        (tmp_path / f"texts/{number}").write_text(text)
    script = f'for f in {tmp_path}/texts/*; do (. $f >/dev/null 2>&1; printf "%s\\0%s\\0" ${{f##*/}} "${{A-(default)}}"); done'
    done = subprocess.run(["/bin/bash", "-c", script], env={"PATH": "/nowhere"}, capture_output=True, text=True, check=True)
    fields = done.stdout.split("\0")
    shell = dict(zip(map(int, fields[0:-1:2]), fields[1::2], strict=True))
    assert {number: known[number] for number in known if shell.get(number) != known[number][1]} == {}


@pytest.mark.parametrize("piece", ["x", "A='", "A=$(", "A=${", "A=`", "A=x\n", "#\n", '"', "\\", "$A"])
@pytest.mark.parametrize("start", ["", 'A="', "A="], ids=["", "quoted", "plain"])
def test_long_texts_take_no_long_time(start: str, piece: str) -> None:
    """No text makes it read any part again and again."""
    begin = time.monotonic()
    parse(start + piece * 15_000, "/conf")
    assert time.monotonic() - begin < 5.0


def test_a_text_that_doubles_itself_is_not_followed() -> None:
    found = parse("A=xxxxxxxx\n" + 'A="$A$A"\n' * 60, "/conf").get("A")
    assert found.text is None and str(LONGEST) in found.why
