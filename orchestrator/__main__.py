# SPDX-License-Identifier: Apache-2.0
"""`python3 -m orchestrator`: the program from a checkout."""

import sys

from orchestrator.cli import main

sys.exit(main(sys.argv[1:]))
