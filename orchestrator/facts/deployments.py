# SPDX-License-Identifier: Apache-2.0
"""The deployments of an ostree system: those that have a boot loader entry, and one that is staged. Read, not judged.

An entry boots a link, `ostree=/ostree/boot.N/STATEROOT/BOOTCSUM/SERIAL`, whose text changes with every deployment that ostree
makes; the directory that it leads to, `ostree/deploy/STATEROOT/deploy/CHECKSUM.SERIAL`, stays. So the directory is the name of a
deployment here. A staged deployment has a directory and no entry: ostree writes that when the machine is shut down
(ostree-sysroot-deploy.c _ostree_sysroot_finalize_staged()).
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.facts.bootstate import ENTRIES, LARGEST_ENTRY
from orchestrator.rules import bls, cmdline
from orchestrator.system import tree
from orchestrator.system.target import provisioned_root

# The names that ostree takes for its own: prefix and suffix (ostree-sysroot.c _ostree_sysroot_read_boot_loader_configs()).
PREFIX, SUFFIX = "ostree-", ".conf"
STATEROOTS = "ostree/deploy"  # /STATEROOT/deploy/CHECKSUM.SERIAL
DEPTH = 5  # names in the directory of a deployment
# A GVariant with the names and the kernel arguments of the deployment that is to be finalised. The checksums in it are text.
STAGED = "run/ostree/staged-deployment"
KARGS = "kargs"  # the key that its kernel arguments have there, where it was staged with some
MOUNTS = "proc/self/mountinfo"
# Where the running system shows which directory it was made of: the root itself, or what is mounted over a composefs.
OF_THE_DEPLOYMENT = ("/", "/etc", "/usr")


@dataclass(frozen=True)
class Deployment:
    """One deployment. `directory` is its own, below the root directory of the system that runs.

    `entry` is the path of its entry below the boot directory and `text` the whole of it; both are "" for a staged one.
    `number` is the entry's `version`, of which the boot loader boots the highest unless it is told otherwise. `own`: the
    crashkernel= arguments that a staged one was staged with, None where it was staged with no arguments. `follows`: the
    directory of the one whose entry it then gets all arguments from, as they are when the machine is shut down.
    """

    directory: str
    entry: str = ""
    text: str = ""
    number: int = 0
    booted: bool = False
    own: str | None = None
    follows: str = ""

    @property
    def staged(self) -> bool:
        """Will ostree write its entry when the machine is shut down?"""
        return not self.entry

    @property
    def options(self) -> str:
        """The kernel arguments of its entry, as the boot loaders read them; of a staged one, what it would get by now."""
        return bls.first_value(self.text, "options") if self.own is None else self.own


def read(root: str, boot: str) -> tuple[Deployment, ...]:
    """The deployments below `root` whose entries are below the directory `boot`, the one that is booted next first.

    An entry whose link leads nowhere is left out. Raises Refusal for a file that cannot be read.
    """
    running = booted(root, _running(root))
    found = []
    for name in tree.names(boot, ENTRIES):
        if not (name.startswith(PREFIX) and name.endswith(SUFFIX)):
            continue
        path = f"{ENTRIES}/{name}"
        text = (tree.read_bytes(boot, path, LARGEST_ENTRY, above="/boot/") or b"").decode("utf-8", "surrogateescape")
        place = directory(root, cmdline.ostree_target(bls.first_value(text, "options")) or "")
        if place:
            found.append(Deployment(place, path, text, _number(text), place == running))
    found.sort(key=lambda each: each.number, reverse=True)
    return (*_staged(root, found), *found)


def booted(root: str, line: str) -> str:
    """The directory of the deployment that runs with the command line `line`; "" where that cannot be told.

    What is mounted tells it in a real root. The link of `ostree=` is asked only in an initramfs: a later deploy removes
    it, or has it lead to another deployment (ostree-sysroot-cleanup.c cleanup_other_bootversions()).
    """
    return _mounted(root) or directory(root, cmdline.ostree_target(line) or "")


def entry_line(root: str, boot: str, line: str) -> str:
    """The command line `line`, with the `ostree=` that the booted deployment's entry has now: a deploy gives it another one.

    As it is where the entry cannot be told by the directory. Raises Refusal for an entry that cannot be read.
    """
    target = cmdline.ostree_target(line)
    if target is None or not _mounted(root):
        return line
    entry = next((each for each in read(root, boot) if each.booted), None)
    now = entry and cmdline.ostree_target(entry.options)
    if not now or now == target:
        return line
    return " ".join(f"ostree={now}" if word == f"ostree={target}" else word for word in line.split(" "))


def _mounted(root: str) -> str:
    """The deployment whose directory is mounted as the running system's root, /etc or /usr (proc(5): fields 4 and 5)."""
    text = (tree.read_bytes(root, MOUNTS, tree.LARGEST_OF_KERNEL) or b"").decode("utf-8", "surrogateescape")
    for fields in (line.split(" ") for line in text.split("\n")):
        if len(fields) > 4 and fields[4] in OF_THE_DEPLOYMENT:
            below = fields[3].partition(f"/{STATEROOTS}/")[2]
            found = "/".join([STATEROOTS, *below.split("/")[: DEPTH - STATEROOTS.count("/") - 1]])
            if _is_deployment(found):
                return found
    return ""


