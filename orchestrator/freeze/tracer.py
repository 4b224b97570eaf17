# SPDX-License-Identifier: Apache-2.0
"""Run by the target's Python with the whole standard library: write down what the application imports.

The argument is the file to write. The orders on standard input have tabs between their words: `import`, a module and a name
in it, or `run` and a command line.
"""

import sys


def run(argv: list[str]) -> None:
    """Run the application, however it ends."""
    from orchestrator.cli import main

    sys.argv = argv
    try:
        main(argv[1:])
    except SystemExit:
        pass


def load(module: str, name: str) -> None:
    """Import that; a private module that this Python lacks has a substitute."""
    try:
        __import__(module, fromlist=[name] if name else [])
    except ImportError:
        if not module.startswith("_"):
            raise


def listed() -> str:
    """One line for every module that came from a file: its name, a tab, its path."""
    specs = ((name, getattr(module, "__spec__", None)) for name, module in sorted(sys.modules.items()))
    return "".join(f"{name}\t{spec.origin}\n" for name, spec in specs if spec is not None and spec.has_location)


def main(output: str) -> None:
    """Carry out the orders, then write the list."""
    for order in sys.stdin.read().splitlines():
        verb, *words = order.split("\t")
        if verb == "run":
            run(words)
        else:
            load(*words)
    with open(output, "w", encoding="utf-8") as file:
        file.write(listed())


if __name__ == "__main__":
    main(sys.argv[1])
