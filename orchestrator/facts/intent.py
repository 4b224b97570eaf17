# SPDX-License-Identifier: Apache-2.0
"""What provisioning asks for, by the first that asks of Ignition's kernelArguments, our config, an enabled kdump unit."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.facts import conf, ignition_config, unit
from orchestrator.facts.conf import AUTO, Conf
from orchestrator.facts.ignition_config import Rendered
from orchestrator.system.target import provisioned_root


@dataclass(frozen=True)
class Intent:
    """`values`: the crashkernel= values asked for, `auto`, or none where nothing asks. `source` says who asked."""

    values: tuple[str, ...] = ()
    source: str = ""
    implied: bool = False  # kdump is wanted, but nobody named a size
    by_ignition: bool = False  # Ignition's own kargs stage has acted on it
    strict: bool = False

    @property
    def wanted(self) -> bool:
        """Does anything ask for a reservation?"""
        return bool(self.values)


def enabled_unit(root: str, config: Rendered) -> str:
    """Which kdump unit provisioning enables, and by what, as a phrase; "" for none. `root` is the provisioned root."""
    for name in unit.KDUMP_UNITS:
        if unit.is_masked(root, name):
            continue
        path = unit.symlink(root, name) or unit.preset(root, name) or (ignition_config.PATH if name in config.enabled else None)
        if path is not None:
            return f"{name} enabled by /{path}"
    return ""


def choose(config: Rendered, own: Conf, enabled: str) -> Intent:
    """The intent that takes precedence (docs/operator.md, Ask for kdump)."""
    if config.kernel_arguments:
        return Intent(
            config.kernel_arguments, f"kernelArguments in /{ignition_config.PATH}", by_ignition=True, strict=own.strict
        )
    if own.crashkernel is not None:
        return Intent((own.crashkernel,), own.where, strict=own.strict)
    if enabled:
        return Intent((AUTO,), enabled, implied=True, strict=own.strict)
    return Intent(strict=own.strict)


def read(root: str) -> Intent:
    """The intent found below `root`. Refusal for a config that cannot be understood."""
    provisioned = provisioned_root(root)
    config = ignition_config.read(root)
    return choose(config, conf.read(provisioned), enabled_unit(provisioned, config))
