# SPDX-License-Identifier: Apache-2.0
"""The trait `kola`: what stock kola asks of a machine, as Fedora CoreOS has it.

Source: coreos-assembler's mantle/platform/platform.go CheckMachine(), mantle/kola/harness.go runExternalTest() and ScpKolet():
ssh as core with sudo, a unit sshd, VARIANT_ID, one question to rpm, a writable /usr/local. jq and busctl are in every image.
"""

from __future__ import annotations

from pathlib import Path

from host.process import remove_tree, run

FILES = Path(__file__).parent / "files" / "kola"
OS_RELEASE = "usr/lib/os-release"
VARIANT = "VARIANT_ID=coreos\n"
LOCAL, MOVED_LOCAL = "usr/local", "../var/usrlocal"
SUDOERS = "etc/sudoers.d/core"
#: With sshd installed it looks for an address in AF_VSOCK, fails, and kola takes a failed generator for a failed test.
SSH_GENERATOR = "usr/lib/systemd/system-generators/systemd-ssh-generator"


def furnish(tree: Path) -> None:
    """Add it to a tree that has the packages."""
    run(["cp", "-a", "--no-preserve=ownership", f"{FILES}/.", tree])
    # sudo reads nothing that others may write.
    (tree / SUDOERS).chmod(0o440)
    with (tree / OS_RELEASE).open("a") as release:
        release.write(VARIANT)
    (tree / SSH_GENERATOR).unlink()
    remove_tree(tree / LOCAL)
    (tree / LOCAL).symlink_to(MOVED_LOCAL)
