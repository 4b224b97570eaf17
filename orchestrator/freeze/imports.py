# SPDX-License-Identifier: Apache-2.0
"""The modules that a source file names in its import statements, at any depth, as far as a run can reach them."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

GUARD = "TYPE_CHECKING"


def named(text: str) -> frozenset[tuple[str, str]]:
    """(module, name) for every `from module import name`, (module, "") for `import module`."""
    return frozenset(_imports(ast.parse(text).body))


def _imports(nodes: Iterable[ast.AST]) -> Iterator[tuple[str, str]]:
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", alias.name) for alias in node.names)
        elif isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == GUARD:
            yield from _imports(node.orelse)
        else:
            yield from _imports(ast.iter_child_nodes(node))
