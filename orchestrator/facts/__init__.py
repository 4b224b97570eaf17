# SPDX-License-Identifier: Apache-2.0
"""What is read from a machine or a captured tree, as frozen dataclasses. Nothing here decides or writes."""
