# SPDX-License-Identifier: Apache-2.0
"""What the program costs: time beside ostree's own tool, bytes of an initramfs. `python3 -m tests.bench`, as root."""
