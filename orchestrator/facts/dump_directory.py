# SPDX-License-Identifier: Apache-2.0
"""The directory of this machine that dumps go to, as the kdump package's configuration has it. Read, not judged.

Sources: kdump-utils kdump.conf(5), kdump-lib.sh get_save_path(); kdump-tools kdump-config; SUSE kdump(5).
"""

from __future__ import annotations

from orchestrator.errors import Refusal
from orchestrator.rules.capture_cmdline import Facts, Package
from orchestrator.system import tree

KDUMP_CONF = "etc/kdump.conf"
DEFAULT = "/var/crash"
# Lines of kdump.conf that name another place than the root file system.
ELSEWHERE = frozenset("raw nfs nfs4 ssh ext2 ext3 ext4 minix btrfs xfs virtiofs".split())
SERVERS = ("SSH", "NFS", "FTP")  # kdump-tools' variables


def read(provisioned: str, capture: Facts) -> str:
    """An absolute path; "" where the dump goes to another machine or device, or where it is not known."""
    if capture.package is Package.KDUMP_UTILS:
        return _kdump_utils(provisioned)
    if capture.package is Package.KDUMP_TOOLS:
        if any(capture.config.get(name).text != "" for name in SERVERS):
            return ""
        return capture.config.get("KDUMP_COREDIR").text or DEFAULT
    place = capture.config.get("KDUMP_SAVEDIR").text
    if place is None:
        return ""
    path = (place or DEFAULT).removeprefix("file://")
    return path if path.startswith("/") else ""


def _kdump_utils(provisioned: str) -> str:
    """From kdump.conf: one option a line."""
    try:
        text = (tree.read_bytes(provisioned, KDUMP_CONF) or b"").decode("utf-8", "surrogateescape")
    except Refusal:
        return ""
    options = [(words[0], words[1:]) for words in (line.split() for line in text.splitlines()) if words]
    if any(key in ELSEWHERE or (key == "dracut_args" and "--mount" in " ".join(rest)) for key, rest in options):
        return ""
    paths = [rest[0].strip('"') for key, rest in options if key == "path" and rest]
    return paths[-1] if paths else DEFAULT
