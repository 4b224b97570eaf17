# SPDX-License-Identifier: Apache-2.0
"""What things are called with each distribution, and which kdump package it has."""

from __future__ import annotations

from enum import Enum

from orchestrator.facts import conf
from orchestrator.rules import dump_blockers
from orchestrator.rules.capture_cmdline import Package


class Distribution(Enum):
    """The distributions, by the names that a request has for them."""

    FEDORA = "fedora"
    DEBIAN = "debian"
    SUSE = "suse"

    @property
    def package(self) -> Package:
        """The package that loads the capture kernel."""
        return PACKAGES[self]

    @property
    def unit(self) -> str:
        """The unit that an operator enables."""
        return dump_blockers.UNIT[self.package]


PACKAGES = {
    Distribution.FEDORA: Package.KDUMP_UTILS,
    Distribution.DEBIAN: Package.KDUMP_TOOLS,
    Distribution.SUSE: Package.SUSE,
}
OWN_CONF = f"/{conf.ADMIN_FILE}"
KDUMP_CONF = "/etc/kdump.conf"
DEBIAN_DEFAULTS = "/etc/default/kdump-tools"
SUSE_SYSCONFIG = "/etc/sysconfig/kdump"
DIRECTORIES = "/etc/tmpfiles.d/kdump-karg.conf"
KNOWN_HOSTS = "/root/.ssh/known_hosts"
