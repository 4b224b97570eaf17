# SPDX-License-Identifier: Apache-2.0
"""log.py: one line a message, with a priority for the journal."""

from __future__ import annotations

import io
import os
import socket
import subprocess
import sys

import pytest

from orchestrator import log
from tests.invocation import CHECKOUT


def identity(file: int) -> str:
    """What systemd puts into JOURNAL_STREAM for this open file."""
    status = os.fstat(file)
    return f"{status.st_dev}:{status.st_ino}"


def test_one_line_whatever_it_holds(capsys: pytest.CaptureFixture[str]) -> None:
    log.say(log.ERROR, "a\nb\r\x0bc\u2028d  e")
    assert capsys.readouterr() == ("", "kdump-karg: a b c d e\n")


# JOURNAL_STREAM, where {own} is stderr's own and {dev} its device; the prefix
STREAMS: list[tuple[str, str | None, str]] = [
    ("unset", None, ""),
    ("empty", "", ""),
    ("stderr's own", "{own}", "<3>"),
    ("another inode", "{dev}:1", ""),
    ("another device", "9999:{ino}", ""),
    ("cut short", "{dev}:", ""),
    ("one number", "{dev}", ""),
    ("three numbers", "{own}:1", ""),
    ("more after it", "{own} ", ""),
    ("words", "a:b", ""),
]


@pytest.mark.parametrize(("stream", "start"), [row[1:] for row in STREAMS], ids=[row[0] for row in STREAMS])
def test_the_prefix_is_for_the_journal_only(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], stream: str | None, start: str
) -> None:
    own = identity(sys.stderr.fileno())
    device, _, inode = own.partition(":")
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    if stream is not None:
        monkeypatch.setenv("JOURNAL_STREAM", stream.format(own=own, dev=device, ino=inode))
    log.say(log.ERROR, "a")
    assert capfd.readouterr().err == f"{start}kdump-karg: a\n"


SAY = "from orchestrator import log; log.say(log.INFO, 'a')"


def said(write: int, read: int, stream: str) -> bytes:
    """What a process of its own says into an open file, with that JOURNAL_STREAM; the file is closed here."""
    environment = {"PATH": os.environ["PATH"], "JOURNAL_STREAM": stream, "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([sys.executable, "-c", SAY], cwd=CHECKOUT, env=environment, stderr=write, check=True)
    os.close(write)
    with open(read, "rb") as ours:
        return ours.read()


def test_a_socket_to_the_journal_gets_the_prefix() -> None:
    """As systemd has it for StandardError=journal and journal+console: stderr is the stream socket itself."""
    theirs, ours = socket.socketpair()
    write, read = theirs.detach(), ours.detach()
    assert said(write, read, identity(write)) == b"<6>kdump-karg: a\n"


def test_a_pipe_below_a_unit_gets_none() -> None:
    """`kdump-karg ... 2>&1 | less` in a unit's shell: the variable is inherited, the journal is not what is written to."""
    theirs, ours = socket.socketpair()
    with theirs, ours:
        read, write = os.pipe()
        assert said(write, read, identity(theirs.fileno())) == b"kdump-karg: a\n"


def test_what_is_no_open_file_is_not_the_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", identity(2))
    monkeypatch.setattr(sys, "stderr", stderr := io.StringIO())
    log.say(log.ERROR, "a")
    assert stderr.getvalue() == "kdump-karg: a\n"


def test_a_closed_stderr_is_no_error() -> None:
    command = f"JOURNAL_STREAM=1:2 exec {sys.executable} -c \"{SAY}\" 2>&-"
    assert subprocess.run(["sh", "-c", command], cwd=CHECKOUT, check=False).returncode == 0


def test_debug_messages_are_for_those_who_ask(capsys: pytest.CaptureFixture[str]) -> None:
    log.debug("one")
    log.set_verbose(True)
    try:
        log.debug("two")
    finally:
        log.set_verbose(False)
    assert "one" not in (said := capsys.readouterr().err) and "two" in said
