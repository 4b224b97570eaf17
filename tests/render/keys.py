# SPDX-License-Identifier: Apache-2.0
"""Files of ssh as a request names them. The keys are sound in form and open nothing."""

from __future__ import annotations

import base64
from pathlib import Path

HOST = "dumps.example.com"
HOST_KEY = f"{HOST},10.0.0.1 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEnxvfogI/KuHAnKTqBm4evU1/Lr3Zeh7X3BBS4AB3iD"
SECRET = "c2VjcmV0c2VjcmV0"  # in the body of every key here


def armoured(kind: str, body: str, *headers: str) -> str:
    """A PEM file."""
    return "\n".join([f"-----BEGIN {kind}-----", *headers, body, f"-----END {kind}-----", ""])


def openssh(cipher: bytes = b"none") -> str:
    """A key as ssh-keygen writes it."""
    start = b"openssh-key-v1\0" + len(cipher).to_bytes(4, "big") + cipher
    return armoured("OPENSSH PRIVATE KEY", base64.b64encode(start + b"\0" * (-len(start) % 3)).decode() + SECRET)


def key_file(directory: Path, text: str = "", mode: int = 0o600) -> Path:
    """A file with a key."""
    path = directory / "key"
    path.touch(mode)
    path.write_text(text or openssh())
    path.chmod(mode)
    return path


def hosts_file(directory: Path, text: str = f"# a comment\nother ssh-rsa AAAA\n{HOST_KEY}\n") -> Path:
    """A known hosts file."""
    path = directory / "hosts"
    path.write_text(text)
    return path


def ssh_options(directory: Path, place: str = "") -> list[str]:
    """The options of a dump over ssh."""
    names = ["--key", str(key_file(directory)), "--known-hosts", str(hosts_file(directory))]
    return ["--ssh", f"kdump@{HOST}{place}", *names]
