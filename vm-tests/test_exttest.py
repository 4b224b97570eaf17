# SPDX-License-Identifier: Apache-2.0
"""What finds, reads and runs kola's external tests, where no machine is needed."""

from __future__ import annotations

from pathlib import Path

import pytest
from exttest import butane, found, header, plainyaml, protocol, runner
from exttest.butane import ButaneError
from exttest.header import HeaderError
from exttest.plainyaml import PlainYamlError
from harness.ignition import Config
from test_kola import CHECKOUT, OTHERS, SAMPLE, TESTS, UPDATE

BUTANE_FILES = sorted((CHECKOUT / found.TESTS).rglob(found.BUTANE))


def test_every_test_has_its_place() -> None:
    """Here, and under the name by which kola knows it."""
    assert set(TESTS) == {UPDATE, *(name for life in (*SAMPLE, *OTHERS) for name in life)}
    assert TESTS["refused"].name == f"ext.{CHECKOUT.resolve().name}.refused"


@pytest.mark.parametrize("name", sorted(TESTS))
def test_headers_say_what_kola_is_to_know(name: str) -> None:
    """What crashes or fails units skips the base checks; what reserves memory has the memory; the update waits to be asked for."""
    asked = TESTS[name].header
    assert asked.description.endswith(".")
    text = TESTS[name].program.read_text()
    assert (header.SKIP_BASE_CHECKS in asked.tags) == ("panic\n" in text or "is-failed" in text)
    assert asked.memory_mib == (4096 if "wait_armed" in text else 1024)
    assert asked.required_tag == (UPDATE if name == UPDATE else "")


@pytest.mark.parametrize("path", BUTANE_FILES, ids=lambda path: str(path.parent.name))
def test_butane_and_ignition_agree(path: Path) -> None:
    """By the reader here, and by butane(1) where it is installed. No config asks for a kernel argument."""
    kept = path.with_name(found.CONFIG)
    assert butane.disagreement(path, kept) == ""
    assert "kernelArguments" not in kept.read_text()


def test_disagreement_is_found(tmp_path: Path) -> None:
    one, other = tmp_path / "a.bu", tmp_path / "a.ign"
    one.write_text("variant: fcos\nversion: 1.4.0\nsystemd:\n  units:\n    - name: a.service\n      enabled: true\n")
    other.write_text('{"ignition": {"version": "3.3.0"}, "systemd": {"units": [{"name": "a.service", "enabled": false}]}}')
    assert "a.service" in butane.disagreement(one, other)


TRANSLATED = """\
# a comment
variant: fcos
version: 1.4.0
storage:
  files:
    - path: /etc/a
      mode: 0644
      contents:
        inline: |
          a=1  # is text

            b
    - path: /etc/b
systemd:
  units:
    - name: a.service
      mask: true
"""


def test_translation() -> None:
    """As `butane --strict` has it, but for the empty compression, which says nothing."""
    assert butane.translate(TRANSLATED) == {
        "ignition": {"version": "3.3.0"},
        "storage": {
            "files": [
                {"path": "/etc/a", "mode": 420, "contents": {"source": "data:,a%3D1%20%20%23%20is%20text%0A%0A%20%20b%0A"}},
                {"path": "/etc/b"},
            ]
        },
        "systemd": {"units": [{"name": "a.service", "mask": True}]},
    }


def test_encodings_of_the_same_text_agree() -> None:
    plain: plainyaml.Value = {"source": "data:,a%3D1", "compression": ""}
    encoded: plainyaml.Value = {"source": "data:;base64,YT0x"}
    assert butane.canonical(plain) == butane.canonical(encoded) != butane.canonical({"source": "data:,a%3D2"})


HEAD = "variant: fcos\nversion: 1.4.0\n"


@pytest.mark.parametrize(
    "text",
    [
        "variant: fcos\nversion: 1.5.0\n",
        "variant: rhcos\nversion: 1.4.0\n",
        f"{HEAD}kernel_arguments:\n  should_exist:\n    - a\n",
        f"{HEAD}systemd:\n  units:\n    - name: a\n      dropins:\n        - name: b\n          source: c\n",
        f"{HEAD}systemd:\n  units:\n    - name: a\n      enabled: 1\n",
        f"{HEAD}storage:\n  directories:\n    - path: /a\n",
        f"{HEAD}storage:\n  files:\n    - path: /a\n      contents:\n        local: a\n",
    ],
)
def test_butane_that_is_not_known_is_refused(text: str) -> None:
    with pytest.raises(ButaneError):
        butane.translate(text)


@pytest.mark.parametrize(
    "text",
    [
        "a: 'b'", 'a: "b', 'a: "\\n"', 'a: "b" c', "a: {b: c}", "a: [b]", "a: &b c", "a: *b", "a: !b c", "a: >\n  b", "a: |-\n  b", "a:", "a: b: c", "a: b # c",
        "a: 1.4", "a: 0x10", "a: 08", "a: 1_000", "a: 1e3", "a: null", "a: yes", "a: True", "a: ~", "- a", "a: b\n  c: d", "a: b\n c", "a: b\na: c",
        "a:\n- b", "a:\n  - b\n   - c", "a: |\n   b\n  c", "a: |\n\n  b", "---\na: b", "a: b\n\tc: d", "\ta: b", "",
    ],
)  # fmt: skip
def test_yaml_that_is_not_known_is_refused(text: str) -> None:
    """None of it is guessed at."""
    with pytest.raises(PlainYamlError):
        plainyaml.read(text)


@pytest.mark.parametrize(
    ("yaml", "wrong"),
    [
        ("description: a\n##   exclusive: false", "exclusive"),
        ("description: a\n##   minMemory: much", "minMemory"),
        ("tags: a", "no description"),
    ],
)
def test_header_that_would_not_be_acted_on(yaml: str, wrong: str) -> None:
    with pytest.raises(HeaderError, match=wrong):
        header.parse(f"#!/bin/bash\n## kola:\n##   {yaml}\n")
    with pytest.raises(HeaderError, match="no line"):
        header.parse("#!/bin/bash\n")


def test_layout_that_kola_would_take_otherwise(tmp_path: Path) -> None:
    """A program that is not executable, and a Butane file without its Ignition."""
    directory = tmp_path / found.TESTS / "a"
    directory.mkdir(parents=True)
    program = directory / found.DEFAULT
    program.write_text("#!/bin/bash\n## kola:\n##   description: A.\n")
    with pytest.raises(found.LayoutError, match="neither executable"):
        found.tests(tmp_path)
    program.chmod(0o755)
    assert [test.name for test in found.tests(tmp_path)] == [f"ext.{tmp_path.name}.a"]
    (directory / found.BUTANE).write_text(HEAD)
    with pytest.raises(found.LayoutError, match=found.CONFIG):
        found.tests(tmp_path)


def test_a_life_has_one_config() -> None:
    with pytest.raises(ValueError, match="different configs"):
        runner.config([TESTS["refused"], TESTS["explicit-size"]])
    shared = runner.config([TESTS["provision-and-armed"], TESTS["crash-and-vmcore"]])
    assert [unit["name"] for unit in shared.units][-2:] == [protocol.unit_name(0), protocol.unit_name(1)]


def test_config_with_more_in_it_is_refused() -> None:
    with pytest.raises(ValueError, match="more in it"):
        Config.from_json('{"ignition": {"version": "3.3.0"}, "passwd": {"users": [{"name": "core"}]}}')
