# SPDX-License-Identifier: Apache-2.0
"""What a run in the initramfs hands over to the write at the end of the same boot.

The decision is made while Ignition's file systems are mounted and udev runs; the write comes when both are gone. So what
could not be found out again is handed over: the value that was weighed, the device of /boot, and what was mounted on /var.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from orchestrator.decide.decision import Decision, Kind, Wanted
from orchestrator.decide.plan import Plan
from orchestrator.errors import Refusal
from orchestrator.system import bootfs, tree, var_mount

PATH = "run/kdump-karg/handover"  # kdump-karg-write.service waits for it


@dataclass(frozen=True)
class Handover:
    """What is handed over.

    `wanted`: the value to write, None where an earlier run is only to be finished. `boot`: the device of the boot file system,
    "" where /boot is a directory of the root file system. `var`: what was mounted on the provisioned /var, None for nothing.
    `kdump`: what was decided about kdump where the write is for other arguments.
    """

    wanted: Wanted | None
    boot: str
    var: var_mount.Volume | None
    kdump: Decision | None = None


def take_stock(root: str, made: Plan) -> Handover:
    """What the write needs and cannot find out at the end of the initramfs. Raises as bootfs.labelled()."""
    wanted = made.decision.wanted if made.decision.kind is Kind.CHANGE and made.kdump is None else None
    return Handover(wanted, bootfs.labelled(root), var_mount.volume(root), made.kdump)


def encode(left: Handover) -> str:
    """The text of the file: a line `key=value` for each field."""
    fields: dict[str, str | int] = {"boot": left.boot}
    if left.wanted is not None:
        wanted = left.wanted
        fields |= {"crashkernel": wanted.crashkernel, "rule": wanted.rule, "warning": wanted.warning}
        fields |= {"reserved_bytes": wanted.reserved_bytes, "needed_bytes": wanted.needed_bytes}
    if left.kdump is not None:
        fields |= {"kdump": left.kdump.kind.value, "reason": left.kdump.reason}
    if left.var is not None:
        fields |= {"var_source": left.var.source, "var_kind": left.var.kind, "var_directory": left.var.directory}
    return "".join(f"{key}={' '.join(str(text).split())}\n" for key, text in fields.items())


def decode(text: str) -> Handover:
    """The inverse of `encode`. Refusal where the text was not written by `encode`."""
    fields = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    try:
        kdump = Decision(Kind(fields["kdump"]), fields["reason"]) if "kdump" in fields else None
        return Handover(_wanted(fields), fields["boot"], _volume(fields), kdump)
    except (KeyError, ValueError) as error:
        raise Refusal(f"/{PATH} is not what kdump-karg apply wrote ({error}); remove it and run apply again") from None


def _wanted(fields: dict[str, str]) -> Wanted | None:
    """The value; None where there is none."""
    if "crashkernel" not in fields:
        return None
    reserved, needed = int(fields["reserved_bytes"]), int(fields["needed_bytes"])
    return Wanted(fields["crashkernel"], fields["rule"], reserved, needed_bytes=needed, warning=fields["warning"])


def _volume(fields: dict[str, str]) -> var_mount.Volume | None:
    """What was mounted on /var; None where nothing was."""
    if "var_source" not in fields:
        return None
    return var_mount.Volume(fields["var_source"], fields["var_kind"], fields["var_directory"])


def leave(root: str, left: Handover) -> None:
    """Write it for the unit that writes. OSError where /run cannot be written."""
    place = tree.resolve(root, PATH, last=False)
    os.makedirs(os.path.dirname(place), mode=0o755, exist_ok=True)
    with open(place, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(encode(left))


def read(root: str) -> Handover | None:
    """What was left in this boot; None where nothing was."""
    text = tree.read_text(root, PATH)
    return None if text is None else decode(text)
