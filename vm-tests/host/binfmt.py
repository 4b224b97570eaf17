# SPDX-License-Identifier: Apache-2.0
"""Has the kernel start programs of another architecture with QEMU's user emulation."""

from __future__ import annotations

from pathlib import Path

from host.process import run

FORMATS = Path("/proc/sys/fs/binfmt_misc")
#: Of the package qemu-user-static: what systemd-binfmt(8) would hand to the kernel. Each line has the flag F, with which
#: the kernel keeps the emulator open, so that it need not lie in a tree whose programs are run.
SETTINGS = Path("/usr/lib/binfmt.d")


class NoEmulatorError(RuntimeError):
    """Programs of that architecture cannot be run on this machine."""


def ensure(arch: str) -> None:
    """Register the emulator of an architecture, unless it is registered. It stays until this machine is rebooted."""
    name = f"qemu-{arch}"
    if not (FORMATS / "register").exists():
        run(["mount", "-t", "binfmt_misc", "binfmt_misc", FORMATS])
    if (FORMATS / name).exists():
        return
    try:
        (FORMATS / "register").write_text((SETTINGS / f"{name}.conf").read_text().strip())
    except OSError as error:
        raise NoEmulatorError(
            f"the kernel does not take {name} as an interpreter ({error}); install qemu-user-static, and be root on the host"
        ) from error
