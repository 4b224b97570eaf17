# SPDX-License-Identifier: Apache-2.0
"""Ignition configs, put together piece by piece. Every method returns a new config.

    Config().enable("kdump-tools.service").file("/etc/motd", "hello\\n")
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, replace

from image.tree import IMAGE_FILES

#: The newest stable version that Debian's Ignition and today's Fedora CoreOS both take.
SPEC_VERSION = "3.3.0"

AGENT_FILES = IMAGE_FILES / "root/usr/lib"
AGENT_PATH = "/etc/rig-agent"

Json = dict[str, object]


@dataclass(frozen=True)
class Config:
    """What provisioning asks for."""

    units: tuple[Json, ...] = ()
    files: tuple[Json, ...] = ()
    should_exist: tuple[str, ...] = ()
    should_not_exist: tuple[str, ...] = ()
    users: tuple[Json, ...] = ()

    @classmethod
    def from_json(cls, text: str) -> Config:
        """The config of that text; ValueError where it has what this class cannot say."""
        document = json.loads(text)
        units = document.get("systemd", {}).get("units", [])
        files = document.get("storage", {}).get("files", [])
        kargs = document.get("kernelArguments", {})
        config = cls(tuple(units), tuple(files), tuple(kargs.get("shouldExist", ())), tuple(kargs.get("shouldNotExist", ())))
        if json.loads(config.to_json()) != document:
            raise ValueError(f"this config has more in it than units, files and kernel arguments: {text}")
        return config

    def unit(self, name: str, contents: str | None = None, **fields: object) -> Config:
        """Add a unit, with any other field of the spec."""
        text = {} if contents is None else {"contents": contents}
        return replace(self, units=(*self.units, {"name": name, **text, **fields}))

    def enable(self, name: str) -> Config:
        """Enable a unit that the image has."""
        return self.unit(name, enabled=True)

    def mask(self, name: str) -> Config:
        """Mask a unit."""
        return self.unit(name, mask=True)

    def file(self, path: str, text: str, mode: int = 0o644, append: bool = False) -> Config:
        """Write a file, replacing what is there, or append to it."""
        source = {"source": f"data:;base64,{base64.b64encode(text.encode()).decode()}"}
        how: Json = {"append": [source]} if append else {"contents": source, "overwrite": True}
        return replace(self, files=(*self.files, {"path": path, "mode": mode, **how}))

    def user(self, name: str, ssh_key: str) -> Config:
        """Make a user who logs in by this key, a line of authorized_keys."""
        return replace(self, users=(*self.users, {"name": name, "sshAuthorizedKeys": [ssh_key]}))

    def karg(self, argument: str) -> Config:
        """Ask for a kernel argument."""
        return replace(self, should_exist=(*self.should_exist, argument))

    def without_karg(self, argument: str) -> Config:
        """Ask for the absence of a kernel argument."""
        return replace(self, should_not_exist=(*self.should_not_exist, argument))

    def with_agent(self) -> Config:
        """Bring the agent along, for an image that was not built here. It replaces one that is there."""
        unit = (AGENT_FILES / "systemd/system/rig-agent.service").read_text()
        script = (AGENT_FILES / "rig/agent").read_text()
        unit = unit.replace("ExecStart=/usr/lib/rig/agent", f"ExecStart=/bin/bash {AGENT_PATH}")
        return self.file(AGENT_PATH, script).unit("rig-agent.service", unit, enabled=True)

    def to_json(self) -> str:
        """The config as Ignition reads it; what was not asked for is left out."""
        document: Json = {"ignition": {"version": SPEC_VERSION}}
        if self.users:
            document["passwd"] = {"users": list(self.users)}
        if self.units:
            document["systemd"] = {"units": list(self.units)}
        if self.files:
            document["storage"] = {"files": list(self.files)}
        kargs = {"shouldExist": self.should_exist, "shouldNotExist": self.should_not_exist}
        wanted = {name: list(values) for name, values in kargs.items() if values}
        if wanted:
            document["kernelArguments"] = wanted
        return json.dumps(document, indent=2)
