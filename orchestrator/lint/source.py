# SPDX-License-Identifier: Apache-2.0
"""The contents behind a config's `source`: data: URLs (RFC 2397), plain or base64, and what gzip has packed.

By the rules of Ignition's own reader (github.com/vincent-petithory/dataurl lex.go, Go's encoding/base64 and compress/gzip).
Nothing is fetched: of every other URL it is only said that it is one.
"""

from __future__ import annotations

import binascii
import zlib

from orchestrator.errors import Refusal
from orchestrator.lint import limits
from orchestrator.lint.limits import Budget

DATA = "data:"
BASE64 = "base64"
NEVER_PLAIN = "".join(map(chr, range(0x21))) + '"#<>[\\]^`{|}\x7f'  # lex.go isURLCharRune()
HEX = "0123456789abcdefABCDEF"
GZIP = 16 + zlib.MAX_WBITS  # zlib's name for gzip's frame
MAGIC = b"\x1f\x8b"  # RFC 1952, 2.3.1
PIECE = 16 << 10  # fed to the engine at once: what follows a member is copied, so it must be short


class Broken(ValueError):
    """Contents that are not what they are said to be; the message is half a sentence about them."""


def is_data(url: str) -> bool:
    """Do the contents stand in the URL itself? A scheme's letters may be large."""
    return url[: len(DATA)].lower() == DATA


def decode(url: str) -> bytes:
    """The contents of a data: URL. Raises Broken for whatever Ignition's reader does not take."""
    if not url.startswith(DATA):
        raise Broken("is no data: URL: the scheme must be in small letters")
    # A quote is in no data, but a parameter's value may hold a comma in quotes.
    comma = url.find(",", url.rfind('"') + 1)
    if comma < 0:
        raise Broken("is no data: URL: it has no comma")
    kind, *parameters = url[len(DATA) : comma].split(";")
    is_base64 = parameters[-1:] == [BASE64]
    if (kind and "/" not in kind) or not all("=" in each for each in parameters[: len(parameters) - is_base64]):
        raise Broken("has a media type that is none, or ;base64 at another place than right before the comma")
    return _base64(url[comma + 1 :]) if is_base64 else unescaped(url[comma + 1 :])


def _base64(text: str) -> bytes:
    """The bytes; line ends are no part of the alphabet, nor is %. Raises Broken."""
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        raise Broken("is no base64") from None


def unescaped(text: str) -> bytes:
    """The bytes of a text in which `%xx` stands for one. Raises Broken."""
    if not text.isascii() or any(char in text for char in NEVER_PLAIN):
        raise Broken("has a character that must be written as a % and two hexadecimal digits")
    first, *rest = text.split("%")
    pieces = [first.encode()]
    for piece in rest:
        if len(piece) < 2 or piece[:2].strip(HEX):
            raise Broken("has a % that no two hexadecimal digits follow")
        pieces += [bytes.fromhex(piece[:2]), piece[2:].encode()]
    return b"".join(pieces)


def inflate(packed: bytes, budget: Budget, where: str) -> bytes:
    """What gzip has packed. Raises Broken; Refusal for more than is read."""
    engine = zlib.decompressobj(GZIP)
    members, taken = 1, 0
    pieces: list[bytes] = []
    for at in range(0, len(packed), PIECE):
        rest = packed[at : at + PIECE]
        while rest:
            if engine.eof:
                engine, members = zlib.decompressobj(GZIP), members + 1
            if members > limits.MOST_MEMBERS:
                raise Refusal(f"{where}: more than {limits.MOST_MEMBERS} parts of gzip, the most that are read; pack it anew")
            got, rest = _inflated(engine, rest, budget.room() - taken + 1)
            taken += len(got)
            pieces.append(got)
            if taken > budget.room():
                budget.take(taken, where)
    if not engine.eof:
        raise Broken("is no whole gzip file")
    return b"".join(pieces)


def _inflated(engine: zlib._Decompress, packed: bytes, most: int) -> tuple[bytes, bytes]:
    """At most so many bytes, and what is left of the packed ones. Raises Broken."""
    try:
        got = engine.decompress(packed, most)
    except zlib.error:
        raise Broken("is no gzip file") from None
    return got, engine.unused_data if engine.eof else engine.unconsumed_tail
