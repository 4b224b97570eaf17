# SPDX-License-Identifier: Apache-2.0
"""Modules that stand in the zip in place of standard ones of the same name; never imported as this package."""
