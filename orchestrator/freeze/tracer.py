# SPDX-License-Identifier: Apache-2.0
"""Run by the target's Python with the whole standard library: say what the application imports.

Arguments: the file to write; then either `run` and the application's own argv, or `import` and names like `json:dumps`.
Prints nothing of its own.
"""

import sys


def listed() -> str:
    """One line for every module that came from a file or is built in: its name, a tab, its origin."""
    lines = []
    for name, module in sorted(sys.modules.items()):
        spec = getattr(module, "__spec__", None)
        if name != "__main__" and spec is not None and (spec.has_location or spec.origin == "built-in"):
            lines.append(f"{name}\t{spec.origin}\n")
    return "".join(lines)


def run(argv: list[str]) -> None:
    """Run the application, however it ends."""
    sys.argv = argv
    try:
        from orchestrator.cli import main

        main(argv[1:])
    except SystemExit:
        pass


def load(words: list[str]) -> None:
    """Import what those words name; a private module that this Python lacks has a substitute."""
    for word in words:
        module, _, name = word.partition(":")
        try:
            __import__(module, fromlist=[name] if name else [])
        except ImportError:
            if not module.startswith("_"):
                raise


def main(output: str, mode: str, words: list[str]) -> None:
    """Do the one or the other, then write the list."""
    try:
        run(words) if mode == "run" else load(words)
    finally:
        with open(output, "w", encoding="utf-8") as file:
            file.write(listed())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
