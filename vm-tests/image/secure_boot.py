# SPDX-License-Identifier: Apache-2.0
"""The trait `firmware=secureboot`: Debian's shim, which Microsoft has signed, starts our GRUB; the kernel has Debian's signature.

Debian's signed GRUB has no blscfg (2.14 of forky, looked at in November 2026), so GRUB is our own, signed with the key that
Debian's package ovmf has for tests. shim trusts it as a machine owner's key (harness/efi_variables.py enrols it).
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from host.apt import Apt
from host.cache import Cache, digest
from host.process import remove_tree, run
from host.progress import Progress

from image import efi, foreign
from image.traits import Traits

#: A private key that everybody has, for tests, and its password.
KEY, CERTIFICATE = (Path(f"/usr/share/ovmf/PkKek-1-snakeoil.{suffix}") for suffix in ("key", "pem"))
PASSWORD = "snakeoil"

SHIM_SUITE, ARCHITECTURE, SHIM_PACKAGE = "trixie", "amd64", "shim-signed"
SHIM = "usr/lib/shim/shimx64.efi.signed"
#: shim takes the program of this name beside it.
SECOND = "EFI/BOOT/grubx64.efi"

#: shim starts nothing that does not say how old it is (its SBAT.md). Our GRUB is Debian's package, with Debian's numbers.
SBAT = """\
sbat,1,SBAT Version,sbat,1,https://github.com/rhboot/shim/blob/main/SBAT.md
grub,5,Free Software Foundation,grub,2.14,https://www.gnu.org/software/grub/
grub.debian,5,Debian,grub2,2.14,https://tracker.debian.org/pkg/grub2
"""


def fetch_shim(cache: Cache, progress: Progress) -> Path:
    """The program, from the cache or from the archive."""

    def fetch(partial: Path) -> None:
        progress.step(f"apt: {SHIM_PACKAGE} of {SHIM_SUITE}")
        directory = Path(tempfile.mkdtemp(prefix="shim-", dir=cache.directory))
        try:
            shutil.copyfile(Apt(SHIM_SUITE, ARCHITECTURE, directory).unpack(SHIM_PACKAGE) / SHIM, partial)
        finally:
            remove_tree(directory)

    return cache.get(f"shim-{digest(SHIM_SUITE, ARCHITECTURE, SHIM_PACKAGE)}.efi", fetch)


def system_partition(tools: Path, boot_number: int, traits: Traits, shim: Path) -> Path:
    """The directory that becomes the EFI system partition."""
    (tools / "sbat.csv").write_text(SBAT)
    content = efi.system_partition(tools, boot_number, traits, "--sbat=/sbat.csv")
    program = foreign.ARCHITECTURES[traits.arch].program
    _sign(content / program, content / SECOND, tools)
    shutil.copyfile(shim, content / program)
    return content


def certificate() -> bytes:
    """Whose signature GRUB has, in DER."""
    return run(["openssl", "x509", "-in", CERTIFICATE, "-outform", "DER"])


def _sign(program: Path, signed: Path, work: Path) -> None:
    """sbsign would ask a person for the password."""
    key = work / "signing.key"
    run(["openssl", "rsa", "-in", KEY, "-passin", f"pass:{PASSWORD}", "-out", key])
    run(["sbsign", "--key", key, "--cert", CERTIFICATE, "--output", signed, program])
