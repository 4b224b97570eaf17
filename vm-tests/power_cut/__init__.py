# SPDX-License-Identifier: Apache-2.0
"""Every disk that a power cut could leave, and what GRUB, Linux and the next boot make of it."""
