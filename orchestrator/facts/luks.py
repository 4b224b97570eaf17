# SPDX-License-Identifier: Apache-2.0
"""The header of a LUKS2 volume: what unlocks it without a person, read from the device itself.

Sources: LUKS2 On-Disk Format Specification 1.1 (binary header and JSON area), systemd's tpm2_make_luks2_json(), clevis'
luks token (a JWE whose protected header names the pin).
"""

from __future__ import annotations

import binascii
import os
import stat
from dataclasses import dataclass

from orchestrator.errors import Refusal
from orchestrator.facts import ignition_config
from orchestrator.system import tree

MAGIC = b"LUKS\xba\xbe"
BINARY_HEADER = 4096
LARGEST_HEADER = 4 << 20
# Registers that hold what a boot loader measured of an entry (decide/impact.py says what).
OF_THE_ENTRY = (8, 9, 12)


@dataclass(frozen=True)
class Token:
    """A way to unlock without a person. `pcrs`: the TPM registers it depends on; `kind`: as the header names it."""

    kind: str
    pcrs: tuple[int, ...] = ()


@dataclass(frozen=True)
class Volume:
    """An unlocked LUKS2 volume. `unlock_bytes`: memory that unlocking it takes, 0 where its keys are not of Argon2."""

    device: str
    tokens: tuple[Token, ...] = ()
    unlock_bytes: int = 0


def read(root: str, device: str) -> Volume:
    """What the header on a block device of this name says; nothing is known of one that cannot be read.

    The one place where a device is read. A captured tree may have a regular file for it.
    """
    try:
        file = os.open(tree.resolve(root, f"dev/{device}"), tree.READ)
    except (OSError, Refusal):
        return Volume(f"/dev/{device}")
    try:
        mode = os.fstat(file).st_mode
        head = os.pread(file, BINARY_HEADER, 0) if stat.S_ISBLK(mode) or stat.S_ISREG(mode) else b""
        if head[:8] != MAGIC + b"\0\2":
            return Volume(f"/dev/{device}")
        length = min(int.from_bytes(head[8:16], "big"), LARGEST_HEADER)
        return parse(f"/dev/{device}", os.pread(file, max(length - BINARY_HEADER, 0), BINARY_HEADER))
    except OSError:
        return Volume(f"/dev/{device}")
    finally:
        os.close(file)


def parse(device: str, area: bytes) -> Volume:
    """A volume from the bytes of its header's JSON area; one of which nothing is known where they are no JSON object."""
    document = _object(area.partition(b"\0")[0])
    tokens = tuple(_token(each) for each in _values(document, "tokens"))
    derivations = [_member(slot, "kdf") for slot in _values(document, "keyslots")]
    memory = max((_number(each.get("memory")) for each in derivations), default=0)
    return Volume(device, tuple(token for token in tokens if token), memory << 10)


def _token(token: dict[str, object]) -> Token | None:
    """What a token of the header unlocks by; None for one that does not unlock by itself."""
    if token.get("type") == "systemd-tpm2":
        pcrs = [*_numbers(token.get("tpm2-pcrs")), *_numbers(token.get("tpm2_pubkey_pcrs"))]
        return None if token.get("tpm2-pin") is True else Token("systemd-tpm2", tuple(sorted(set(pcrs))))
    if token.get("type") == "clevis":
        return pin(_text(_member(token, "jwe").get("protected")))
    return None


def pin(protected: str) -> Token | None:
    """What a clevis JWE unlocks by, from its protected header (base64url of JSON); None where that cannot be read.

    A secret shared between pins (sss) is unlocked by any `t` of them. Those that no entry changes count first: where they are
    enough, the secret does not depend on the others. Each pin inside a pin is a third longer, so the nesting is not deep.
    """
    node = _member(_object(_decode(protected)), "clevis")
    name = _text(node.get("pin"))
    settings = _member(node, name)
    if name == "tpm2":
        return Token("clevis tpm2", _pcr_ids(settings.get("pcr_ids")))
    if name != "sss":
        return Token(f"clevis {name}") if name else None
    shares = settings.get("jwe")
    if not isinstance(shares, list):
        return Token("clevis sss")
    parts = [pin(_text(share).partition(".")[0]) for share in shares]
    needed = sorted((part.pcrs for part in parts if part), key=_by_dependence)[: max(_number(settings.get("t")), 1)]
    return Token("clevis sss", tuple(sorted({number for pcrs in needed for number in pcrs})))


def _by_dependence(pcrs: tuple[int, ...]) -> tuple[bool, int]:
    """Sorts shares that do not depend on the entry first, and then those that depend on fewer registers."""
    return any(number in OF_THE_ENTRY for number in pcrs), len(pcrs)


def _pcr_ids(value: object) -> tuple[int, ...]:
    """pcr_ids of a clevis tpm2 pin: "7,8", a number, or a list of either."""
    words = [str(each) for each in value] if isinstance(value, list) else str(value).split(",")
    return tuple(sorted(int(word) for word in words if word.strip().isdecimal()))


def _decode(text: str) -> bytes:
    """base64url without padding; nothing where it is none."""
    try:
        return binascii.a2b_base64(text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4))
    except ValueError:
        return b""


def _object(content: bytes) -> dict[str, object]:
    """A JSON object; an empty one where the bytes are none."""
    try:
        document = ignition_config.load(content.decode())
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _member(document: dict[str, object], key: str) -> dict[str, object]:
    """The object under a key; an empty one where there is none."""
    found = document.get(key)
    return found if isinstance(found, dict) else {}


def _values(document: dict[str, object], key: str) -> list[dict[str, object]]:
    """The objects in the object under a key."""
    return [each for each in _member(document, key).values() if isinstance(each, dict)]


def _text(value: object) -> str:
    """A string; an empty one for anything else."""
    return value if isinstance(value, str) else ""


def _number(value: object) -> int:
    """A number that is not negative; 0 for anything else."""
    return value if isinstance(value, int) and value > 0 else 0


def _numbers(value: object) -> list[int]:
    """The numbers of a list."""
    return [each for each in value if isinstance(each, int)] if isinstance(value, list) else []
