# SPDX-License-Identifier: Apache-2.0
"""The fast tests and the bench."""
