# SPDX-License-Identifier: Apache-2.0
"""The Python of another architecture, whose work this machine's own does.

Byte code is the same on every architecture for one version of Python, and Debian makes all packages of a suite from one source.
So nothing of the foreign architecture is run: this machine's Python of the same suite traces and compiles, with the foreign
files in the place of its own. The libraries are found by reading ELF, as always.
"""

from __future__ import annotations

import os
from dataclasses import replace

from orchestrator.freeze import elf, licences
from orchestrator.freeze.archive import Unpacked
from orchestrator.freeze.interpreter import Interpreter


def interpreter(unpacked: Unpacked, here: Interpreter) -> Interpreter:
    """The foreign Python that was unpacked, with `here`, this machine's of the same suite, to do its work."""
    version, root = unpacked.suite.python, unpacked.root
    stdlib = os.path.join(root, "usr/lib", f"python{version}")
    return replace(
        here,
        root=root,
        program=elf.read(os.path.join(root, "usr/bin", f"python{version}")),
        stdlib=stdlib,
        runs_from=here.stdlib,
        licence=licences.of_python(root, version, stdlib),
        origin=(f"suite {unpacked.suite.name}", *unpacked.packages),
    )
