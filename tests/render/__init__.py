# SPDX-License-Identifier: Apache-2.0
"""Tests of `render`: a small request in, a complete config out."""
