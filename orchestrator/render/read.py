# SPDX-License-Identifier: Apache-2.0
"""The files that a request names: a list of words, ssh's private key, ssh's known hosts. No message holds what is in a key.

Sources: OpenSSH PROTOCOL.key (openssh-key-v1, cipher "none"), RFC 1421 (Proc-Type), RFC 5208 (ENCRYPTED PRIVATE KEY).
"""

from __future__ import annotations

import binascii
import os
import stat

from orchestrator.errors import Refusal
from orchestrator.render.words import Given
from orchestrator.rules import known_hosts
from orchestrator.rules.known_hosts import Known

LARGEST = 64 << 10
OTHERS = stat.S_IRWXG | stat.S_IRWXO
READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC  # a FIFO is not waited for
BEGIN, END, DASHES = "-----BEGIN ", "-----END ", "-----"
OPENSSH, ENCRYPTED = "OPENSSH PRIVATE KEY", "ENCRYPTED"
UNENCRYPTED = b"openssh-key-v1\0\0\0\0\4none"  # the magic, then the cipher's name with its length before it


def words(path: str) -> str:
    """The text of a file of words."""
    try:
        return _content(path, "--from", secret=False).decode()
    except UnicodeDecodeError:
        raise Refusal(f"{path} is not UTF-8; save it as UTF-8") from None


def private_key(given: Given) -> str:
    """ssh's private key, from a file that nobody else may read. Refusal for one that a machine could not use by itself."""
    if "PRIVATE KEY" in given.value or given.value.startswith(DASHES):
        raise Refusal(f"{given.where} takes a file's name and no key, as everybody sees a command line; put it into a file")
    return key_text(_content(_place(given), given.where, secret=True), given.where)


def key_text(content: bytes, where: str) -> str:
    """A private key file's text."""
    text = _ascii(content, where)
    kind, header, body = _armour(text, where)
    decoded = _decoded(body, where)
    if ENCRYPTED in kind or ENCRYPTED in header or (kind == OPENSSH and not decoded.startswith(UNENCRYPTED)):
        raise Refusal(f"the key of {where} has a passphrase, which nobody can give after a crash; make one without")
    return text


def host_keys(given: Given, host: str) -> str:
    """The lines of a known hosts file that are about this host."""
    return host_lines(_content(_place(given), given.where, secret=False), given.where, host)


def host_lines(content: bytes, where: str, host: str) -> str:
    """The lines about a host of a known hosts file's text."""
    text = _ascii(content, where)
    lines = [" ".join(line.split()) for line in text.splitlines() if known_hosts.look_up(line, host.lower()) is Known.YES]
    if lines:
        return "".join(f"{line}\n" for line in lines)
    doubt = known_hosts.look_up(text, host.lower()) is Known.UNKNOWN
    found = "hashed names or patterns, which are not worked out, and no" if doubt else "no"
    mend = f"add the line that ssh-keyscan {host} prints, once you have checked it"
    raise Refusal(f"the file of {where} has {found} key of {host}; {mend}")


def _place(given: Given) -> str:
    """Where the file is."""
    return os.path.join(given.directory, given.value)


def _content(path: str, where: str, *, secret: bool) -> bytes:
    """A regular file's bytes. The name of a key's file is not repeated where there is no such file: it may be the key."""
    try:
        file = os.open(path, READ)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", "bad name")
        raise Refusal(f"the file of {where} cannot be read ({why}); name one that can") from None
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise Refusal(f"the file of {where} is no regular file; name one that is")
        if secret and status.st_mode & OTHERS:
            whose = f"others than its owner may use the key file of {where} (mode {stat.S_IMODE(status.st_mode):04o})"
            raise Refusal(f"{whose}; make it private by chmod 600, or make a new key")
        found = os.read(file, LARGEST + 1)
    finally:
        os.close(file)
    if len(found) > LARGEST:
        raise Refusal(f"the file of {where} is larger than {LARGEST >> 10} KiB; shorten it")
    return found


def _ascii(content: bytes, where: str) -> str:
    """Lines of printable ASCII with a newline at the end of each."""
    try:
        text = content.decode("ascii").rstrip("\n") + "\n"
    except UnicodeDecodeError:
        text = "\0"
    if not text.replace("\n", "").replace("\t", "").isprintable():
        raise Refusal(f"the file of {where} holds something else than lines of plain text, such as CR LF; save it without")
    return text


def _armour(text: str, where: str) -> tuple[str, str, str]:
    """What a PEM file says it is, its headers, and its body in one line."""
    first, *lines = text.splitlines()
    kind = first.removeprefix(BEGIN).removesuffix(DASHES)
    if first != f"{BEGIN}{kind}{DASHES}" or not kind.endswith("PRIVATE KEY") or lines[-1:] != [f"{END}{kind}{DASHES}"]:
        raise Refusal(f"the file of {where} is no private key as ssh-keygen writes it; name the one without .pub")
    headers = [line for line in lines if ":" in line]
    return kind, " ".join(headers), "".join(line for line in lines[:-1] if ":" not in line)


def _decoded(body: str, where: str) -> bytes:
    """The bytes of a PEM body."""
    try:
        return binascii.a2b_base64(body, strict_mode=True)
    except binascii.Error:
        raise Refusal(f"the key of {where} is damaged; copy it once more") from None
