# SPDX-License-Identifier: Apache-2.0
"""What has to be there before anything is started, and one sentence for whatever is not."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

KOLA = "kola"
#: kola calls them by name.
QEMU = ("qemu-system-x86_64", "qemu-img")
KVM = Path("/dev/kvm")
NO_KVM = "COSA_NO_KVM"
#: kola takes the format from the end of the name.
SUFFIXES = (".qcow2", ".raw")


class MissingError(RuntimeError):
    """Something is not there; the message is one sentence that says where to get it."""


def kola(path: str | None = None) -> str:
    """kola's program, found in PATH (or in `path`)."""
    found = shutil.which(KOLA, path=path)
    if found is None:
        raise MissingError(
            "there is no kola in PATH: run this inside coreos-assembler's container (`cosa shell`), which has it, "
            "or build it there from mantle/ and put it into PATH"
        )
    for name in QEMU:
        if shutil.which(name, path=path) is None:
            raise MissingError(f"kola needs {name}, which is not in PATH: install QEMU")
    return found


def image(path: Path | None) -> Path:
    """The image that was named, as an absolute path."""
    if path is None:
        raise MissingError("no image was named: --image FILE.qcow2, a Fedora CoreOS image with kdump-karg in it (vm-tests/README.md)")
    if not path.is_file():
        raise MissingError(f"{path}: there is no such image; vm-tests/README.md says how to make one")
    if path.suffix not in SUFFIXES:
        raise MissingError(f"{path}: kola takes the image's format from its name, which must end in {' or '.join(SUFFIXES)}")
    return path.resolve()


def environment(kvm: Path = KVM) -> Mapping[str, str]:
    """kola's environment: where there is no KVM it must be told so."""
    return os.environ if os.access(kvm, os.R_OK | os.W_OK) else {**os.environ, NO_KVM: "1"}
