# SPDX-License-Identifier: Apache-2.0
"""Ignition configs and MachineConfigs, put together as data, and what lint finds in them."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any
from urllib.parse import quote

from orchestrator.lint import run
from orchestrator.lint.assumed import Assumed
from orchestrator.lint.findings import Finding

Config = dict[str, Any]
FILE = "config.ign"
KEY_PATH = "/root/.ssh/kdump_id_rsa"
# Not a key: what a private key's file begins with is all that is looked for.
KEY_TEXT = "-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n-----END OPENSSH PRIVATE KEY-----\n"
SECRETS = ("c2VjcmV0", "s3cret", "hunter2", "$6$salt$hash")
PRIVATE, PUBLIC = 0o600, 0o644
REMOVE = (
    'KDUMP_COMMANDLINE_REMOVE="hugepages hugepagesz slub_debug quiet log_buf_len swiotlb hugetlb_cma ignition.firstboot cma"\n'
)
APPEND = 'KDUMP_COMMANDLINE_APPEND="irqpoll nr_cpus=1 reset_devices"\n'
SYSCONFIG = f'{REMOVE}{APPEND}KEXEC_ARGS="-s"\n'
SSH = "ssh core@dump.example.com\n"


def ignition(version: str = "3.3.0", **parts: Any) -> Config:
    """A config of these parts."""
    return {"ignition": {"version": version}, **parts}


def unit(name: str = "kdump.service", **more: Any) -> Config:
    """A unit that is enabled."""
    return {"name": name, **{"enabled": True, **more}}


def plain(text: str) -> str:
    """A data: URL with percent signs."""
    return "data:," + quote(text)


def encoded(data: bytes) -> str:
    """A data: URL in base64."""
    return "data:;base64," + base64.b64encode(data).decode()


def file(path: str, text: str, mode: int | None = PUBLIC, **more: Any) -> Config:
    """A file with this text, which takes the place of the one that is there."""
    found: Config = {"path": path, "overwrite": True, "contents": {"source": plain(text)}, **more}
    return found if mode is None else {**found, "mode": mode}


def packed(path: str, text: str) -> Config:
    """A file whose contents are packed by gzip, in base64."""
    return {
        "path": path,
        "overwrite": True,
        "mode": PUBLIC,
        "contents": {"compression": "gzip", "source": encoded(gzip.compress(text.encode()))},
    }


def kdump(*arguments: str, files: tuple[Config, ...] = (), units: tuple[Config, ...] | None = None, **parts: Any) -> Config:
    """A config with kdump enabled, kernel arguments and files."""
    made = ignition(systemd={"units": list((unit(),) if units is None else units)}, **parts)
    if files:
        made.setdefault("storage", {})["files"] = list(files)
    if arguments:
        made["kernelArguments"] = {"shouldExist": list(arguments)}
    return made


def conf(text: str, *more: Config, **parts: Any) -> Config:
    """kdump on Fedora CoreOS with this /etc/kdump.conf and more files."""
    return kdump("crashkernel=512M", files=(file("/etc/kdump.conf", text), *more), **parts)


def ssh(*more: Config, text: str = "", **parts: Any) -> Config:
    """The same with a target by ssh, whose key and host key are there."""
    known = file("/root/.ssh/known_hosts", "dump.example.com ssh-ed25519 AAAA\n", PRIVATE)
    return conf(SSH + text, file(KEY_PATH, KEY_TEXT, PRIVATE), known, *more, **parts)


def sysconfig(text: str, *arguments: str) -> Config:
    """kdump on Fedora CoreOS with this /etc/sysconfig/kdump."""
    return kdump("crashkernel=512M", *arguments, files=(file("/etc/sysconfig/kdump", text),))


def tools(text: str, size: str = "512M") -> Config:
    """kdump on Debian with this /etc/default/kdump-tools."""
    files = (file("/etc/default/kdump-tools", text),)
    return kdump(f"crashkernel={size}", files=files, units=(unit("kdump-tools.service"),))


def own(text: str, *arguments: str, path: str = "/etc/kdump-karg.conf") -> Config:
    """kdump with this kdump-karg.conf."""
    return kdump(*arguments, files=(file(path, text),))


def machineconfig(config: Config, *arguments: str, role: str = "worker", name: str = "99-worker-kdump") -> Config:
    """A MachineConfig of OpenShift."""
    labels = {"machineconfiguration.openshift.io/role": role} if role else {}
    return {
        "apiVersion": "machineconfiguration.openshift.io/v1",
        "kind": "MachineConfig",
        "metadata": {"name": name, "labels": labels},
        "spec": {"config": config, **({"kernelArguments": list(arguments)} if arguments else {})},
    }


def merging(*sources: str, **more: Any) -> Config:
    """A config that merges what these URLs lead to."""
    made = ignition(**more)
    made["ignition"]["config"] = {"merge": [{"source": source} for source in sources]}
    return made


def nested(config: Config) -> str:
    """A config as a data: URL."""
    return encoded(json.dumps(config).encode())


def findings(config: object, machine: Assumed | None = None) -> tuple[Finding, ...]:
    """What is found in it."""
    return run.of_text(json.dumps(config), FILE, machine or Assumed())


def checks(config: object, machine: Assumed | None = None) -> list[str]:
    """The identifiers of what is found in it, each once, sorted."""
    return sorted({found.check for found in findings(config, machine)})
