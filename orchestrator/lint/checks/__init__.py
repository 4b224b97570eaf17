# SPDX-License-Identifier: Apache-2.0
"""The checks by theme, each a pure function from what a config says to findings."""
