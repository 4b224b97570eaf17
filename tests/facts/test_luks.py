# SPDX-License-Identifier: Apache-2.0
"""luks.py and volumes.py: what unlocks a volume, from headers as cryptsetup lays them out."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from orchestrator.facts import luks, volumes
from orchestrator.facts.luks import Token, Volume
from tests.conftest import Make


def jwe(pin: str, settings: dict[str, Any]) -> str:
    """The protected header of a clevis JWE."""
    text = json.dumps({"alg": "dir", "clevis": {"pin": pin, pin: settings}, "enc": "A256GCM"})
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def clevis(pin: str, **settings: Any) -> dict[str, Any]:
    """A token as clevis-luks-bind makes it."""
    return {"type": "clevis", "keyslots": ["1"], "jwe": {"ciphertext": "x", "protected": jwe(pin, settings)}}


def systemd(*pcrs: int, **more: Any) -> dict[str, Any]:
    """A token as systemd-cryptenroll makes it."""
    return {"type": "systemd-tpm2", "keyslots": ["1"], "tpm2-blob": "x", "tpm2-pcrs": list(pcrs), **more}


def sss(threshold: int, *pins: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    """A clevis token that shares its secret between pins, each a compact JWE."""
    return clevis("sss", t=threshold, p="x", jwe=[f"{jwe(*pin)}.a.b.c.d" for pin in pins])


def area(*tokens: dict[str, Any], memory: int | None = None) -> bytes:
    """A JSON area, filled up with zeros."""
    kdf: dict[str, Any] = {"type": "pbkdf2"} if memory is None else {"type": "argon2id", "time": 4, "memory": memory, "cpus": 2}
    slots = {"0": {"type": "luks2", "kdf": kdf}, "1": {"type": "luks2", "kdf": {"type": "pbkdf2"}}}
    document = {"keyslots": slots, "tokens": {str(at): token for at, token in enumerate(tokens)}}
    return json.dumps(document).encode().ljust(12288, b"\0")


def header(content: bytes) -> bytes:
    """A LUKS2 header in front of a JSON area."""
    return (b"LUKS\xba\xbe\0\2" + (4096 + len(content)).to_bytes(8, "big")).ljust(4096, b"\0") + content


TPM8: tuple[str, dict[str, Any]] = ("tpm2", {"pcr_bank": "sha256", "pcr_ids": "8"})
TPM7: tuple[str, dict[str, Any]] = ("tpm2", {"pcr_bank": "sha256", "pcr_ids": "7"})
TANG: tuple[str, dict[str, Any]] = ("tang", {"url": "x"})
TOKENS: list[tuple[str, dict[str, Any], tuple[Token, ...]]] = [
    ("systemd", systemd(7), (Token("systemd-tpm2", (7,)),)),
    ("systemd with a signed policy", systemd(7, tpm2_pubkey_pcrs=[11, 8]), (Token("systemd-tpm2", (7, 8, 11)),)),
    ("systemd without registers", systemd(), (Token("systemd-tpm2"),)),
    ("systemd with a PIN asks a person anyway", systemd(8, **{"tpm2-pin": True}), ()),
    ("clevis", clevis("tpm2", pcr_ids="0,7,8"), (Token("clevis tpm2", (0, 7, 8)),)),
    ("clevis without registers", clevis("tpm2", hash="sha256"), (Token("clevis tpm2"),)),
    ("clevis with a number", clevis("tpm2", pcr_ids=8), (Token("clevis tpm2", (8,)),)),
    ("clevis with a list", clevis("tpm2", pcr_ids=[7, "8"]), (Token("clevis tpm2", (7, 8)),)),
    ("clevis tang", clevis("tang", url="http://x"), (Token("clevis tang"),)),
    ("one of TPM and tang", sss(1, TPM8, TANG), (Token("clevis sss"),)),
    ("both of TPM and tang", sss(2, TPM8, TANG), (Token("clevis sss", (8,)),)),
    ("one of two TPMs", sss(1, TPM8, TPM7), (Token("clevis sss", (7,)),)),
    ("a key in the keyring", {"type": "luks2-keyring", "keyslots": ["0"], "key_description": "x"}, ()),
    ("nonsense for JWE", {"type": "clevis", "jwe": {"protected": "###"}}, ()),
    ("no JWE", {"type": "clevis"}, ()),
    ("no object", {"type": 8}, ()),
]


@pytest.mark.parametrize(("token", "expected"), [row[1:] for row in TOKENS], ids=[row[0] for row in TOKENS])
def test_tokens(token: dict[str, Any], expected: tuple[Token, ...]) -> None:
    assert luks.parse("/dev/vda4", area(token)) == Volume("/dev/vda4", expected)


def test_pins_inside_pins() -> None:
    token = TPM8
    for _ in range(20):
        token = ("sss", {"t": 1, "jwe": [f"{jwe(*token)}.a"]})
    assert luks.parse("x", area(clevis(token[0], **token[1]))).tokens == (Token("clevis sss", (8,)),)


def test_memory_of_unlocking() -> None:
    assert luks.parse("x", area(memory=1048576)).unlock_bytes == 1 << 30
    assert luks.parse("x", area()).unlock_bytes == 0


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{", b"\xff", b'{"tokens": [], "keyslots": 1}', b'{"tokens": {"0": 1}}', b"[" * 99999]
)
def test_a_broken_area_says_nothing(content: bytes) -> None:
    assert luks.parse("x", content + b"\0") == Volume("x")


OPEN: dict[str, str | bytes] = {
    "sys/class/block/dm-0/dm/uuid": "CRYPT-LUKS2-0123-root\n",
    "sys/class/block/dm-0/slaves/vda4/dev": "254:4\n",
}
FOUND = Volume("/dev/vda4", (Token("systemd-tpm2", (8,)),))
TREES: list[tuple[str, dict[str, str | bytes], tuple[Volume, ...]]] = [
    ("none", {"sys/class/block/vda/dev": "254:0\n"}, ()),
    ("open", {**OPEN, "dev/vda4": header(area(systemd(8)))}, (FOUND,)),
    ("header elsewhere", {**OPEN, "dev/vda4": b"\0" * 8192}, (Volume("/dev/vda4"),)),
    ("no such device", OPEN, (Volume("/dev/vda4"),)),
    ("length beyond the device", {**OPEN, "dev/vda4": header(b"{}")[:8] + b"\xff" * 8}, (Volume("/dev/vda4"),)),
    ("LUKS1", {**OPEN, "dev/vda4": header(area(systemd(8))).replace(b"\0\2", b"\0\1", 1)}, (Volume("/dev/vda4"),)),
    ("another kind", {"sys/class/block/dm-0/dm/uuid": "LVM-x\n", "sys/class/block/dm-0/slaves/vda4/dev": ""}, ()),
    ("no UUID", {"sys/class/block/dm-0/slaves/vda4/dev": ""}, ()),
]


@pytest.mark.parametrize(("files", "expected"), [row[1:] for row in TREES], ids=[row[0] for row in TREES])
def test_read(make: Make, files: dict[str, str | bytes], expected: tuple[Volume, ...]) -> None:
    assert volumes.read(str(make(extra=files).root)) == expected
