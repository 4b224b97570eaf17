# SPDX-License-Identifier: Apache-2.0
"""A capture initramfs that is built on the machine, as kdump-utils does it: once for every kernel, by the start of the service."""

from __future__ import annotations

from harness import built_capture, vmcore
from harness.built_capture import BUILD_TIMEOUT, BUILT_HERE

from conftest import Boot

CRASH_TIMEOUT = 600.0


def test_built_once_for_a_kernel_and_used(boot: Boot) -> None:
    """Built in the boot after the first, and not again in the next one; the dump between them is captured with it."""
    machine = boot(ignition=BUILT_HERE)
    machine.wait_boot(BUILD_TIMEOUT)
    found = built_capture.armed(machine)
    assert f"{found.path}, built on this machine for kernel" in machine.run("kdump-karg status").text
    machine.crash()
    machine.wait_boot(CRASH_TIMEOUT)
    vmcore.verify(vmcore.collect(machine), machine.run("uname -r").text)
    assert built_capture.armed(machine) == found
