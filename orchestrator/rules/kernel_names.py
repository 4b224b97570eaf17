# SPDX-License-Identifier: Apache-2.0
"""For which kernel a file is, by its name. Pure.

The names are those of linux' own `make install`, initramfs-tools and kdump-tools (initrd.img-VERSION), dracut and
kdump-utils (initramfs-VERSION.img, initramfs-VERSIONkdump.img), SUSE (initrd-VERSION-kdump), and of a deployment of ostree
(usr/lib/modules/VERSION/vmlinuz).
"""

from __future__ import annotations

MODULES = "/usr/lib/modules/"
PREFIXES = ("vmlinuz-", "vmlinux-", "Image-", "bzImage-", "initrd.img-", "initramfs-", "initrd-")
SUFFIXES = ("kdump.img", ".img", "-kdump")


def release(path: str) -> str:
    """The kernel release in an absolute path; "" where its name has none."""
    if path.startswith(MODULES):
        return path[len(MODULES) :].partition("/")[0]
    name = path.rpartition("/")[2]
    prefix = next((each for each in PREFIXES if name.startswith(each)), None)
    if prefix is None:
        return ""
    suffix = next((each for each in SUFFIXES if name.endswith(each)), "")
    return name.removeprefix(prefix).removesuffix(suffix)
