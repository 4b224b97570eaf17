# SPDX-License-Identifier: Apache-2.0
"""Where a kdump package's configuration sends the dump. Rules only: facts/dump_target.py looks at the place.

Sources: kdump-utils (March 2026) kdump.conf(5), kdump-lib-initramfs.sh, mkdumprd, kdumpctl parse_config(); Debian kdump-tools
1.10.7 kdump-config; openSUSE kdump (April 2026) kdump-read-config.sh, dracut/kdump-save, dracut/setup-kdump.functions.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from orchestrator.rules import makedumpfile
from orchestrator.rules.makedumpfile import level, level_of_collector
from orchestrator.rules.shell_assignments import Assignments

DIRECTORY = "/var/crash"  # the default of all three
KEY = "/root/.ssh/kdump_id_rsa"  # kdump-utils: DEFAULT_SSHKEY; kdump-tools: kdump_save_core_to_ssh()
SUSE_KEYS = ("id_rsa", "id_dsa", "id_ecdsa", "id_ed25519")  # kdump_init_ssh()
HOME_OF_KEYS = "/root/.ssh/"
FILE_SYSTEMS = frozenset(("ext2", "ext3", "ext4", "xfs", "btrfs", "minix"))
TARGETS = FILE_SYSTEMS | {"raw", "nfs", "ssh", "virtiofs"}  # parse_config()
OTHER_OPTIONS = frozenset(
    "path sshkey core_collector kdump_post kdump_pre kdump_emergency extra_bins extra_modules failure_action default "
    "final_action force_rebuild force_no_rebuild dracut_args fence_kdump_args fence_kdump_nodes auto_reset_crashkernel".split()
)
COLLECTOR = "makedumpfile -l --message-level 7 -d 31"  # kdump.conf(5), core_collector
TOOLS_ARGUMENTS = "-F -c -d 31"
SUSE_SPARE = 64  # MiB that must be free after the dump, else it is deleted (KDUMP_FREE_DISK_SIZE)
SUSE_LEVEL = 31
MIB = 1 << 20


class Kind(Enum):
    """What sort of place it is."""

    DIRECTORY = "directory"  # a directory of the running system
    FILE_SYSTEM = "file system"  # a block device with a file system
    SSH = "ssh"
    NFS = "nfs"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Destination:
    """Where the dump goes, and how much of the memory it is to hold.

    `place`: a directory, a device (`/dev/...`, `UUID=...`, `LABEL=...`), `[USER@]HOST` or `HOST:PATH`. `level`: makedumpfile's
    dump level, None where it is not known. `keys`: the private keys of which one must be there. `spare`: bytes that must be
    free when the dump is done. `unknown`: for a place of which nothing can be said, what it is. `remote`: the capture kernel
    needs a network. `setting`: the name of what decides the place, for the mend.
    """

    kind: Kind
    place: str = ""
    level: int | None = None
    keys: tuple[str, ...] = ()
    spare: int = 0
    unknown: str = ""
    remote: bool = False
    setting: str = ""


def kdump_utils(text: str) -> Destination:
    """By the text of /etc/kdump.conf, whose lines are `OPTION VALUE`. Never raises."""
    listed = settings(text)
    options = dict(listed)
    targets = [(key, value) for key, value in listed if key in TARGETS]
    strange = next((key for key in options if key not in TARGETS and key not in OTHER_OPTIONS), None)
    if strange is not None:
        return _nothing(f"{strange} in /etc/kdump.conf is no option of kdump.conf(5)")
    mounted = _mounted_by_dracut(options.get("dracut_args", ""))
    targets += [mounted] if mounted else []
    if len(targets) > 1:
        return _nothing(f"/etc/kdump.conf names {len(targets)} targets, and kdumpctl takes one")
    amount = level_of_collector(options.get("core_collector", COLLECTOR))
    if not targets:
        path = _slashes(options.get("path", DIRECTORY))
        return Destination(Kind.DIRECTORY, path, amount, setting="path in /etc/kdump.conf")
    key, value = targets[0]
    setting = f"{key} in /etc/kdump.conf"
    if key in FILE_SYSTEMS:
        return Destination(Kind.FILE_SYSTEM, value, amount, setting=setting)
    if key == "ssh":
        # Where the named key is not there, kdumpctl and the capture kernel take the usual one.
        keys = tuple(dict.fromkeys((options.get("sshkey", KEY), KEY)))
        return Destination(Kind.SSH, value, amount, keys, remote=True, setting=setting)
    if key in ("nfs", "nfs4"):
        return Destination(Kind.NFS, value, amount, remote=True, setting=setting)
    return _nothing(f"the dump goes to {key} {value}, which is not looked at")


def settings(text: str) -> list[tuple[str, str]]:
    """Option and value of every line of /etc/kdump.conf, as kdump_get_conf_val() reads them: `#` ends a value, quotes round it are taken off."""
    found = []
    for line in text.splitlines():
        key, *rest = line.split(None, 1) or [""]
        if not key or key.startswith("#"):
            continue
        value = (rest[0] if rest else "").partition("#")[0].strip()
        quoted = len(value) > 1 and value[0] == value[-1] == '"'
        found.append((key, value[1:-1] if quoted else value))
    return found


def _mounted_by_dracut(arguments: str) -> tuple[str, str] | None:
    """The file system's kind and the device of `--mount "DEVICE POINT KIND ..."` (get_dracut_args_target(), _fstype())."""
    _, found, rest = arguments.rpartition("--mount")
    fields = rest[1:].strip("\"'").split()
    return (fields[2].strip("\"'"), fields[0]) if found and len(fields) > 2 else None


