# SPDX-License-Identifier: Apache-2.0
"""process.py: the only module that starts other programs."""

from __future__ import annotations

import os

import pytest

from orchestrator.errors import Failure
from orchestrator.system import process


def test_both_streams_are_returned() -> None:
    assert process.run("sh", "-c", "echo out; echo err >&2") == "out\nerr"


def test_the_environment_is_small_and_ours() -> None:
    names = {line.partition("=")[0] for line in process.run("env").splitlines()}
    assert names == {"LC_ALL", "PATH"}


def test_arguments_meet_no_shell() -> None:
    assert process.run("printf", "%s|", "a b", "$HOME", ";true") == "a b|$HOME|;true|"


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo one; echo two >&2; exit 3", "failed with status 3: one / two"),
        ("exit 1", "failed with status 1 and no message"),
        ("kill -9 $$", "failed with status -9 and no message"),
        (r"printf '\377' ; exit 1", "failed with status 1: \ufffd"),
    ],
    ids=["words", "silent", "signal", "no UTF-8"],
)
def test_a_failure_names_the_command_and_its_words(script: str, message: str) -> None:
    with pytest.raises(Failure) as caught:
        process.run("sh", "-c", script)
    assert str(caught.value) == f"sh -c {script} {message}"


def test_a_missing_program_is_named() -> None:
    before = sorted(os.listdir("/proc/self/fd"))
    with pytest.raises(Failure, match="^the program no-such-program is not in /usr/bin, .*; install it into this image$"):
        process.run("no-such-program")
    assert sorted(os.listdir("/proc/self/fd")) == before
