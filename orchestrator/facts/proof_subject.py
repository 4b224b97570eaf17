# SPDX-License-Identifier: Apache-2.0
"""What a crash proves: the capture kernel, its initramfs, its command line, what is reserved, and where the dump goes.

Files and the line are kept as digests. Read, not judged.
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.errors import Refusal
from orchestrator.facts import capture_files, capture_kernel, dump_target, machine
from orchestrator.rules import cmdline
from orchestrator.rules.capture_cmdline import Facts
from orchestrator.system import digest, tree
from orchestrator.system.target import provisioned_root

# Every deployment changes these words, also one with the same kernel and initramfs, which count by their content. The third is
# kdumpctl's own, of one test.
PASSING = ("BOOT_IMAGE=", "ostree=", "kdump_test_id=")
UNREADABLE = "?"  # a capture initramfs may be root's own to read, and `status` is for everybody


@dataclass(frozen=True)
class Subject:
    """`kernel`, `initramfs` and `line` are SHA-256 in hex; "" for what is not known, UNREADABLE. `reserved` in bytes.

    `directory`: where the dump goes, "" where that is no directory of this machine or not known.
    """

    release: str = ""
    kernel: str = ""
    initramfs: str = ""
    line: str = ""
    reserved: int = 0
    crashkernel: str = ""
    directory: str = ""


def read(root: str, capture: Facts | None, line: str | None, reserved: int | None) -> Subject:
    """What would be proven now. Reads the whole of kernel and initramfs: not for a boot that has nothing to prove.

    `capture` and `line`: what is known of the capture kernel's line, None where nothing is.
    """
    provisioned = provisioned_root(root)
    release = (tree.read_text(root, capture_kernel.RELEASE) or "").strip()
    kernel, initramfs = _digests(root, provisioned) if capture else ("", "")
    values = cmdline.crashkernel_values(machine.surroundings(root).cmdline)
    return Subject(
        release,
        kernel,
        initramfs,
        digest.of_text(comparable(line)) if line else "",
        reserved or 0,
        (cmdline.in_force(values) or "") if values else "",
        dump_target.directory(root, capture.package, capture.config) if capture else "",
    )


def _digests(root: str, provisioned: str) -> tuple[str, str]:
    """Of the capture kernel's image and of its initramfs."""
    try:
        kernel, initramfs = _files(root)
    except Refusal:  # a /boot that only root may list
        return UNREADABLE, UNREADABLE
    return _digest(provisioned, kernel), _digest(provisioned, initramfs)


def _digest(provisioned: str, path: str) -> str:
    """Of a file; UNREADABLE where that is denied or fails."""
    try:
        return digest.of_file(provisioned, path) if path else ""
    except (OSError, Refusal):
        return UNREADABLE


def comparable(line: str) -> str:
    """The line without the words that change with every deployment, and with one blank between the others."""
    return " ".join(word for word in line.split() if not word.startswith(PASSING))


def _files(root: str) -> tuple[str, str]:
    """The paths of the capture kernel's image and initramfs; "" for what is not known. Raises Refusal."""
    found = capture_files.read(root, tree.resolve(root, "boot"), loaded=True)
    if found is None:
        return "", ""
    # kdump-utils' kernel lies below /boot/ostree; the deployment's own copy has the same bytes.
    kernel = found.kernel or f"/usr/lib/modules/{found.kernel_release}/vmlinuz"
    return kernel, found.initrd
