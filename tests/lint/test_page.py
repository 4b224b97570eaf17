# SPDX-License-Identifier: Apache-2.0
"""docs/lint.md and docs/json.md say what lint does, and `plan` says what lint finds."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.lint import limits, run, table
from orchestrator.lint.options import Format
from orchestrator.rules import arch
from tests.conftest import Make
from tests.invocation import CHECKOUT, Output, call, one_line
from tests.lint.configs import kdump, merging, nested, unit
from tests.sample import NO_WISH
from tests.test_docs import documented, fields

PAGE = CHECKOUT / "docs/lint.md"
INITRAMFS = {"etc/initrd-release": ""}
MASKED = kdump("crashkernel=512M", units=(unit(mask=True),))


def test_the_table_is_the_codes() -> None:
    rows = [
        line.strip("| ").split(" | ") for line in PAGE.read_text().splitlines() if re.match(r"\| `[a-z]+-[a-z-]+` \|", line)
    ]
    checks = [[f"`{name}`", each.severity.value, each.what, each.source, each.mend] for name, each in table.CHECKS.items()]
    assert rows == checks
    assert not [cell for row in checks for cell in row if "|" in cell or "\n" in cell]


def test_the_page_names_the_formats_the_architectures_and_the_limits() -> None:
    text = PAGE.read_text()
    assert all(f"`{form.value}`" in text for form in Format)
    assert ", ".join(f"`{name}`" for name in arch.NAMES[:-1]) + f" or `{arch.NAMES[-1]}`" in text
    for number in (limits.LARGEST_FILE >> 20, limits.LARGEST_CONTENT >> 20, limits.MOST_CONTENT >> 20):
        assert f"{number} MiB" in text
    for number, what in ((limits.MOST_CONFIGS, "configs"), (limits.DEEPEST, "levels"), (limits.MOST_MEMBERS, "parts")):
        assert re.search(rf"more than {number}\s+{what}", text)


def test_the_json_fields_are_those_of_the_page(tmp_path: Path) -> None:
    config = {**MASKED, **merging(nested(kdump("crashkernel=0512M")))}
    (tmp_path / "config.ign").write_text(json.dumps(config))
    argv = [sys.executable, "-m", "orchestrator", "lint", "--json", str(tmp_path / "config.ign")]
    done = subprocess.run(argv, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert set(fields(json.loads(done.stdout))) == documented("lint --json")


@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
def test_plan_shows_what_is_wrong_with_the_rendered_config(make: Make, capsys: Output, as_json: bool) -> None:
    config = kdump("crashkernel=512M", units=(unit(mask=True), unit("kdumpctl.service")))
    sample = make(ignition=json.dumps(config), extra=INITRAMFS)
    before = sample.snapshot()
    call(sample, "plan", *(["--json"] if as_json else []))
    out = capsys.readouterr().out
    if as_json:
        assert [each["check"] for each in json.loads(out)["findings"]] == ["unit-masked", "unit-unknown"]
    else:
        shown = [line for line in out.splitlines() if line.startswith("warning: /run/ignition.json: /systemd/units/")]
        assert [line.rpartition("[")[2] for line in shown] == ["unit-masked]", "unit-unknown]"]
    assert sample.snapshot() == before


def test_plan_judges_by_the_machine_that_it_runs_on(make: Make, capsys: Output) -> None:
    """The sample has 8 GiB."""
    sample = make(ignition=json.dumps(kdump("crashkernel=16G-:1G")), extra=INITRAMFS)
    call(sample, "plan", "--json")
    assert [each["check"] for each in json.loads(capsys.readouterr().out)["findings"]] == ["crashkernel-nothing"]


@pytest.mark.parametrize(
    ("ignition", "extra"),
    [
        (NO_WISH, INITRAMFS),
        (json.dumps(kdump()), INITRAMFS),
        (json.dumps(MASKED), {}),
        (json.dumps(merging("https://h/x")), INITRAMFS),
    ],
    ids=["nothing asked", "an info", "not in the initramfs", "elsewhere"],
)
def test_plan_shows_no_more_than_that(make: Make, capsys: Output, ignition: str, extra: dict[str, str]) -> None:
    call(make(ignition=ignition, extra=extra), "plan", "--json")
    assert json.loads(capsys.readouterr().out)["findings"] == []


def test_apply_and_undo_do_not_lint(make: Make, capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "of_rendered", lambda root: pytest.fail("linted"))
    sample = make(extra=INITRAMFS)
    assert call(sample, "plan", "--undo") in (0, 3)
    capsys.readouterr()
    assert call(sample, "apply") == 0
    one_line(capsys.readouterr().err)
    assert call(sample, "status") in (0, 4)


def test_a_config_that_cannot_be_read_is_for_plan_to_refuse(make: Make) -> None:
    for text in ("nonsense", "[" * 200_000, '{"ignition": {"config": {"merge": [{"local": "/etc/passwd"}]}}}'):
        assert run.of_rendered(str(make(ignition=text).root)) == ()
    assert run.of_rendered(str(make(ignition=None).root)) == ()
