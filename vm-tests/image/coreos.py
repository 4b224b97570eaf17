# SPDX-License-Identifier: Apache-2.0
"""The trait `coreos`: the way through the first boot as Fedora CoreOS takes it.

Sources: fedora-coreos-config's overlay.d/05core (35coreos-ignition, 40ignition-ostree, coreos-boot-mount-generator),
coreos-installer's rdcore (rootmap.rs), bootupd's grub2/grub-static-pre.cfg, openshift/os' 40rhcos-fips. What is here is ordered
as theirs and leaves the same files; the text is our own.
"""

from __future__ import annotations

from pathlib import Path

from host.process import run

FILES = Path(__file__).parent / "files" / "coreos"
#: The dracut module that it adds.
MODULE = "rig-coreos"
GRUB_MODULES = ("search_fs_uuid", "loadenv")
#: The UUID of /boot that every image has; the first boot gives the machine one of its own.
BUILT_UUID = "96d1f00d-0000-4000-8000-00000000b007"

ROOT = "root=LABEL=root", "rw"
#: What is appended to the entry's options in the first boot, by their length: every UUID is as long.
ADDED_ROOT = f" root=UUID={BUILT_UUID} rw rootflags=lazytime"
ADDED_BOOT = f" boot=UUID={BUILT_UUID}"
#: What becomes of the line in the tests without kdump-karg, whose edits look after the length themselves. What comes by an
#: early reboot as well (files/coreos/.../early-reboot, test_boot_path.py) is as long as blocks of GRUB's are
#: (orchestrator/rules/grub.py).
CONTINUED = ("", ADDED_ROOT, ADDED_ROOT + ADDED_BOOT)

#: GRUB's environment block: a head, and `#` up to 1024 bytes (grub-core/lib/envblk.c).
ENVIRONMENT_HEAD, ENVIRONMENT_SIZE = "# GRUB Environment Block\n", 1024


def kargs(usual: tuple[str, ...]) -> tuple[str, ...]:
    """The arguments of the entry that is built: nothing names the root."""
    return tuple(argument for argument in usual if argument not in ROOT)


def furnish(tree: Path) -> None:
    """Add it to a tree that has the packages and the image's own files. A generator takes the place of boot.mount."""
    run(["cp", "-a", "--no-preserve=ownership", f"{FILES}/root/.", tree])
    units = tree / "usr/lib/systemd/system"
    (units / "boot.mount").unlink()
    (units / "local-fs.target.wants/boot.mount").unlink()
    # Fedora CoreOS ships none, and a name that is there is kept.
    (tree / "etc/hostname").unlink()


def write_grub_configuration(boot: Path) -> None:
    """Fill the directory that becomes /boot/grub2."""
    directory = boot / "grub2"
    run(["cp", "-a", "--no-preserve=ownership", f"{FILES}/grub", directory])
    (directory / "early.cfg").unlink()
    (directory / "grubenv").write_text(ENVIRONMENT_HEAD.ljust(ENVIRONMENT_SIZE, "#"))


def give_built_uuid(image: Path) -> None:
    """Set it in a new file system, which needs no check first."""
    run(["tune2fs", "-U", BUILT_UUID, image])
