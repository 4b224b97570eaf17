# SPDX-License-Identifier: Apache-2.0
"""What lies on the boot file system: the entry of the running deployment and the marks of a first boot. Read, not judged.

`boot` is the directory the boot file system is reached under. Rules of the layout: ostree-sysroot.c
read_current_bootversion(), _ostree_sysroot_read_boot_loader_configs().
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.errors import Refusal
from orchestrator.rules import bls, cmdline
from orchestrator.rules.bls import Options
from orchestrator.system import free_space, tree

STAMP = "ignition.firstboot"
CONFIG_DIR = "ignition"  # a config baked into the image, which may hold secrets
# What the stamp is renamed to while the entry gets its variable back: GRUB no longer sees a stamp, and a later boot of a
# machine that lost power here sees that the work is not finished.
MARKER = "kdump-karg.first-boot-ended"
ENTRIES = "loader/entries"
LARGEST_ENTRY = 64 << 10  # bytes; ostree's own have less than 2 KiB, and no kernel takes a command line of more than 4
# Neither GRUB (needs .conf), systemd-boot (needs .conf) nor ostree (needs ostree- and .conf) reads such a name.
TEMPORARY = ".kdump-karg.tmp"
# Below the provisioned root, not in /boot: a run has begun to write and has not said that it is done. Where the run failed or
# was killed and the boot went on, the image itself may take the stamp away, and then no name in /boot tells of what is left.
BEGUN = "var/lib/kdump-karg/write-begun"


@dataclass(frozen=True)
class BootState:
    """`path` is the entry's place below the boot directory, `text` all of it, `options` the part that may change."""

    path: str
    text: str
    options: Options
    stamp: bool = False
    marker: bool = False
    config_dir: bool = False
    free_bytes: int | None = None
    free_inodes: int | None = None
    litter: bool = False  # a file that was to replace an entry, left by a run that was cut short

    @property
    def unfinished(self) -> bool:
        """Was an earlier run cut short between its first and its last write?"""
        return self.marker or bls.carries(self.options.text, bls.FIRST_BOOT_ENDED)


def read(boot: str, line: str) -> BootState:
    """The state for the deployment that the command line `line` booted. Refusal where it cannot be found out."""
    target = cmdline.ostree_target(line)
    if target is None:
        reason = "is empty" if not line.strip() else "has no ostree= argument"
        raise Refusal(f"/proc/cmdline {reason}, so the booted deployment is unknown; boot an ostree deployment")
    loader = tree.link_target(boot, "loader")
    if loader not in ("loader.0", "loader.1"):
        found = f"links to {loader}" if loader else ("is not a symbolic link" if tree.exists(boot, "loader") else "is missing")
        raise Refusal(f"/boot/loader {found}, but ostree links it to loader.0 or loader.1; mend it with ostree admin deploy")
    path, text = booted_entry(boot, target)
    return BootState(
        path,
        text,
        bls.options(text, f"/boot/{path}"),
        stamp=tree.exists(boot, STAMP),
        marker=tree.exists(boot, MARKER),
        config_dir=tree.exists(boot, CONFIG_DIR),
        free_bytes=free_space.free_bytes(boot),
        free_inodes=free_space.free_inodes(boot),
        litter=tree.exists(boot, f"{ENTRIES}/{TEMPORARY}"),
    )


def booted_entry(boot: str, target: str) -> tuple[str, str]:
    """Path and text of the one entry whose options boot `ostree=target`. Refusal for none and for several."""
    found = []
    broken: Refusal | None = None
    for name in tree.names(boot, ENTRIES):
        path = f"{ENTRIES}/{name}"
        if not name.endswith(".conf") or name.startswith("."):
            continue
        text = (tree.read_bytes(boot, path, LARGEST_ENTRY, above="/boot/") or b"").decode("utf-8", "surrogateescape")
        if any(cmdline.ostree_target(line) == target for line in text.split("\n") if line.startswith("options")):
            found.append((path, text))
            continue
        try:
            bls.options(text, f"/boot/{path}")
        except Refusal as refusal:
            broken = broken or refusal
    if len(found) == 1:
        return found[0]
    if found:
        names = " and ".join(path.rpartition("/")[2] for path, _ in found)
        raise Refusal(f"/boot/{ENTRIES}: {names} both boot ostree={target}; remove the one that ostree did not write")
    if broken is not None:
        raise broken
    raise Refusal(f"/boot/{ENTRIES} has no entry that boots ostree={target}; check that this is the /boot that was booted")
