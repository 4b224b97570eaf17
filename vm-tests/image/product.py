# SPDX-License-Identifier: Apache-2.0
"""The tree of files that the product installs: the content of its Debian package."""

from __future__ import annotations

import os
from pathlib import Path

from host.process import run

from image.builder import BUILD, CHECKOUT

#: Names a tree that is there already; "none" leaves the product out.
VARIABLE = "KDUMP_KARG_PRODUCT"


def tree() -> Path | None:
    """The product, packaged afresh from the checkout unless the environment names a tree."""
    wanted = os.environ.get(VARIABLE)
    if wanted:
        return None if wanted == "none" else Path(wanted).resolve()
    run(["make", "-C", CHECKOUT, "product"])
    return BUILD / "install"
