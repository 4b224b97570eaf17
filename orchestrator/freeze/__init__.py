# SPDX-License-Identifier: Apache-2.0
"""Build time only: the application as a frozen zipapp with its private interpreter, and its installation into a root.

Nothing of this sub-package goes into the zip, and nothing outside it imports it.
"""
