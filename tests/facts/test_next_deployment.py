# SPDX-License-Identifier: Apache-2.0
"""next_deployment.py: the kernel, the initramfs and the arguments of the deployment that is booted next."""

from __future__ import annotations

import pytest

from orchestrator.facts import deployments, next_deployment
from orchestrator.facts.next_deployment import NextDeployment
from tests.conftest import Make
from tests.facts.test_deployments import NEXT, SECOND, THIRD, deployed
from tests.kernelimage import bzimage
from tests.sample import FIRST_BOOT_LINE, MIB, OPTIONS, Sample, entry_text

RUNNING, OTHER = "7.2.5", "7.3.1"
IOMEM_KERNEL = (0x1000000 + 0x600000) // MIB  # of the sample's /proc/iomem
SHIPPED = "usr/lib/kdump/initramfs.img"
SETTINGS = "sysroot/etc/default/kdump-tools"
BUILT = f"sysroot/var/lib/kdump/initrd.img-{OTHER}"
STAGED = b"\0kargs\0\0\0ro\0crashkernel=64M\0\0" + b"c" * 64 + b"\0"


def updated(sample: Sample, *, kernel: int | None = 60 * MIB, shipped: int = 3 * MIB, settings: str | None = None) -> Sample:
    """The tree with a booted deployment of kernel RUNNING and a newer one of kernel OTHER, which takes `kernel` bytes."""
    deployed(sample)
    sample.write("proc/sys/kernel/osrelease", f"{RUNNING}\n")
    sample.write(f"sysroot/usr/lib/modules/{RUNNING}/vmlinuz", bzimage(RUNNING, 50 * MIB))
    image = f"sysroot/sysroot/{SECOND}"
    sample.write(f"{image}/usr/lib/modules/{OTHER}/vmlinuz", b"?" if kernel is None else bzimage(OTHER, kernel))
    sample.write(f"{image}/usr/lib/modules/{OTHER}/initramfs.img", bytes(8 * MIB))
    sample.write(f"{image}/{SHIPPED}", bytes(shipped))
    if settings is not None:
        sample.write(SETTINGS, settings)
    return sample


def read(sample: Sample) -> NextDeployment | None:
    """As `status` reads it."""
    return next_deployment.read(str(sample.root), sample.boot, FIRST_BOOT_LINE)


def test_the_booted_one_is_no_other(make: Make) -> None:
    assert read(make()) is None
    sample = updated(make())
    sample.write(NEXT, entry_text(OPTIONS.replace("/5d6a2c/", "/ffffff/")).replace("version 1\n", "version 0\n"))
    assert read(sample) is None


def test_which_is_booted_is_not_known(make: Make) -> None:
    sample = updated(make(cmdline="root=x\n"))
    assert read(sample) is None


def test_the_kernel_is_sized_by_its_header(make: Make) -> None:
    """Where both headers are there, by their difference; where the running one's is not, by its own."""
    sample = updated(make(), settings=f"KDUMP_INITRD=/{SHIPPED}\n")
    found = read(sample)
    assert found is not None and found.capture is not None and found.sized
    assert (found.directory, found.staged, found.release) == (SECOND, False, OTHER)
    assert found.capture.kernel == (IOMEM_KERNEL + 60 - 50) * MIB
    (sample.root / f"sysroot/usr/lib/modules/{RUNNING}/vmlinuz").unlink()
    found = read(sample)
    assert found is not None and found.capture is not None and found.sized and found.capture.kernel == 60 * MIB


def test_a_kernel_without_such_a_header_is_taken_for_the_running_one(make: Make) -> None:
    found = read(updated(make(), kernel=None))
    assert found is not None and found.capture is not None
    assert not found.sized and found.capture.kernel == IOMEM_KERNEL * MIB


@pytest.mark.parametrize(
    ("settings", "built", "path", "stored"),
    [
        (f"KDUMP_INITRD=/{SHIPPED}\n", {}, f"/{SHIPPED}", 3),
        (f"KDUMP_INITRD=/usr/lib/modules/$(uname -r)/initramfs.img\n", {}, f"/usr/lib/modules/{OTHER}/initramfs.img", 8),
        ("", {}, f"that kdump will make of its /usr/lib/modules/{OTHER}/initramfs.img", 4),
        ("", {BUILT: bytes(2 * MIB)}, f"/var/lib/kdump/initrd.img-{OTHER}", 2),
        ("", {"sysroot/var/lib/kdump/initrd.img": bytes(MIB)}, f"that kdump will make of its /usr/lib/modules/{OTHER}/initramfs.img", 4),
        (None, {f"sysroot/var/lib/kdump/initramfs-{OTHER}kdump.img": bytes(MIB)}, f"/var/lib/kdump/initramfs-{OTHER}kdump.img", 1),
        (None, {}, f"that kdump will make of its /usr/lib/modules/{OTHER}/initramfs.img", 4),
    ],
    ids=["shipped", "its own", "not built yet", "built already", "the link is the running one's", "kdump-utils", "kdump-utils, not built"],
)
def test_the_initramfs_is_its_own(make: Make, settings: str | None, built: dict[str, bytes], path: str, stored: int) -> None:
    found = read(updated(make(extra=built), settings=settings))
    assert found is not None and found.capture is not None
    assert (found.capture.path, found.capture.initrd.stored) == (path, stored * MIB)


def test_the_arguments_are_those_of_its_entry_or_of_ostrees_note(make: Make) -> None:
    sample = updated(make())
    found = read(sample)
    assert found is not None and found.options == ""
    sample.write(NEXT, sample.text(NEXT).replace("options ", "options crashkernel=1G,high crashkernel=72M,low "))
    found = read(sample)
    assert found is not None and found.options == "crashkernel=1G,high crashkernel=72M,low"
    sample.write(f"sysroot/sysroot/{THIRD}/usr/lib/os-release", "")
    sample.write(deployments.STAGED, STAGED)
    found = read(sample)
    assert found is not None and (found.directory, found.staged, found.options) == (THIRD, True, "crashkernel=64M")
    assert found.release == "" and found.capture is None


def test_all_captures_that_are_known(make: Make) -> None:
    sample = updated(make(extra={f"sysroot/{SHIPPED}": bytes(MIB)}), settings=f"KDUMP_INITRD=/{SHIPPED}\n")
    found = next_deployment.captures(str(sample.root), sample.boot, FIRST_BOOT_LINE)
    assert [each.initrd.stored for each in found] == [MIB, 3 * MIB]
