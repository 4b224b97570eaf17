# SPDX-License-Identifier: Apache-2.0
"""The SELinux label of what is made while no policy is loaded, as in an initramfs.

A kernel with a policy gives a new file the type of its directory, unless the policy has a rule for the pair. One without gives
it no label, and once the policy is there such a file is unlabeled_t, which confined programs may not touch. Nor may
systemd-tmpfiles put that right everywhere: Debian's policy has no relabelfrom unlabeled_t for it, and no relabelto for files of
/var/lib. So the label of the directory is passed on here. It is what file_contexts says of our names below /var/lib and
/var/log, where these two have their own label. Nobody has to be asked: not every initramfs has setfiles.
"""

from __future__ import annotations

import os

LABEL = "security.selinux"


def make_directories(path: str) -> None:
    """Make a directory and those above it that are not there. Raises OSError."""
    missing: list[str] = []
    while not os.path.isdir(path):
        missing.append(path)
        path = os.path.dirname(path)
    for directory in reversed(missing):
        os.mkdir(directory, 0o755)
        pass_on(directory)


def pass_on(path: str, new: str | int = "") -> None:
    """Give what was just made at `path` (`new`: its open file, where it is one) the label of its directory, if it has none.

    Where a policy is loaded everything has one; where there is no SELinux, directories have none. A label that cannot be set is
    no reason to lose the file.
    """
    made = new or path
    try:
        os.getxattr(made, LABEL)
    except OSError:
        try:
            os.setxattr(made, LABEL, os.getxattr(os.path.dirname(path), LABEL))
        except OSError:
            return
