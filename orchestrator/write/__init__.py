# SPDX-License-Identifier: Apache-2.0
"""What changes a machine: the steps of a plan on the boot file system, and the notes for later units and boots."""
