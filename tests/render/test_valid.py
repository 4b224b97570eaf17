# SPDX-License-Identifier: Apache-2.0
"""A table of requests, by somebody else's word: Ignition's validator, PyYAML, and our own reader of YAML."""

from __future__ import annotations

import base64
import gzip
import json
import shutil
import subprocess
import urllib.parse
from pathlib import Path
from typing import Any

import pytest
from exttest import butane, plainyaml

from tests.render.table import DISTRIBUTIONS, TARGETS, rendered, requests

VALIDATOR = "ignition-validate"
PYTHON = "/usr/bin/python3"  # the distribution's, which may have PyYAML
YAML_TO_JSON = "import json, sys, yaml; print(json.dumps(list(map(yaml.safe_load, json.load(sys.stdin)))))"
LEAST = 120  # requests: all but those that a package cannot carry out


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Every request that is not refused."""
    return dict(requests(tmp_path_factory.mktemp("table")))


def test_the_table_has_every_target_and_distribution(table: dict[str, list[str]]) -> None:
    assert len(table) >= LEAST
    wanted = {(distribution, target) for distribution in DISTRIBUTIONS for target in TARGETS}
    missing = wanted - {tuple(name.split(", ")[:2]) for name in table}
    assert missing == {("debian", "raw"), ("suse", "raw")}


@pytest.mark.skipif(shutil.which(VALIDATOR) is None, reason=f"{VALIDATOR} is not installed (Debian's package ignition)")
def test_ignition_takes_every_one(table: dict[str, list[str]], tmp_path: Path) -> None:
    """Without an error and without a warning."""
    for name, options in table.items():
        file = tmp_path / "config.ign"
        file.write_text(rendered(*options))
        done = subprocess.run([VALIDATOR, str(file)], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), name


@pytest.mark.skipif(shutil.which(VALIDATOR) is None, reason=f"{VALIDATOR} is not installed (Debian's package ignition)")
def test_the_validator_finds_what_is_wrong(tmp_path: Path) -> None:
    """One file twice, which is what a request with two configurations of one package would be."""
    config = json.loads(rendered("--crashkernel", "1G"))
    config["storage"]["files"] *= 2
    file = tmp_path / "config.ign"
    file.write_text(json.dumps(config))
    assert subprocess.run([VALIDATOR, str(file)], capture_output=True, check=False).returncode != 0


def with_format(table: dict[str, list[str]], kind: str) -> dict[str, tuple[dict[str, Any], str]]:
    """The Ignition config of every request that has this format, too, and its text in that format."""
    found = {}
    for name, options in table.items():
        if kind == "machineconfig" and (not name.startswith("fedora") or name.endswith((", plain", ", auto"))):
            continue
        found[name] = json.loads(rendered(*options)), rendered(*options, "--format", kind)
    return found


def by_pyyaml(texts: list[str]) -> list[Any]:
    """The documents as PyYAML reads them."""
    done = subprocess.run([PYTHON, "-c", YAML_TO_JSON], input=json.dumps(texts), capture_output=True, text=True, check=False)
    if "No module named 'yaml'" in done.stderr or not Path(PYTHON).exists():
        pytest.skip("PyYAML is not installed (Debian's package python3-yaml)")
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


def test_butane_says_the_same(table: dict[str, list[str]]) -> None:
    for name, (config, text) in with_format(table, "butane").items():
        assert butane.canonical(butane.translate(text)) == butane.canonical(config), name


BUTANE = pytest.mark.skipif(
    shutil.which(butane.PROGRAM) is None, reason="butane is not installed, and Debian has no package of it"
)


def by_butane(text: str) -> str:
    """What butane makes of a config, without an error and without a warning."""
    done = subprocess.run([butane.PROGRAM, "--strict"], input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def unpacked(value: Any) -> Any:
    """The same with every text as it is, however butane encodes it."""
    if isinstance(value, list):
        return [unpacked(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    if "source" not in value:
        return {key: unpacked(inner) for key, inner in value.items()}
    kind, _, data = value["source"].partition(",")
    content = base64.b64decode(data) if kind.endswith(";base64") else urllib.parse.unquote_to_bytes(data)
    return (gzip.decompress(content) if value.get("compression") == "gzip" else content).decode()


@BUTANE
def test_butane_itself_makes_the_same(table: dict[str, list[str]]) -> None:
    for name, (config, text) in with_format(table, "butane").items():
        assert unpacked(json.loads(by_butane(text))) == unpacked(config), name


@BUTANE
def test_butane_makes_the_same_machineconfig(table: dict[str, list[str]]) -> None:
    """With the variant openshift, which refuses what Machine Config Operator does not take."""
    for name, (_, text) in with_format(table, "machineconfig").items():
        document: Any = plainyaml.read(text)
        config = {key: value for key, value in document["spec"]["config"].items() if key != "ignition"}
        asked = {"variant": "openshift", "version": "4.8.0", "metadata": document["metadata"], **config}
        asked["openshift"] = {"kernel_arguments": document["spec"]["kernelArguments"]}
        (made,) = by_pyyaml([by_butane(json.dumps(asked))])  # JSON is YAML, too
        assert unpacked(made) == unpacked(document), name


def without_size(config: dict[str, Any]) -> dict[str, Any]:
    """A config without our own file, which a MachineConfig does not have: its size is a kernel argument."""
    kept = [file for file in config["storage"]["files"] if file["path"] != "/etc/kdump-karg.conf"]
    rest = {key: value for key, value in config.items() if key != "storage"}
    return {**rest, "storage": {"files": kept}} if kept else rest


def test_a_machineconfig_has_the_same_config(table: dict[str, list[str]]) -> None:
    found = with_format(table, "machineconfig")
    assert found
    for name, (config, text) in found.items():
        document: Any = plainyaml.read(text)
        assert document["spec"]["config"] == without_size(config), name
        (argument,) = document["spec"]["kernelArguments"]
        assert argument.startswith("crashkernel=")
        labels = {"machineconfiguration.openshift.io/role": "worker"}
        assert document["metadata"] == {"labels": labels, "name": "99-worker-kdump"}


@pytest.mark.parametrize("kind", ["butane", "machineconfig"])
def test_every_reader_of_yaml_agrees(table: dict[str, list[str]], kind: str) -> None:
    texts = [text for _, text in with_format(table, kind).values()]
    assert by_pyyaml(texts) == [plainyaml.read(text) for text in texts]


def test_machine_config_operator_takes_what_is_in_it(table: dict[str, list[str]]) -> None:
    """butane's config/openshift: no directories, links, appended texts or special modes."""
    for name, (_, text) in with_format(table, "machineconfig").items():
        document: Any = plainyaml.read(text)
        storage = document["spec"]["config"].get("storage", {"files": []})
        assert set(storage) == {"files"}, name
        for file in storage["files"]:
            assert set(file) == {"path", "mode", "overwrite", "contents"} and file["mode"] <= 0o777


@pytest.mark.parametrize("kind", ["ignition", "butane"])
def test_the_same_request_gives_the_same_bytes(table: dict[str, list[str]], kind: str) -> None:
    for options in table.values():
        turned = [word for pair in reversed(list(zip(options[::2], options[1::2], strict=True))) for word in pair]
        assert rendered(*options, "--format", kind) == rendered(*turned, "--format", kind)
