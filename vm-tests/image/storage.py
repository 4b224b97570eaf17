# SPDX-License-Identifier: Apache-2.0
"""The trait `storage`: what the root and /boot lie on, as Fedora CoreOS can have it.

`composefs`: the root is an overlay over an EROFS image. `mirror`: the root and /boot are RAID1 over two disks, of which the
builder makes the first (harness/twin.py makes the second). `multipath`: one disk, two ways to it. `luks`: the first boot
encrypts the root and binds it to the TPM.
"""

from __future__ import annotations

from pathlib import Path

from host.process import run

from image import mdraid, partitions
from image.partitions import MIB, Partition
from image.traits import Traits

FILES = Path(__file__).parent / "files" / "storage"
MIRRORED = ("boot", "root")

#: Of the machine's initramfs.
MODULES = {"luks": "rig-luks", "mirror": "mdraid", "multipath": "dm multipath"}
DRIVERS = {"luks": "dm_crypt", "mirror": "raid1", "multipath": "virtio_scsi sd_mod dm_multipath dm_round_robin dm_service_time"}
#: Debian's multipath-tools has other names for its rules than dracut's module looks for.
INSTALL = {
    "multipath": tuple(f"/usr/lib/udev/rules.d/{name}.rules" for name in (
        "56-dm-mpath", "56-dm-parts", "60-kpartx", "60-multipath", "68-del-part-nodes", "90-rig-multipath",
        "99-z-dm-mpath-late",
    )) + ("/usr/lib/udev/kpartx_id", "/usr/bin/partx", "/usr/bin/rm"),
}  # fmt: skip

#: What the first boot gives the volume (files/storage/luks).
LUKS_UUID = "5f6b1c9a-0d5e-4b0e-9d3c-3f0d3c1c7a11"
#: Encryption in place puts the header in front and moves the rest.
LUKS_HEADER = 32 * MIB

BY_LABEL = "root=LABEL=root"
#: In its place: what Fedora CoreOS' documentation and rdcore's rootmap put there.
ROOT = {
    "mirror": (BY_LABEL, *(f"rd.md.uuid={mdraid.array_uuid(name).hex}" for name in MIRRORED)),
    "luks": ("root=/dev/mapper/root", f"rd.luks.name={LUKS_UUID}=root", "rd.luks.options=tpm2-device=auto"),
    "multipath": ("root=/dev/disk/by-label/dm-mpath-root", "rd.multipath=default"),
}


def furnish(tree: Path, traits: Traits) -> None:
    """Add the trait's files to a tree that has the packages and the image's own."""
    files = FILES / traits.storage
    if files.is_dir():
        run(["cp", "-a", "--no-preserve=ownership", f"{files}/.", tree])


def kernel_arguments(common: tuple[str, ...], traits: Traits) -> tuple[str, ...]:
    """The image's, with what finds the root."""
    found = ROOT.get(traits.storage, (BY_LABEL,))
    return tuple(word for each in common for word in (found if each == BY_LABEL else (each,)))


def room(partition: Partition, traits: Traits) -> int:
    """How large the file system in a partition may be."""
    if traits.storage == "mirror" and partition.name in MIRRORED:
        return mdraid.room(partition.size)
    if traits.storage == "luks" and partition.name == "root":
        return partition.size - LUKS_HEADER
    return partition.size


def finish(disk: Path, made: tuple[Partition, ...], traits: Traits) -> None:
    """What is written when the file systems are in place."""
    if traits.storage == "mirror":
        with disk.open("r+b") as file:
            for member in members(made, 0):
                file.seek(member.place())
                file.write(member.superblock())


def members(made: tuple[Partition, ...], number: int) -> tuple[mdraid.Member, ...]:
    """The halves of the mirrors on the first disk or on the second."""
    return tuple(mdraid.Member(name, number, partitions.named(made, name)) for name in MIRRORED)
