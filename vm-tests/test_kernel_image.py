# SPDX-License-Identifier: Apache-2.0
"""What orchestrator/rules/kernel_image.py reads in the headers of the kernels that the machine under test boots. No machine."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest
from host.cache import Cache
from host.progress import Progress
from image import rootfs, update
from image.builder import BUILD
from image.traits import Traits

from orchestrator.rules import kernel_image, kernel_names

MIB = 1 << 20


def packed(which: str) -> Path:
    """The tar with the kernel of the image, or with that of its update."""
    cache, progress = Cache(BUILD / "cache"), Progress("kernel")
    return rootfs.tar(Traits(), cache, progress) if which == "image" else update.kernel(cache, progress)


@pytest.mark.parametrize("which", ["image", "update"])
def test_header_of_a_kernel(which: str) -> None:
    """The release that its name has, and more memory than the file has bytes."""
    with tarfile.open(packed(which)) as packages:
        member = next(each for each in packages if each.isfile() and "/vmlinuz" in each.name)
        content = packages.extractfile(member)
        assert content is not None
        start = content.read(kernel_image.HEADER)
    # The update's tar holds a directory VERSION, as below /usr/lib/modules.
    name = member.name if which == "image" else f"usr/lib/modules/{member.name}"
    memory = kernel_image.memory(start)
    assert kernel_image.release(start) == kernel_names.release(f"/{name}") != ""
    assert memory is not None and member.size < memory < 256 * MIB
