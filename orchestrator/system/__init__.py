# SPDX-License-Identifier: Apache-2.0
"""The operating system: files below a root directory, other programs, mounts, locks. Nothing here knows of kdump."""
