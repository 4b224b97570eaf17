# SPDX-License-Identifier: Apache-2.0
"""Builds the disk image of the machine under test; its files and its packages lie in files/."""
