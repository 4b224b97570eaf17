# SPDX-License-Identifier: Apache-2.0
"""The rules of the kernel, ostree, GRUB and the kdump packages, as data and pure functions. Nothing here touches a file."""
