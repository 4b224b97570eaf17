# SPDX-License-Identifier: Apache-2.0
"""The place that the dump goes to, by the package's own rules (rules/dump_target.py): can it be written, and is all there?"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.facts.dump_target import KNOWN_HOSTS, SSH_CONFIG_DIR, SSH_CONFIGS
from orchestrator.facts.kdumpconf import CONFIGS
from orchestrator.lint import packages
from orchestrator.lint.assumed import Assumed
from orchestrator.lint.findings import Finding, shown
from orchestrator.lint.manifest import Manifest
from orchestrator.lint.place import Place
from orchestrator.rules import capture_cmdline, cmdline, dump_target, known_hosts
from orchestrator.rules.capture_cmdline import Facts, Package
from orchestrator.rules.dump_target import Destination, Kind
from orchestrator.rules.known_hosts import Known
from orchestrator.rules.shell_assignments import Assignments

OPTIONS = dump_target.TARGETS | dump_target.OTHER_OPTIONS
# In memory, or written by nobody: file-hierarchy(7), ostree's adapting-existing.
LOST = ("/tmp", "/run", "/dev", "/proc", "/sys", "/usr", "/boot", "/bin", "/sbin", "/lib", "/lib64")
# Below /var, on ostree by a link (rpm-ostree and Fedora CoreOS ship these).
KEPT = ("/var", "/home", "/root", "/opt", "/srv", "/mnt", "/media")
DUMP_UNIT = "kdump-tools-dump.service"
NETWORK_MODULES = ("network", "network-manager", "systemd-networkd", "ssh-client", "base")


def findings(config: Manifest, machine: Assumed) -> Iterator[Finding]:
    """All of this theme."""
    package = packages.package(config) or (Package.KDUMP_UTILS if packages.enabled(config) else None)
    if package is None:
        return
    path = packages.KDUMP_CONF if package is Package.KDUMP_UTILS else f"/{CONFIGS[package]}"
    file, text, settings = config.file(path), config.text(path), packages.assignments(config, path)
    if file is None or text is None or settings is None:
        yield from _local(config, Destination(Kind.DIRECTORY, dump_target.DIRECTORY), config.place, package)
        return
    options = dump_target.settings(text) if package is Package.KDUMP_UTILS else []
    targets = [key for key, _ in options if key in dump_target.TARGETS]
    if len(targets) > 1:
        sentence = f"there are {len(targets)} targets ({', '.join(targets[:4])}), and kdumpctl takes one"
        yield Finding("target-many", file.place, sentence)
        return
    found = _destination(package, text, settings)
    if found.kind is Kind.SSH:
        yield from _ssh(config, found, file.place, package)
    if found.kind is Kind.NFS and package is Package.KDUMP_UTILS:
        yield from _nfs_module(dict(options), file.place)
    if found.remote:
        yield from _network(dict(options), package, settings, file.place)
    yield from _local(config, found, file.place, package)


def _destination(package: Package, text: str, settings: Assignments) -> Destination:
    """The place."""
    if package is Package.KDUMP_UTILS:
        # Without the words that are no option, which kdump_conf.py tells of: they would hide the rest.
        known = [f"{key} {value}" for key, value in dump_target.settings(text) if key in OPTIONS]
        return dump_target.kdump_utils("\n".join(known))
    return dump_target.kdump_tools(settings) if package is Package.KDUMP_TOOLS else dump_target.suse(settings)


def _ssh(config: Manifest, found: Destination, place: Place, package: Package) -> Iterator[Finding]:
    """User, key and host key. The server's name is not repeated."""
    if package is Package.KDUMP_UTILS and "@" not in found.place:
        yield Finding("target-ssh-user", place, "the ssh target names no user")
    if config.elsewhere:
        return  # what is missing may be there
    if found.keys and not any(config.brings(key) for key in found.keys):
        names = " or ".join(shown(key) for key in found.keys)
        yield Finding("target-ssh-key", place, f"the dump goes somewhere by ssh, and nothing here brings the key {names}")
    if _host_key(config, known_hosts.host_of(found.place)) is Known.NO:
        files = " and ".join(f"/{path}" for path in KNOWN_HOSTS)
        yield Finding("target-host-key", place, f"the dump goes somewhere by ssh, and {files} have no key of that machine here")