def directory(root: str, target: str) -> str:
    """The deployment that `ostree=target` boots, as ostree/deploy/STATEROOT/deploy/CHECKSUM.SERIAL; "" where there is none."""
    physical = provisioned_root(root)
    if not target or not tree.is_directory(physical, target):
        return ""
    found = "/".join(tree.resolve(physical, target).split("/")[-DEPTH:])
    return found if _is_deployment(found) else ""


def _is_deployment(path: str) -> bool:
    """Is this the directory of a deployment, by its name?"""
    head, _, name = path.rpartition("/")
    checksum, dot, serial = name.rpartition(".")
    return (
        path.startswith(f"{STATEROOTS}/")
        and path.count("/") == DEPTH - 1
        and head.endswith("/deploy")
        and bool(dot)
        and checksum.isalnum()
        and serial.isdecimal()
    )


def _staged(root: str, others: list[Deployment]) -> tuple[Deployment, ...]:
    """The deployment that is staged: its checksum is in ostree's file, and no entry leads to it."""
    named = tree.read_bytes(root, STAGED)
    if named is None:
        return ()
    known = {each.directory for each in others}
    return tuple(_inheriting(place, named, others) for place in _directories(root, named) if place not in known)


def _directories(root: str, named: bytes) -> list[str]:
    """The directories of deployments whose checksums are in ostree's file."""
    physical = provisioned_root(root)
    found = []
    for stateroot in tree.names(physical, STATEROOTS):
        for name in tree.names(physical, f"{STATEROOTS}/{stateroot}/deploy"):
            place = f"{STATEROOTS}/{stateroot}/deploy/{name}"
            if _is_deployment(place) and name.partition(".")[0].encode() in named:
                found.append(place)
    return found


def _inheriting(place: str, named: bytes, others: list[Deployment]) -> Deployment:
    """A staged deployment, with where its kernel arguments will come from.

    Without `kargs` in the file ostree takes those of the entry of the deployment that it merges /etc from, the booted one unless
    told otherwise, at the shutdown (ostree-sysroot-deploy.c sysroot_finalize_deployment()). Every text in the file ends in a zero.
    """
    pieces = named.decode("utf-8", "surrogateescape").split("\0")
    if any(piece.endswith(KARGS) for piece in pieces):
        return Deployment(place, own=" ".join(piece for piece in pieces if piece.startswith(cmdline.KEY)))
    merged = [each for each in others if each.directory.rpartition("/")[2].partition(".")[0].encode() in named]
    merged.sort(key=lambda each: not each.booted)
    return Deployment(place, text=merged[0].text, follows=merged[0].directory) if merged else Deployment(place)


def _number(text: str) -> int:
    """The entry's version; 0 for one that is no number, which ostree does not write."""
    version = bls.first_value(text, "version").strip()
    return int(version) if version.isdecimal() else 0


def _running(root: str) -> str:
    """The running command line."""
    return (tree.read_bytes(root, "proc/cmdline") or b"").decode("utf-8", "surrogateescape").rstrip("\n")
