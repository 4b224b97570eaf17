# SPDX-License-Identifier: Apache-2.0
"""The guest's file tree: packages, the image's own files, the product; then the shape ostree wants."""

from __future__ import annotations

from pathlib import Path

from host.process import remove_tree, run, run_in_tree

from image import coreos, foreign, kola, selinux, storage
from image.traits import Traits

IMAGE_FILES = Path(__file__).parent / "files"

#: Directories that ostree keeps in /var, and where.
MOVED_TO_VAR = {
    "home": "var/home",
    "root": "var/roothome",
    "opt": "var/opt",
    "srv": "var/srv",
    "mnt": "var/mnt",
}

#: Pulled in by sysinit.target; each costs up to a second under emulation, and nothing here needs it.
NOT_WANTED = (
    "dev-hugepages.mount",
    "dev-mqueue.mount",
    "imports.target",
    "ldconfig.service",
    "proc-sys-fs-binfmt_misc.automount",
    "sys-fs-fuse-connections.mount",
    "sys-kernel-config.mount",
    "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
    "systemd-binfmt.service",
    "systemd-firstboot.service",
    "systemd-hibernate-clear.service",
    "systemd-hwdb-update.service",
    "systemd-journal-catalog-update.service",
)


def unpack(tar: Path, tree: Path) -> None:
    """Unpack the packages' tar, device nodes included."""
    tree.mkdir(parents=True)
    run(["tar", "-xf", tar, "-C", tree, "--numeric-owner", "--xattrs"])


def kernel_version(tree: Path) -> str:
    """The version of the one kernel in `tree`."""
    (modules,) = (tree / "usr/lib/modules").iterdir()
    return modules.name


def furnish(tree: Path, traits: Traits, product: Path | None) -> None:
    """Add the image's files and the product, and make the packages behave as a vendor would."""
    if traits.selinux:
        selinux.extend_policy(tree)
    for source in (IMAGE_FILES / "root", product):
        if source is not None:
            run(["cp", "-a", "--no-preserve=ownership", f"{source}/.", tree])
    _enable_nothing(tree)
    _put_kernel_beside_modules(tree)
    _fit_ignition(tree)
    _configure_kdump(tree)
    (tree / "etc/fstab").write_text("")
    # It would put an automount over boot.mount.
    (tree / "usr/lib/systemd/system-generators/systemd-gpt-auto-generator").unlink()
    foreign.furnish(tree, traits.arch)
    if traits.kola:
        kola.furnish(tree)
    storage.furnish(tree, traits)
    if traits.coreos:
        coreos.furnish(tree)
    if traits.selinux:
        selinux.furnish(tree)
    if not traits.boot_partition:
        units = tree / "usr/lib/systemd/system"
        (units / "boot.mount").unlink()
        (units / "local-fs.target.wants/boot.mount").unlink()


def _enable_nothing(tree: Path) -> None:
    """Take back what the packages' scripts enabled: presets decide, on the first boot."""
    for directory in (tree / "etc/systemd/system").glob("*.wants"):
        remove_tree(directory)
    wants = tree / "usr/lib/systemd/system/sysinit.target.wants"
    for unit in NOT_WANTED:
        # systemd 257 has no imports.target.
        (wants / unit).unlink(missing_ok=True)


def _put_kernel_beside_modules(tree: Path) -> None:
    """Move the kernel to where ostree and the capture kernel's settings look for it. forky's package has it there."""
    version = kernel_version(tree)
    wanted = tree / f"usr/lib/modules/{version}/vmlinuz"
    if not wanted.exists():
        (tree / f"boot/vmlinuz-{version}").rename(wanted)


def _fit_ignition(tree: Path) -> None:
    """Drop the dependency on curl: the qemu provider needs no network."""
    setup = tree / "usr/lib/dracut/modules.d/30ignition/module-setup.sh"
    before = "echo qemu systemd url-lib network"
    text = setup.read_text()
    if before not in text:
        raise RuntimeError(f"{setup}: the dependency line has changed")
    setup.write_text(text.replace(before, "echo qemu systemd"))


def _configure_kdump(tree: Path) -> None:
    with (tree / "etc/default/kdump-tools").open("a") as defaults:
        defaults.write((IMAGE_FILES / "kdump-tools.append").read_text())


def replace_kernel(tree: Path, modules: Path) -> None:
    """Put another kernel in the place of the furnished tree's own: a directory VERSION with `vmlinuz` and the modules, as unpacked."""
    remove_tree(tree / "usr/lib/modules" / kernel_version(tree))
    run(["cp", "-a", "--no-preserve=ownership", modules, tree / "usr/lib/modules"])
    # Debian's package has it done when it is installed.
    run_in_tree(tree, ["depmod", modules.name])


def shape_for_ostree(tree: Path) -> None:
    """Turn a Debian root into the tree of an ostree commit."""
    for name in ("boot", "dev", "proc", "run", "sys", "tmp", "var"):
        remove_tree(tree / name)
        (tree / name).mkdir()
    for link in tree.glob("vmlinuz*"):
        link.unlink()
    for name, target in MOVED_TO_VAR.items():
        remove_tree(tree / name)
        (tree / name).symlink_to(target)
    (tree / "sysroot").mkdir()
    (tree / "ostree").symlink_to("sysroot/ostree")
    # Absent, not empty: that is what makes systemd apply presets on the first boot.
    (tree / "etc/machine-id").unlink()
    (tree / "etc").rename(tree / "usr/etc")
