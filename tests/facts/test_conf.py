# SPDX-License-Identifier: Apache-2.0
"""conf.py: the configuration files and which of them counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import Refusal
from orchestrator.facts import conf
from orchestrator.facts.conf import Conf
from tests.sample import Sample

VENDOR, ADMIN, DROP_IN = "usr/lib/kdump-karg.conf.d", "etc/kdump-karg.conf", "etc/kdump-karg.conf.d"

GOOD = [
    ("nothing", "", Conf()),
    ("only comments", "# crashkernel=1M\n\n \t\n  # x\n", Conf()),
    ("a size", "crashkernel=256M\n", Conf("256M", "/f:1")),
    ("no final newline", "crashkernel=256M", Conf("256M", "/f:1")),
    ("blanks", "\n \tcrashkernel \t= \t256M \t\n", Conf("256M", "/f:2")),
    ("auto", "crashkernel=auto\n", Conf("auto", "/f:1")),
    ("the last one counts", "crashkernel=1M\ncrashkernel=2M\n", Conf("2M", "/f:2")),
    ("an overridden bad value does no harm", "crashkernel=08M\ncrashkernel=2M\n", Conf("2M", "/f:2")),
    ("strict", "strict=yes\n", Conf(strict=True)),
    ("not strict", "strict=yes\nstrict=no\n", Conf()),
    ("both", "strict=yes\ncrashkernel=1G-:256M\n", Conf("1G-:256M", "/f:2", True)),
]


@pytest.mark.parametrize(("text", "expected"), [row[1:] for row in GOOD], ids=[row[0] for row in GOOD])
def test_good(text: str, expected: Conf) -> None:
    assert conf.merge(conf.parse(text, "/f")) == expected


BAD = [
    ("unknown key", "size=256M\n", ["/f:1", "'size'", "crashkernel, enable, strict"]),
    ("key in capitals", "CRASHKERNEL=1M\n", ["/f:1", "'CRASHKERNEL'", "crashkernel, enable, strict"]),
    ("byte order mark", "\ufeffcrashkernel=1M\n", ["/f:1", "\\ufeff"]),
    ("no equals sign", "\ncrashkernel 256M\n", ["/f:2", "'crashkernel 256M'", "key=value"]),
    ("section", "[kdump]\n", ["/f:1", "'[kdump]'", "key=value"]),
    ("empty value", "crashkernel=\n", ["/f:1", "no value", "256M"]),
    ("comment behind", "crashkernel=256M # x\n", ["/f:1", "' '"]),
    ("quotes", 'crashkernel="256M"\n', ["/f:1", "'\"'"]),
    ("CR LF", "crashkernel=256M\r\n", ["/f:1", "'\\r'"]),
    ("NUL", "crashkernel=256M\x00\n", ["/f:1", "'\\x00'"]),
    ("vertical tab is no line end", "crashkernel=256M\x0bstrict=no\n", ["/f:1", "'\\x0b'"]),
    ("a unit the kernel has not", "strict=no\ncrashkernel=256MB\n", ["/f:2", "256MB", "write 256M"]),
    ("strict=true", "strict=true\n", ["/f:1", "strict='true'", "yes", "no"]),
    ("enable=on", "enable=on\n", ["/f:1", "enable='on'", "yes", "no"]),
    ("strict with nothing", "strict=\n", ["/f:1", "strict=''"]),
]


@pytest.mark.parametrize(("text", "words"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_bad_names_file_line_value_and_fix(text: str, words: list[str]) -> None:
    with pytest.raises(Refusal) as caught:
        conf.merge(conf.parse(text, "/f"))
    for word in words:
        assert word in str(caught.value)


ORDER = [
    ("vendor only", {f"{VENDOR}/10.conf": "1M"}, "1M"),
    ("vendor in the order of names", {f"{VENDOR}/20.conf": "2M", f"{VENDOR}/10.conf": "1M"}, "2M"),
    ("admin's file over the vendor's", {f"{VENDOR}/99.conf": "1M", ADMIN: "2M"}, "2M"),
    ("drop-in over admin's file", {f"{VENDOR}/99.conf": "1M", ADMIN: "2M", f"{DROP_IN}/00.conf": "3M"}, "3M"),
    ("drop-ins in the order of names", {f"{DROP_IN}/a.conf": "1M", f"{DROP_IN}/b.conf": "2M"}, "2M"),
    ("a drop-in hides the vendor's of its name", {f"{VENDOR}/10.conf": "1M", f"{DROP_IN}/10.conf": None}, None),
    ("other suffixes and hidden files do not count", {f"{DROP_IN}/a.conf~": "1M", f"{DROP_IN}/.a.conf": "2M"}, None),
    ("hidden files of the vendor's neither", {f"{VENDOR}/.a.conf": "2M"}, None),
]


@pytest.mark.parametrize(("files", "expected"), [row[1:] for row in ORDER], ids=[row[0] for row in ORDER])
def test_order(tmp_path: Path, files: dict[str, str | None], expected: str | None) -> None:
    for path, size in files.items():
        Sample(tmp_path).write(path, f"crashkernel={size}\n" if size else "# nothing\n")
    found = conf.read(str(tmp_path))
    assert found.crashkernel == expected
    assert not expected or found.where.removeprefix("/").removesuffix(":1") in files


@pytest.mark.parametrize("path", [f"{DROP_IN}/10.conf", ADMIN], ids=["drop-in", "admin's file"])
def test_a_link_to_dev_null_masks(tmp_path: Path, path: str) -> None:
    sample = Sample(tmp_path)
    sample.write(f"{VENDOR}/10.conf", "crashkernel=1M\n")
    sample.link(path, "/dev/null")
    assert conf.read(str(tmp_path)).crashkernel == (None if path.endswith("10.conf") else "1M")


def test_what_is_not_utf8_is_refused(tmp_path: Path) -> None:
    Sample(tmp_path).write(ADMIN, b"# caf\xe9\ncrashkernel=1M\n")
    with pytest.raises(Refusal, match=f"^/{ADMIN} is not UTF-8"):
        conf.read(str(tmp_path))


STRICT = [
    ("nothing", {}, False),
    ("yes", {ADMIN: "strict=yes\n"}, True),
    ("yes, and a bad size", {ADMIN: "strict=yes\ncrashkernel=08M\n"}, True),
    ("yes, and another file is malformed", {ADMIN: "strict=yes\n", f"{DROP_IN}/x.conf": "nonsense\n"}, True),
    ("undone later", {ADMIN: "strict=yes\n", f"{DROP_IN}/x.conf": "strict=no\n"}, False),
]


@pytest.mark.parametrize(("files", "expected"), [row[1:] for row in STRICT], ids=[row[0] for row in STRICT])
def test_strict_is_heard_even_where_the_rest_is_malformed(tmp_path: Path, files: dict[str, str], expected: bool) -> None:
    for path, text in files.items():
        Sample(tmp_path).write(path, text)
    assert conf.is_strict(str(tmp_path)) is expected
