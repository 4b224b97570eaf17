# SPDX-License-Identifier: Apache-2.0
"""What lint says of Ignition, asked of Ignition itself: the program ignition-validate of Debian's package ignition."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from tests.lint.configs import Config, checks, ignition
from tests.lint.test_checks import CLEAN, FOUND
from tests.lint.test_reading import BROKEN, PLAIN, URLS, is_taken

PROGRAM = "ignition-validate"
# A config with one of these is refused by Ignition before anything is done; of what else is an error it knows nothing.
REFUSED = ("ignition-version", "file-twice", "crashkernel-removed", "data-url")
ASKED = [(row[0], row[1]) for row in FOUND if row[0] in REFUSED and "kind" not in row[1]]

pytestmark = pytest.mark.skipif(shutil.which(PROGRAM) is None, reason=f"{PROGRAM} is not installed")


def said(config: Config) -> tuple[bool, str]:
    """Is the config valid, and what does the program say?"""
    done = subprocess.run([PROGRAM, "-"], input=json.dumps(config), capture_output=True, text=True, check=False)
    return done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "config", [row[1] for row in CLEAN if "kind" not in row[1]], ids=[row[0] for row in CLEAN if "kind" not in row[1]]
)
def test_what_is_clean_is_valid(config: Config) -> None:
    assert said(config)[0], said(config)


@pytest.mark.parametrize("config", [row[1] for row in ASKED], ids=[f"{row[0]}-{number}" for number, row in enumerate(ASKED)])
def test_what_is_said_to_be_refused_is(config: Config) -> None:
    assert not said(config)[0]


def test_kernel_arguments_of_an_old_version_are_passed_over() -> None:
    config = next(row[1] for row in FOUND if row[0] == "kargs-version")
    assert said(config)[0] and "Unused key kernelArguments" in said(config)[1]


@pytest.mark.parametrize("urls", [[url for url, _ in URLS], BROKEN, PLAIN], ids=["good", "broken", "every character"])
def test_a_data_url_is_taken_by_both_or_none(urls: list[str]) -> None:
    for url in urls:
        if "\ud800" in url:  # no JSON that Go reads holds half a character
            continue
        config = ignition(storage={"files": [{"path": "/a", "contents": {"source": url}}]})
        assert is_taken(url) is said(config)[0], (url, said(config))
        assert ("data-url" in checks(config)) is not is_taken(url)
