# SPDX-License-Identifier: Apache-2.0
"""The guest's packages, installed into a tar by mmdebstrap. Knows nothing of ostree."""

from __future__ import annotations

from pathlib import Path

from host import archive, binfmt
from host.cache import LIST_SUFFIX, Cache, digest
from host.process import Word, run
from host.progress import Progress

from image import foreign
from image.traits import Traits

PACKAGES = Path(__file__).parent / "files" / "packages.txt"
#: Those that an image of another suite takes from NEWER.
FROM_NEWER = PACKAGES.with_name("packages-forky.txt")
NEWER = "forky"

FOR_KOLA = PACKAGES.with_name("packages-kola.txt")
FOR_STORAGE = PACKAGES.with_name("packages-storage.txt")
#: Of the newer suite, as all of GRUB.
FOR_UEFI = PACKAGES.with_name("packages-uefi.txt")
FOR_SELINUX = PACKAGES.with_name("packages-selinux.txt")

OPTIONS = (
    "--variant=minbase",
    "--mode=root",
    "--format=tar",
    # A mirror may lag behind; a test machine must still be built.
    '--aptopt=Acquire::Check-Valid-Until "false"',
)
# Keeps the kernel's dracut hook from making an initramfs: ours is made later, with the product.
ENVIRONMENT = {"INITRD": "No"}

#: apt_preferences(5): of the newer suite, these packages and no others.
PREFERENCES = f"""\
Package: *
Pin: release n={NEWER}
Pin-Priority: -1

Package: {{packages}}
Pin: release n={NEWER}
Pin-Priority: 990
"""
#: mmdebstrap hands the environment on to its hooks.
SET_PREFERENCES = 'printf %s "$PREFERENCES" >"$1/etc/apt/preferences.d/newer"'
LIST_PACKAGES = r'''dpkg-query --root="$1" --show --showformat='${Package} ${Version} ${Architecture}\n' >"$LIST"'''
HOOKS = (f"--setup-hook={SET_PREFERENCES}", f"--customize-hook={LIST_PACKAGES}")


def packages(path: Path = PACKAGES) -> tuple[str, ...]:
    """The names listed in a file; `#` starts a comment line."""
    lines = (line.strip() for line in path.read_text().splitlines())
    return tuple(line for line in lines if line and not line.startswith("#"))


def included(traits: Traits) -> tuple[str, ...]:
    """The packages that are asked for by name."""
    more = (
        (FOR_KOLA, traits.kola),
        (FOR_SELINUX, traits.selinux),
        (FOR_STORAGE, traits.storage not in ("plain", "composefs")),
    )
    names = packages() + tuple(name for path, wanted in more if wanted for name in packages(path)) + _for_firmware(traits)
    return foreign.packages(names, traits.arch)


def _for_firmware(traits: Traits) -> tuple[str, ...]:
    return () if traits.firmware == "bios" else packages(FOR_UEFI)


def from_newer(traits: Traits) -> tuple[str, ...]:
    """The packages that an image of another suite takes from NEWER."""
    return foreign.packages(packages(FROM_NEWER) + _for_firmware(traits), traits.arch)


def key(traits: Traits) -> str:
    """What the tar depends on. The archive's address is left out: it may differ per machine."""
    options = (*OPTIONS, *foreign.options(traits.arch))
    return digest(*included(traits), *options, *_sources(traits, "ARCHIVE"), _preferences(traits), *HOOKS)


def lending(traits: Traits) -> Traits:
    """The machine whose packages lend the tools that a disk is made with: the same, or one of this architecture."""
    return traits if traits.arch == foreign.NATIVE else Traits(suite=traits.suite)


def name(traits: Traits) -> str:
    """The tar's name in the cache."""
    return f"rootfs-{key(traits)}.tar"


def list_beside(path: Path) -> Path:
    """Where the list of packages lies that something is made of: name, version, architecture and suite of each."""
    return path.with_suffix(LIST_SUFFIX)


def _preferences(traits: Traits) -> str:
    """Nothing for an image that is all of the newer suite."""
    return "" if traits.suite == NEWER else PREFERENCES.format(packages=" ".join(from_newer(traits)))


def _sources(traits: Traits, address: str) -> list[str]:
    """The suites to install from, as mmdebstrap's arguments."""
    return [f"deb {address} {suite} main" for suite in dict.fromkeys((traits.suite, NEWER))]


def tar(traits: Traits, cache: Cache, progress: Progress) -> Path:
    """The tar of the root file system, from the cache or from the archive. Its programs can be run on this machine then."""
    if traits.arch != foreign.NATIVE:
        binfmt.ensure(traits.arch)

    def build(partial: Path) -> None:
        names = included(traits)
        progress.step(f"mmdebstrap: {len(names)} packages of {traits.suite}")
        include = f"--include={','.join(names)}"
        sources = _sources(traits, archive.address())
        options = (*OPTIONS, *foreign.options(traits.arch))
        argv: list[Word] = ["mmdebstrap", *options, *HOOKS, include, traits.suite, partial, *sources]
        listed = list_beside(cache.directory / name(traits))
        run(argv, environment={**ENVIRONMENT, "PREFERENCES": _preferences(traits), "LIST": str(listed)})
        listed.write_text(_with_suites(listed.read_text(), traits))

    return cache.get(name(traits), build)


def _with_suites(listed: str, traits: Traits) -> str:
    """The preferences let nothing else in: a package is of the newer suite if, and only if, it is named for it."""
    newer = from_newer(traits)
    lines = listed.splitlines()
    return "".join(f"{line} {NEWER if line.split()[0] in newer else traits.suite}\n" for line in lines)
