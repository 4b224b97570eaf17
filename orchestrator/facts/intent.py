# SPDX-License-Identifier: Apache-2.0
"""What provisioning asks for, by the first that asks of Ignition's kernelArguments, our config, an enabled kdump unit."""

from __future__ import annotations

from dataclasses import dataclass, replace

from orchestrator.errors import Refusal
from orchestrator.facts import conf, ignition_config, unit
from orchestrator.facts.conf import AUTO, Conf
from orchestrator.facts.ignition_config import Rendered
from orchestrator.system.target import provisioned_root


@dataclass(frozen=True)
class Intent:
    """`values`: the crashkernel= values asked for, `auto`, or none where nothing asks. `source` says who asked.

    `enables`: the kdump unit that `enable=yes` is about where nothing has enabled it yet, "" for none.
    """

    values: tuple[str, ...] = ()
    source: str = ""
    implied: bool = False  # kdump is wanted, but nobody named a size
    by_ignition: bool = False  # Ignition's own kargs stage has acted on it
    strict: bool = False
    enables: str = ""

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


def unit_to_run(root: str, own: Conf) -> str:
    """The kdump unit that `enable=yes` is about; "" where nothing says so, or the operator's manifest takes it back.

    `root` is the provisioned root. Refusal where there is no such unit, and where the operator says both.
    """
    if not own.enable:
        return ""
    name = unit.installed(root)
    if name is None:
        names = " nor ".join(unit.KDUMP_UNITS)
        raise Refusal(f"{own.enable_where}: enable=yes, and neither {names} is installed; add one to the image, or say enable=no")
    against = unit.unwanted(root, name)
    if against is not None and not own.is_image_default:
        raise Refusal(f"{own.enable_where}: enable=yes, and /{against} keeps {name} from running; take one of the two back")
    return "" if against is not None else name


def choose(config: Rendered, own: Conf, enabled: str, runs: str = "") -> Intent:
    """The intent that takes precedence (docs/operator.md, Ask for kdump). `runs`: the unit that `enable=yes` is about.

    With enable=no our own config asks for nothing by itself; its size counts where a unit is enabled all the same.
    """
    if config.kernel_arguments:
        return Intent(
            config.kernel_arguments, f"kernelArguments in /{ignition_config.PATH}", by_ignition=True, strict=own.strict
        )
    if own.crashkernel is not None and (own.enable is not False or enabled):
        return Intent((own.crashkernel,), own.where, strict=own.strict)
    if runs:
        return Intent((AUTO,), f"enable=yes in {own.enable_where}", implied=True, strict=own.strict)
    if enabled:
        return Intent((AUTO,), enabled, implied=True, strict=own.strict)
    return Intent(strict=own.strict)


def read(root: str) -> Intent:
    """The intent found below `root`. Refusal for a config that cannot be understood."""
    provisioned = provisioned_root(root)
    config = ignition_config.read(root)
    own = conf.read(provisioned)
    runs = unit_to_run(provisioned, own)
    wish = choose(config, own, enabled_unit(provisioned, config), runs)
    return replace(wish, enables=runs) if runs and not unit.is_enabled(provisioned, runs) else wish
