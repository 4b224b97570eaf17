# SPDX-License-Identifier: Apache-2.0
"""Adds a variable to the file in which OVMF keeps UEFI's, before the machine is switched on.

Layout: edk2 MdePkg/Include/Pi/PiFirmwareVolume.h and MdeModulePkg/Include/Guid/VariableFormat.h (AUTHENTICATED_VARIABLE_HEADER).
What is in the file is trusted: a signature is checked only when a variable is set.
"""

from __future__ import annotations

import struct
import uuid

VOLUME_SIGNATURE, VOLUME_SIGNATURE_OFFSET, VOLUME_HEADER_LENGTH_OFFSET = b"_FVH", 40, 48
STORE = uuid.UUID("aaf32c78-947b-439a-a180-2e144ec37792").bytes_le
STORE_HEADER = struct.Struct("<16sIBB6x")
#: Mark, state, attributes, monotonic count, time stamp, index of a key, length of the name and of the data, the vendor's GUID.
VARIABLE = struct.Struct("<HBxIQ16sIII16s")
MARK, ADDED = 0x55AA, 0x3F
ALIGNMENT = 4
NON_VOLATILE, BOOT_SERVICE = 1, 2

#: UEFI specification, 32.4.1: a list of signatures, each with its owner.
X509 = uuid.UUID("a5c059a1-94e4-4aa7-87b5-ab155c2bf072").bytes_le
#: shim's variables, and the owner of what we put in: any GUID will do.
SHIM = uuid.UUID("605dab50-e046-4300-abb6-3dd810dd8b23")
MOK_LIST = "MokList"


class VariablesError(RuntimeError):
    """Not a file of variables as OVMF writes it, or a full one."""


def with_machine_owner_key(variables: bytes, certificate: bytes) -> bytes:
    """The same variables, and a certificate (DER) that shim trusts beside its own: what MokManager does when a person agrees."""
    entry = SHIM.bytes_le + certificate
    header = X509 + struct.pack("<III", len(X509) + 12 + len(entry), 0, len(entry))
    return added(variables, SHIM, MOK_LIST, header + entry)


def added(variables: bytes, vendor: uuid.UUID, name: str, data: bytes) -> bytes:
    """The same variables and one more, that only the firmware and what it starts can see."""
    start, end = _free(variables)
    text = f"{name}\0".encode("utf-16-le")
    lengths = (len(text), len(data))
    header = VARIABLE.pack(MARK, ADDED, NON_VOLATILE | BOOT_SERVICE, 0, bytes(16), 0, *lengths, vendor.bytes_le)
    record = header + text + data
    if start + len(record) > end:
        raise VariablesError(f"{name} needs {len(record)} bytes, {end - start} are free")
    return variables[:start] + record + variables[start + len(record) :]


def _free(variables: bytes) -> tuple[int, int]:
    """Where the free space of the store begins and ends."""
    start = struct.unpack_from("<H", variables, VOLUME_HEADER_LENGTH_OFFSET)[0]
    identity, size, *_ = STORE_HEADER.unpack_from(variables, start)
    if not variables.startswith(VOLUME_SIGNATURE, VOLUME_SIGNATURE_OFFSET) or identity != STORE:
        raise VariablesError("this is no store of authenticated variables")
    position, end = start + STORE_HEADER.size, start + size
    while position + VARIABLE.size <= end:
        mark, *_, name, data, _ = VARIABLE.unpack_from(variables, position)
        if mark != MARK:
            break
        position += VARIABLE.size + name + data
        position += -position % ALIGNMENT
    return position, end
