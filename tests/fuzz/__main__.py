# SPDX-License-Identifier: Apache-2.0
"""As the package says."""

from __future__ import annotations

import sys

from tests import fuzz
from tests.fuzz import SEED, Found
from tests.fuzz.targets import TARGETS

MILLION = 1_000_000


def main(argv: list[str]) -> int:
    """Fuzz and time; 1 where something was found."""
    count, seed = (*map(int, argv), *(MILLION, SEED)[len(argv) :])
    try:
        tried = fuzz.run(count, seed)
        for name, number in tried.items():
            print(f"{number:9} {name}")
        found = fuzz.slow()
    except Found as error:
        print(f"seed {seed}: {error}")
        return 1
    print(
        f"{sum(tried.values()):9} texts in all, seed {seed}; {sum(len(target.pumps) for target in TARGETS)} hostile texts timed"
    )
    print("\n".join(found) or "          every parser takes linear time")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
