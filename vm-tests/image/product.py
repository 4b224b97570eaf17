# SPDX-License-Identifier: Apache-2.0
"""The tree of files that the product installs: the content of its Debian package."""

from __future__ import annotations

import os
from pathlib import Path

from host.process import remove_tree, run

from image import foreign
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


def foreign_tree(arch: str) -> Path:
    """The product for another architecture. Debian packages are built with this machine's Python; this is what `make install` makes."""
    debian = foreign.ARCHITECTURES[arch].debian
    place = BUILD / debian
    remove_tree(place)
    settings = [f"ARCHITECTURE={debian}", f"BUILD={place.relative_to(CHECKOUT)}", f"DESTDIR={place / 'install'}"]
    run(["make", "-C", CHECKOUT, *settings, "install"])
    return place / "install"