def _host_key(config: Manifest, host: str) -> Known:
    """Would ssh know the server's key, by the files that the config brings?"""
    changed = [file for file in config.files if _is_ssh_config(file.path)]
    for file in changed:
        if file.contents is None or file.contents.text is None or known_hosts.is_changed(file.contents.text, host):
            return Known.UNKNOWN
    if any(link.path.lstrip("/") in KNOWN_HOSTS for link in config.links):
        return Known.UNKNOWN
    files = [file for file in config.files if file.path.lstrip("/") in KNOWN_HOSTS and file.contents is not None]
    if any(file.contents is not None and file.contents.text is None for file in files):
        return Known.UNKNOWN
    texts = [file.contents.text or "" for file in files if file.contents is not None]
    answers = [known_hosts.look_up(text, host) for text in texts]
    return next((answer for answer in (Known.YES, Known.UNKNOWN) if answer in answers), Known.NO)


def _is_ssh_config(path: str) -> bool:
    """Is this a file that says how ssh looks a host's key up?"""
    return path.lstrip("/") in SSH_CONFIGS or path.startswith(f"/{SSH_CONFIG_DIR}/")


def _nfs_module(options: dict[str, str], place: Place) -> Iterator[Finding]:
    """Fedora CoreOS leaves nfs out of every initramfs that is not asked to have it."""
    modules, arguments = options.get("extra_modules", "").split(), options.get("dracut_args", "")
    if "nfs" not in modules and not ("add" in arguments and "nfs" in arguments.replace('"', " ").replace("'", " ").split()):
        yield Finding("target-nfs-module", place, "the dump goes to NFS, and nothing here puts nfs into the capture initramfs")


def _network(options: dict[str, str], package: Package, settings: Assignments, place: Place) -> Iterator[Finding]:
    """Does the capture kernel come up with a network?"""
    if package is Package.KDUMP_UTILS:
        words = options.get("dracut_args", "").replace('"', " ").replace("'", " ").replace("=", " ").split()
        omitted = {word for at, word in enumerate(words) if _omits(words, at)}
        if omitted & set(NETWORK_MODULES):
            yield Finding("target-network", place, "the dump goes over the network, and dracut_args leave it out")
    elif package is Package.KDUMP_TOOLS:
        line = capture_cmdline.predict(Facts(package, settings, "", "x86_64")).line
        if line is not None and cmdline.value(line, "systemd.unit") != DUMP_UNIT and cmdline.value(line, "ip") is None:
            sentence = f"the dump goes over the network, and the capture kernel's line has neither {DUMP_UNIT} nor ip="
            yield Finding("target-network", place, sentence)


def _omits(words: list[str], at: int) -> bool:
    """Is the word at this place one that follows -o or --omit, before the next option?"""
    before = next((word for word in reversed(words[max(at - 8, 0) : at]) if word.startswith("-")), "")
    return before in ("-o", "--omit")


def _local(config: Manifest, found: Destination, place: Place, package: Package) -> Iterator[Finding]:
    """A directory of the machine itself."""
    if found.kind in (Kind.DIRECTORY, Kind.FILE_SYSTEM) and config.sealed:
        yield Finding("target-luks", config.sealed[0], "this encrypts a disk, and the dump goes to a disk of the same machine")
    if found.kind is not Kind.DIRECTORY:
        return
    path = found.place
    mounted = any(_is_below(path, mount) for mount in config.mounts if mount.strip("/"))
    if not mounted and any(_is_below(path, lost) for lost in LOST):
        yield Finding("target-lost", place, f"{shown(path)} does not outlive a crash, or cannot be written")
    elif not mounted and not any(_is_below(path, kept) for kept in KEPT):
        yield Finding("target-outside", place, f"{shown(path)} is not below /var")
    elif package is Package.KDUMP_UTILS and path != dump_target.DIRECTORY and not _is_made(config, path):
        yield Finding("target-directory", place, f"nothing here makes {shown(path)}")


def _is_below(path: str, directory: str) -> bool:
    """Is it the directory, or in it?"""
    return f"{path}/".startswith(f"{directory.rstrip('/')}/")


def _is_made(config: Manifest, path: str) -> bool:
    """Will the directory be there? Ignition makes what lies above a file."""
    made = (*config.directories, *config.mounts, *(file.path.rpartition("/")[0] for file in config.files))
    return any(_is_below(each, path) for each in made) or path in ("/var", "/var/lib", "/var/tmp", "/var/log", *KEPT)
