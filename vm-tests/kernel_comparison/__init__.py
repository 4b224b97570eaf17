# SPDX-License-Identifier: Apache-2.0
"""Compares the prediction of orchestrator/crashkernel.py with what real kernels reserve."""
