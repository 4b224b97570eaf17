# SPDX-License-Identifier: Apache-2.0
"""`python3 -m orchestrator.freeze`: freeze, or install what was frozen."""

import sys

try:
    import elftools  # noqa: F401  # needed further down; nothing of it is used here
except ModuleNotFoundError:
    sys.exit("freeze: pyelftools is not installed; use `make freeze`, or install the extra `build` of this project")

from orchestrator.freeze.command import main

sys.exit(main(sys.argv[1:]))
