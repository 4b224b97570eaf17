# SPDX-License-Identifier: Apache-2.0
"""The command lines that are run to see what the application imports, each on a sample tree of its own.

The same runs are repeated from the frozen tree by the tests, so that an import that was missed shows.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

ROOT = "{root}"  # stands for the sample tree's directory in an argv
MEMORY = "/dev/shm"
LINK = "-> "  # how the content of a symbolic link is told from a file's

CMDLINE = "BOOT_IMAGE=/vmlinuz root=LABEL=root ostree=/ostree/boot.1/os/abc/0 ignition.platform.id=qemu"
ENTRY = "boot/loader.1/entries/ostree-1.conf"
SAMPLE = {
    "proc/cmdline": f"{CMDLINE} ignition.firstboot\n",
    "proc/iomem": "00001000-0009fbff : System RAM\n00100000-bffdffff : System RAM\n100000000-13fffffff : System RAM\n",
    "proc/sys/kernel/arch": "x86_64\n",
    "etc/initrd-release": "ID=sample\n",
    "run/ignition.json": '{"ignition": {"version": "3.4.0"}, "systemd": {"units": [{"name": "a.service", "enabled": true}]}}\n',
    "sysroot/etc/os-release": "ID=sample\n",
    "boot/ignition.firstboot": "",
    "boot/loader": f"{LINK}loader.1",
    ENTRY: (
        "title Sample\nversion 1\noptions root=LABEL=root ostree=/ostree/boot.1/os/abc/0 $ignition_firstboot\n"
        "linux /ostree/os-abc/vmlinuz\ninitrd /ostree/os-abc/initramfs.img\n"
    ),
}
SIZE = {"sysroot/etc/kdump-karg.conf": "crashkernel=256M\n"}
RUNNING = {**SIZE, "proc/cmdline": f"{CMDLINE} ignition.firstboot crashkernel=256M\n"}
UNIT = {"sysroot/etc/systemd/system/multi-user.target.wants/kdump.service": f"{LINK}/usr/lib/systemd/system/kdump.service"}
PRESET = {"sysroot/etc/systemd/system-preset/20-ignition.preset": "enable kdump*\n"}
ENABLING = {"sysroot/etc/kdump-karg.conf": "crashkernel=256M\nenable=yes\n", "sysroot/usr/lib/systemd/system/kdump.service": ""}
ENABLING["sysroot/usr/lib/systemd/system-preset/99-default-disable.preset"] = "disable *\n"
KERNEL_ARGUMENTS = {"run/ignition.json": '{"kernelArguments": {"shouldExist": ["crashkernel=1G"]}}'}
ARMED = {
    **RUNNING,
    ENTRY: SAMPLE[ENTRY].replace("$ignition_firstboot", "$ignition_firstboot crashkernel=256M"),
    "sys/kernel/kexec_crash_size": "268435456\n",
    "sys/kernel/kexec_crash_loaded": "1\n",
}
PACKED = "H4sIAAAAAAACA6tWykzPyyzJzM9TslKoVipLLSqGsJWM9Uz0DJRqawHJ/neCIgAAAA=="  # a config of one line, by gzip
MERGING = {
    "run/ignition.json": (
        '{"ignition": {"version": "3.4.0", "config": {"merge": [{"compression": "gzip", "source": "data:;base64,' + PACKED + '"}]}}}\n'
    )
}
MASKED = {"run/ignition.json": '{"ignition": {"version": "3.4.0"}, "systemd": {"units": [{"name": "kdump.service", "enabled": true, "mask": true}]}}'}
PROVEN = {
    **ARMED,
    "sysroot/usr/sbin/kdump-config": "",
    "sysroot/var/crash/kexec_cmd": f'kexec -p --command-line="{CMDLINE}" /vmlinuz\n',
    "sysroot/vmlinuz": "",
    "sysroot/var/lib/kdump-karg/proof": (
        '{"proven": true, "why": "whole", "time": 1, "machine": "", "dump": "", "id": "", "subject": {"release": "1", "kernel": "", '
        '"initramfs": "", "line": "", "reserved": 1, "crashkernel": "", "directory": ""}}'
    ),
}


@dataclass(frozen=True)
class Run:
    """A command line, with the program's name first, and the files that it finds besides the sample's."""

    argv: tuple[str, ...]
    files: Mapping[str, str] = field(default_factory=dict)

    def prepare(self, root: str) -> list[str]:
        """Build the sample tree in `root` and return the command line for it."""
        build(root, self.files)
        return [word.replace(ROOT, root) for word in self.argv]


def scratch() -> str | None:
    """Where sample trees belong: a file system in memory, so that nothing a run syncs is a disk's."""
    return MEMORY if os.path.isdir(MEMORY) else None


def _on_tree(command: str, files: Mapping[str, str] = {}) -> Run:
    return Run(("kdump-karg", *command.split(), "--root", ROOT), files)


RUNS: tuple[Run, ...] = (
    Run(("kdump-karg", "--version")),
    Run(("kdump-karg", "--help")),
    Run(("kdump-karg", "no-such-command")),
    _on_tree("apply"),
    _on_tree("apply", SIZE),
    _on_tree("apply", UNIT),
    _on_tree("apply", RUNNING),
    _on_tree("apply", ENABLING),
    _on_tree("apply", KERNEL_ARGUMENTS),
    Run(("kdump-karg", "kargs", "--root", ROOT, "--should-exist", "quiet", "--should-not-exist", "ro")),
    _on_tree("apply", {"run/kdump-karg/kernel-arguments": "+quiet\n"}),
    _on_tree("apply", {"sysroot/etc/kdump-karg.conf": "crashkernel=8T\n"}),
    _on_tree("apply", {"run/ignition.json": "{"}),
    _on_tree("apply", {**PRESET, "boot/loader": f"{LINK}elsewhere"}),
    _on_tree("plan", PRESET),
    _on_tree("plan --json", SIZE),
    _on_tree("plan --json", {"sysroot/etc/kdump-karg.conf": "crashkernel=256M quiet\n"}),
    _on_tree("plan --undo"),
    _on_tree("undo", SIZE),
    _on_tree("status", SIZE),
    _on_tree("status --json", ARMED),
    _on_tree("report", ARMED),
    _on_tree("status", PROVEN),
    _on_tree("plan", MASKED),
    Run(("kdump-karg", "lint", "--memory", "8G", f"{ROOT}/run/ignition.json"), MERGING),
    Run(("kdump-karg", "lint", "--format", "sarif", f"{ROOT}/run/ignition.json"), MERGING),
    Run(("kdump-karg", "lint", "no-such-file")),
    Run(("kdump-karg", "render", "--crashkernel", "256M", "--path", "/var/dumps")),
    Run(("kdump-karg", "render", "--crashkernel", "256M", "--format", "machineconfig")),
    Run(("kdump-karg", "render", "--format", "butane", "--distribution", "debian", "--nfs", "server:/export")),
    Run(("kdump-karg", "render", "--from", "/nonexistent")),
)


def build(root: str, extra: Mapping[str, str]) -> None:
    """Write the sample: an initramfs in which Ignition has provisioned the only deployment."""
    for path, text in {**SAMPLE, **extra}.items():
        where = os.path.join(root, path)
        os.makedirs(os.path.dirname(where), exist_ok=True)
        if text.startswith(LINK):
            os.symlink(text.removeprefix(LINK), where)
            continue
        with open(where, "w", encoding="utf-8") as file:
            file.write(text)
