# SPDX-License-Identifier: Apache-2.0
"""Files whatever is in them: modes, secrets, and those that the distribution ships."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.lint import packages
from orchestrator.lint.assumed import Assumed
from orchestrator.lint.findings import Finding, shown
from orchestrator.lint.manifest import File, Kind, Manifest
from orchestrator.lint.source import MAGIC

DEFAULT_MODE = 0o644
OTHERS = 0o077
PRIVATE = (b"PRIVATE KEY-----", b"PuTTY-User-Key-File")
LONGEST_KEY = 64 << 10
# A mode of three octal digits that was written as the decimal number.
MODES = (0o400, 0o440, 0o444, 0o600, 0o640, 0o644, 0o660, 0o664, 0o700, 0o750, 0o755)
IN_OCTAL = {int(f"{digits:o}"): digits for digits in MODES}
SHIPPED = (packages.KDUMP_CONF, packages.SYSCONFIG, packages.TOOLS)
CREDENTIALS = ("ftp", "ftps", "sftp", "ssh", "scp", "nfs", "cifs", "smb", "http", "https")


def findings(config: Manifest, machine: Assumed) -> Iterator[Finding]:
    """All of this theme."""
    for file in config.files:
        if file.path in SHIPPED and _collides(config, file):
            yield Finding("file-exists", file.place, f"the distribution ships {file.path}, and overwrite is not true")
        secret = _secret(file)
        mode = DEFAULT_MODE if file.mode is None else file.mode
        if secret and mode & OTHERS:
            said = f"mode {mode} is {mode:04o}" if file.mode is not None else f"without a mode it gets {mode:04o}"
            sentence = f"{shown(file.path)} holds {secret}, and {said}, which opens it to others"
            yield Finding("file-secret", file.place, sentence)
        elif mode in IN_OCTAL and (secret or packages.concerns_kdump(file.path)):
            meant = IN_OCTAL[mode]
            yield Finding(
                "file-mode", file.place, f"mode {mode} is {mode:04o} in octal", f"write {meant}, which is {meant:04o}"
            )
        data = file.contents.data if file.contents is not None else None
        if data is not None and data.startswith(MAGIC) and packages.concerns_kdump(file.path):
            yield Finding("data-gzip", file.place, f"{shown(file.path)} is packed with gzip, and compression does not say so")


def _collides(config: Manifest, file: File) -> bool:
    """Would Ignition stop at the file that is there? (The machine config operator writes over it.)"""
    added = file.contents is None or file.contents.added
    return config.kind is Kind.IGNITION and not file.overwrite and not added


def _secret(file: File) -> str:
    """What sort of secret the contents are, "" where none is known. They are never shown."""
    data = file.contents.data if file.contents is not None else None
    if not data:
        return ""
    if any(mark in data[:LONGEST_KEY] for mark in PRIVATE):
        return "a private key"
    if file.path not in packages.PACKAGE_FILES:
        return ""
    return "a URL with a password" if _has_password(data.decode("utf-8", "replace")) else ""


def _has_password(text: str) -> bool:
    """Is there a URL with USER:PASSWORD@?"""
    for word in text.replace('"', " ").replace("'", " ").replace("=", " ").split():
        scheme, found, rest = word.partition("://")
        account, at_sign, _ = rest.partition("/")[0].rpartition("@")
        if found and at_sign and ":" in account and scheme.lower() in CREDENTIALS:
            return True
    return False
