# SPDX-License-Identifier: Apache-2.0
"""Other people's rules as data and pure functions: the kernel's, ostree's, GRUB's, the kdump packages'. Nothing here touches a file."""