def kdump_tools(config: Assignments) -> Destination:
    """By /etc/default/kdump-tools. Never raises."""
    # In the order of kdump-config, which saves to each of them that is set, and to the directory where none is.
    names = ("SSH", "NFS", "FTP", "KDUMP_COREDIR", "MAKEDUMP_ARGS", "SSH_KEY")
    values = {name: config.get(name) for name in names}
    for value in values.values():
        if value.text is None:
            return _nothing(value.why)
    ssh, nfs, ftp, directory, arguments, key = (value.text or "" for value in values.values())
    amount = level(arguments or TOOLS_ARGUMENTS)
    if ssh:
        return Destination(Kind.SSH, ssh, amount, (key or KEY,), remote=True, setting=f"SSH in {config.path}")
    if nfs:
        return Destination(Kind.NFS, nfs, amount, remote=True, setting=f"NFS in {config.path}")
    if ftp:
        return _nothing(f"the dump goes to the FTP server {ftp}, which is not asked", remote=True)
    return Destination(Kind.DIRECTORY, _slashes(directory or DIRECTORY), amount, setting=f"KDUMP_COREDIR in {config.path}")


def suse(config: Assignments) -> Destination:
    """By /etc/sysconfig/kdump. Never raises."""
    names = ("SAVEDIR", "TRANSFER", "DUMPFORMAT", "DUMPLEVEL", "FREE_DISK_SIZE", "SSH_IDENTITY")
    values = {name: config.get(f"KDUMP_{name}") for name in names}
    for value in values.values():
        if value.text is None:
            return _nothing(value.why)
    url, transfer, kind, amount, spare, identity = (value.text or "" for value in values.values())
    if transfer:
        return _nothing("KDUMP_TRANSFER is a command of its own")
    if kind == "none":
        return _nothing("KDUMP_DUMPFORMAT=none saves the kernel's log and no dump")
    held = makedumpfile.EVERYTHING if kind == "raw" else _suse_level(amount)
    kept = _number(spare, SUSE_SPARE) * MIB
    return _suse_place(url or DIRECTORY, held, kept, identity, f"KDUMP_SAVEDIR in {config.path}")


def _suse_place(url: str, held: int, spare: int, identity: str, setting: str) -> Destination:
    """The place that KDUMP_SAVEDIR names (kdump_read_config_main(), kdump-save main())."""
    protocol, found, rest = url.partition("://")
    if len(url.split()) != 1:
        return _nothing("KDUMP_SAVEDIR names several places")
    if not found or protocol.lower() == "file":
        path = rest if found else url
        if not path.startswith("/"):
            return _nothing(f"{setting} is no URL")
        return Destination(Kind.DIRECTORY, _slashes(path), held, spare=spare, setting=setting)
    host, _, path = rest.partition("/")
    if protocol.lower() in ("ssh", "sftp", "scp"):
        account, at, name = host.rpartition("@")
        keys = tuple(word if word[0] == "/" else HOME_OF_KEYS + word for word in identity.split() or SUSE_KEYS)
        user, password, _ = account.partition(":")
        return Destination(Kind.SSH, f"{user}{at}{name}", held, () if password else keys, remote=True, setting=setting)
    if protocol.lower() == "nfs":
        return Destination(Kind.NFS, f"{host}:/{path}", held, remote=True, setting=setting)
    return _nothing(f"the dump goes by {protocol}, whose server is not asked", remote=True)


def _suse_level(text: str) -> int:
    """KDUMP_DUMPLEVEL: the default for what is no number, 0 for a number that is too large (kdump-save)."""
    found = _number(text, SUSE_LEVEL)
    return found if found <= makedumpfile.HIGHEST else makedumpfile.EVERYTHING


def _number(text: str, default: int) -> int:
    """A whole number as kdump-read-config.sh takes it."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < len(str(1 << 63)) else default


def _slashes(path: str) -> str:
    """An absolute path without doubled and trailing slashes (get_save_path())."""
    return "/" + "/".join(part for part in path.split("/") if part)


def _nothing(why: str, *, remote: bool = False) -> Destination:
    """A destination of which nothing can be said."""
    return Destination(Kind.UNKNOWN, unknown=why, remote=remote)
