# SPDX-License-Identifier: Apache-2.0
"""The command lines of kola. `cosa run` is `kola qemuexec --devshell`, and `cosa kola run` is `kola run`.

Source: coreos-assembler's src/cmd-run, src/cmd-kola, mantle/cmd/kola/qemuexec.go and options.go.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness import qemu
from harness.qemu import Channels, Hardware


class UnsupportedHardwareError(ValueError):
    """kola cannot be told to make such a machine, or nobody has needed it."""


@dataclass(frozen=True)
class QemuExec:
    """Starts our machines by `kola qemuexec`: a `qemu.Command`.

    Not `--devshell`, which is for a person at a terminal: the channels of our harness come as arguments for QEMU.
    """

    kola: str

    def __call__(self, hardware: Hardware, channels: Channels) -> list[str]:
        """The command line. kola makes an overlay of the disk by itself, so that the image is not written to."""
        if hardware.extra_disks or hardware.write_log or hardware.ignition is None:
            raise UnsupportedHardwareError("kola qemuexec is used for machines with one disk, a config and no write log only")
        return [
            *qemu.GUARD, self.kola, "qemuexec",
            "--qemu-image", str(hardware.disk.path),
            # As it is: kola would add the user core and a unit or two.
            "--ignition-direct", "--ignition", str(hardware.ignition),
            "--memory", str(hardware.memory_mib),
            # A TPM plays no part in the story, and needs one program more.
            "--qemu-swtpm=false",
            # The second serial port: the first is the harness' own.
            "--console-to-file", str(channels.serial_log.with_name("kola-second-port.log")),
            "--", *qemu.channel_arguments(channels), *hardware.extra_args,
        ]  # fmt: skip


def run_tests(kola: str, image: Path, checkout: Path, output: Path, patterns: tuple[str, ...], tags: tuple[str, ...]) -> list[str]:
    """`kola run` of this checkout's external tests; kola names them `ext.CHECKOUT.DIRECTORY`."""
    wanted = patterns or (f"ext.{checkout.name}.*",)
    return [
        kola, "run", "--platform", "qemu",
        "--qemu-image", str(image),
        "--exttest", str(checkout),
        "--output-dir", str(output),
        *(f"--tag={tag}" for tag in tags),
        *wanted,
    ]  # fmt: skip
