# SPDX-License-Identifier: Apache-2.0
"""known_hosts.py: whose key ssh knows, as far as it can be told without ssh."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from orchestrator.rules.known_hosts import Known, host_of, is_changed, look_up

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ2Q0D4QpJ6m5x0mG3H0m0Jq8n2c3v8w0b5m0Zk9n7aT"
FILES: list[tuple[str, str, Known]] = [
    ("plain", f"dumps.example.org {KEY}", Known.YES),
    ("one of several names", f"10.0.0.1,dumps.example.org {KEY}", Known.YES),
    ("in capitals", f"Dumps.Example.org {KEY}", Known.YES),
    ("with the usual port, as ssh never writes it", f"[dumps.example.org]:22 {KEY}", Known.NO),
    ("an authority", f"@cert-authority dumps.example.org {KEY}", Known.YES),
    ("another port", f"[dumps.example.org]:2222 {KEY}", Known.NO),
    ("revoked", f"@revoked dumps.example.org {KEY}", Known.NO),
    ("commented out", f"#dumps.example.org {KEY}", Known.NO),
    ("another host", f"dumps.example.com {KEY}", Known.NO),
    ("a name in a comment", f"other {KEY} dumps.example.org", Known.NO),
    ("no key", "dumps.example.org", Known.NO),
    ("nothing", "", Known.NO),
    ("hashed", f"|1|F1E1KeoE/eEWhi10WpGv4OdiO6Y=|3988QV0VE8wmZL7suNrYQLITLCg= {KEY}", Known.UNKNOWN),
    ("a pattern", f"*.example.org {KEY}", Known.UNKNOWN),
    ("a pattern and the name", f"*.example.org {KEY}\ndumps.example.org {KEY}", Known.YES),
]


@pytest.mark.parametrize(("text", "expected"), [row[1:] for row in FILES], ids=[row[0] for row in FILES])
def test_look_up(text: str, expected: Known) -> None:
    assert look_up(text, "dumps.example.org") == expected


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")
@pytest.mark.parametrize(("text", "expected"), [row[1:] for row in FILES[:11]], ids=[row[0] for row in FILES[:11]])
def test_ssh_agrees(tmp_path: Path, text: str, expected: Known) -> None:
    """ssh-keygen finds a revoked key too, and says so."""
    (tmp_path / "known").write_text(text + "\n")
    argv = ["ssh-keygen", "-F", "dumps.example.org", "-f", str(tmp_path / "known")]
    found = subprocess.run(argv, capture_output=True, text=True, check=False).stdout
    assert (bool(found) and "REVOKED" not in found) == (expected is Known.YES)


HOSTS = [("dump@Server", "server"), ("server", "server"), ("a@[fe80::1]", "fe80::1"), ("a@b@c", "c"), ("", "")]


@pytest.mark.parametrize(("destination", "host"), HOSTS)
def test_host(destination: str, host: str) -> None:
    assert host_of(destination) == host


CONFIGS: list[tuple[str, bool]] = [
    ("", False),
    ("# StrictHostKeyChecking no\nUser dump\n", False),
    ("StrictHostKeyChecking no\n", True),
    ("  stricthostkeychecking=no\n", True),
    ("Host *\n    HashKnownHosts yes\n    SendEnv LANG\n", False),
    ("Host *\n    UserKnownHostsFile /dev/null\n", True),
    ("Host unix/* vsock/*\n    StrictHostKeyChecking no\n", False),
    ("Host server\n  HostName 10.0.0.1\n", True),
    ("Host ser*\n  Port 2222\n", True),
    ("Host other\n  Port 2222\nHost third\n  User x\n", False),
    ("Host other\n  User x\nMatch user root\n  HostKeyAlias y\n", True),
]


@pytest.mark.parametrize(("text", "expected"), CONFIGS)
def test_what_ssh_is_configured_to_look_up(text: str, expected: bool) -> None:
    assert is_changed(text, "server") is expected
