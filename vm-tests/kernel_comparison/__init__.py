# SPDX-License-Identifier: Apache-2.0
"""Compares the prediction of orchestrator/rules/crashkernel.py with what real kernels reserve."""
