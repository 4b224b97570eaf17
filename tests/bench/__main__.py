# SPDX-License-Identifier: Apache-2.0
"""`make bench`: print the times and the sizes."""

from __future__ import annotations

import argparse
import os
import sys

from tests.bench import change, initramfs, startup
from tests.isolated import in_namespace

CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MIB = 1 << 20
LIMIT_MIB = 3.2
LIMIT_RATIO = 1.0


def main(argv: list[str]) -> int:
    """Measure and print; 1 where a limit is not kept."""
    parser = argparse.ArgumentParser(prog="python3 -m tests.bench", description=__doc__)
    parser.add_argument("--frozen", default=os.path.join(CHECKOUT, "build/frozen"))
    parser.add_argument("--packages", default=os.path.join(CHECKOUT, "build/cache/bookworm/packages"))
    parser.add_argument("--rounds", type=int, default=startup.ROUNDS)
    parser.add_argument("--pairs", type=int, default=change.PAIRS)
    options = parser.parse_args(argv)
    times = startup.measure(options.frozen, options.rounds)
    print(f"A first boot with nothing to do, median of {options.rounds} interleaved rounds:")
    for row in times:
        print(f"  {row.wall:6.2f} ms wall  {row.cpu:6.2f} ms CPU  {row.ratio:5.2f} x ostree  {row.name}")
    in_namespace(lambda: change.show(options.frozen, options.pairs))
    sizes = initramfs.measure(options.frozen, options.packages, CHECKOUT)
    print("Growth of a dracut --zstd initramfs in bytes:")
    for growth in sizes:
        added, base = growth.added, growth.base
        print(f"  {added.zstd:+10} zstd  {added.raw:+10} raw  on {base.zstd} / {base.raw}  {growth.name}")
    kept = all(row.ratio <= LIMIT_RATIO for row in times) and all(growth.added.zstd <= LIMIT_MIB * MIB for growth in sizes)
    print(f"Limits ({LIMIT_RATIO:.1f} x ostree, {LIMIT_MIB} MiB): {'kept' if kept else 'NOT kept'}")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
