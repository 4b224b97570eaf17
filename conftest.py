# SPDX-License-Identifier: Apache-2.0
"""For the tests in `tests/` and those in `vm-tests/`: what each one cost is noted, and `make check` prints it at its end."""

from host.costs import pytest_runtest_protocol  # noqa: F401  pytest finds the hook by its name
