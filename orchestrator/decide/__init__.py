# SPDX-License-Identifier: Apache-2.0
"""What is to be done and why, worked out from facts alone. Nothing here reads or writes a file."""
