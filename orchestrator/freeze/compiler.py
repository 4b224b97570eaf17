# SPDX-License-Identifier: Apache-2.0
"""Run by the target's Python: compile source files to .pyc files, without what no run looks at.

Standard input is a JSON list of [source, the name for tracebacks, the file to write]. Docstrings and asserts go (the latter are for
the type checker), and the annotations of functions; those of a class stay, which are the fields of a dataclass.
"""

from __future__ import annotations

import ast
import json
import marshal
import sys
from importlib.util import MAGIC_NUMBER

# By hash and unchecked (PEP 552): there is no source for a start to compare the byte code with, so the hash is left empty.
HEADER = MAGIC_NUMBER + (1).to_bytes(4, "little") + bytes(8)
WITHOUT_DOCSTRINGS = 2  # compile()'s optimize


class Bare(ast.NodeTransformer):
    """Takes the annotations off every function."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        """Called by NodeTransformer for each; what is inside comes first."""
        self.generic_visit(node)
        node.returns = None
        return node

    def visit_arg(self, node: ast.arg) -> ast.arg:
        """One argument."""
        node.annotation = None
        return node


def compiled(source: bytes, name: str) -> bytes:
    """The contents of the .pyc file."""
    tree = Bare().visit(ast.parse(source, name))
    return HEADER + marshal.dumps(compile(tree, name, "exec", dont_inherit=True, optimize=WITHOUT_DOCSTRINGS))


def main() -> None:
    """Carry out the orders."""
    for path, name, output in json.load(sys.stdin):
        with open(path, "rb") as source, open(output, "wb") as target:
            target.write(compiled(source.read(), name))


if __name__ == "__main__":
    main()
