# SPDX-License-Identifier: Apache-2.0
"""Boots a machine in QEMU and works with it: its disks, its channels, the agent in the guest, and what the guest says."""
