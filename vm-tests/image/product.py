# SPDX-License-Identifier: Apache-2.0
"""The tree of files that the product installs."""

from __future__ import annotations

import os
from pathlib import Path

from host.process import remove_tree, run

from image.builder import BUILD, CHECKOUT

#: Names a tree that is there already; "none" leaves the product out.
VARIABLE = "KDUMP_KARG_PRODUCT"


def tree() -> Path | None:
    """The product, installed afresh from the checkout unless the environment names a tree."""
    wanted = os.environ.get(VARIABLE)
    if wanted:
        return None if wanted == "none" else Path(wanted).resolve()
    target = BUILD / "install"
    remove_tree(target)
    run(["make", "-C", CHECKOUT, "install", f"DESTDIR={target}"])
    return target
