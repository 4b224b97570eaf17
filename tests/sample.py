# SPDX-License-Identifier: Apache-2.0
"""A sample tree: the files of a machine on its first boot, as `--root DIR` takes them."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

GIB = 1 << 30
MIB = 1 << 20
TARGET = "/ostree/boot.1/fedora-coreos/5d6a2c/0"
ENTRY = "boot/loader.1/entries/ostree-1.conf"
OPTIONS = f"mitigations=auto,nosmt console=ttyS0,115200n8 $ignition_firstboot ostree={TARGET} root=UUID=1 rw"
FIRST_BOOT_LINE = f"BOOT_IMAGE=(hd0,gpt3)/ostree/vmlinuz ignition.firstboot ostree={TARGET} console=ttyS0"
LATER_LINE = f"BOOT_IMAGE=(hd0,gpt3)/ostree/vmlinuz ostree={TARGET} console=ttyS0"
PRESET = "sysroot/etc/systemd/system-preset/20-ignition.preset"
CONF = "sysroot/etc/kdump-karg.conf"
IGNITION = '{"ignition":{"version":"3.4.0"},"systemd":{"units":[{"enabled":true,"name":"kdump.service"}]}}'
NO_WISH = '{"ignition":{"version":"3.4.0"}}'
UNIT = "sysroot/usr/lib/systemd/system/kdump.service"
PROGRAM = "sysroot/usr/libexec/load"  # of no package: which one is there is for the tests to say
AUTO = "2G-64G:256M,64G-:512M"
IOMEM_8G = """\
00000000-00000fff : Reserved
00001000-0009fbff : System RAM
000f0000-000fffff : System ROM
00100000-bffdffff : System RAM
  01000000-01ffffff : Kernel code
  02000000-025fffff : Kernel data
fee00000-fee00fff : Local APIC
100000000-23fffffff : System RAM
"""


def iomem(*ranges: tuple[int, int]) -> str:
    """/proc/iomem with these ranges of System RAM: (first byte, byte after the last)."""
    return "".join(f"{start:08x}-{end - 1:08x} : System RAM\n" for start, end in ranges)


def entry_text(options: str = OPTIONS) -> str:
    """A BLS entry as ostree writes it."""
    return (
        "title Fedora CoreOS 44 (ostree:0)\n"
        "version 1\n"
        f"options {options}\n"
        "linux /boot/ostree/fedora-coreos-5d6a2c/vmlinuz-7.2.5\n"
        "initrd /boot/ostree/fedora-coreos-5d6a2c/initramfs-7.2.5.img\n"
    )


@dataclass(frozen=True)
class Sample:
    """A tree below `root`; every path is relative to it."""

    root: Path

    def write(self, path: str, content: str | bytes) -> Path:
        """A file and the directories above it."""
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)
        return place

    def link(self, path: str, target: str) -> None:
        """A symbolic link and the directories above it."""
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(target)

    def text(self, path: str = ENTRY) -> str:
        """A file's text."""
        return (self.root / path).read_text()

    def has(self, path: str) -> bool:
        """Is there anything under this name?"""
        return os.path.lexists(self.root / path)

    @property
    def boot(self) -> str:
        """The boot directory."""
        return str(self.root / "boot")

    @property
    def options(self) -> str:
        """The options text of the booted entry."""
        return next(line for line in self.text().split("\n") if line.startswith("options ")).removeprefix("options ")

    def snapshot(self, below: str = "") -> dict[str, tuple[int, bytes]]:
        """Mode and content (or link target) of everything below a directory: equal snapshots, equal trees."""
        found = {}
        for directory, directories, files in os.walk(self.root / below):
            for name in [*directories, *files]:
                path = os.path.join(directory, name)
                found[os.path.relpath(path, self.root)] = _state(path)
        return found


def _state(path: str) -> tuple[int, bytes]:
    """Mode and content of one file."""
    mode = os.lstat(path).st_mode
    if stat.S_ISLNK(mode):
        return mode, os.fsencode(os.readlink(path))
    return mode, Path(path).read_bytes() if stat.S_ISREG(mode) else b""


def build(
    root: Path,
    *,
    cmdline: str | None = FIRST_BOOT_LINE + "\n",
    iomem: str | None = IOMEM_8G,
    arch: str = "x86_64",
    crash_size: str | None = "0\n",
    crash_loaded: str | None = "0\n",
    ignition: str | bytes | None = IGNITION,
    preset: str | None = "enable kdump.service\n",
    conf: str | bytes | None = None,
    options: str = OPTIONS,
    entry: str | bytes | None = None,
    loader: str | None = "loader.1",
    stamp: bool = True,
    config: bool = True,
    service: bool = True,
    extra: dict[str, str | bytes] | None = None,
) -> Sample:
    """A tree; None leaves a file out. `entry` is the whole entry, `options` only its options; `loader` the link's target; `service`: a kdump.service."""
    sample = Sample(root)
    contents: dict[str, str | bytes | None] = {
        "proc/cmdline": cmdline,
        "proc/iomem": iomem,
        "proc/sys/kernel/arch": arch + "\n",
        "sys/kernel/kexec_crash_size": crash_size,
        "sys/kernel/kexec_crash_loaded": crash_loaded,
        "run/ignition.json": ignition,
        "sysroot/etc/os-release": "ID=fedora\n",
        UNIT: "[Service]\nType=oneshot\nExecStart=/usr/libexec/load\n" if service else None,
        PROGRAM: "" if service else None,
        PRESET: preset,
        CONF: conf,
        ENTRY: entry_text(options) if entry is None else entry,
        "boot/ignition.firstboot": "" if stamp else None,
        "boot/ignition/config.ign": "{}" if config else None,
        **(extra or {}),
    }
    for path, content in contents.items():
        if content is not None:
            sample.write(path, content)
    if loader is not None:
        sample.link("boot/loader", loader)
    return sample
