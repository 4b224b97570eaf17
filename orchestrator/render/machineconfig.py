# SPDX-License-Identifier: Apache-2.0
"""A manifest as a MachineConfig of OpenShift. Its size is in kernelArguments, which Machine Config Operator applies.

Source: butane's config/openshift/v4_20 (July 2026), on what Machine Config Operator takes of an Ignition config.
"""

from __future__ import annotations

from orchestrator.render import ignition, plain_yaml
from orchestrator.render.files import Manifest
from orchestrator.render.request import Request
from orchestrator.rules import cmdline

API = "machineconfiguration.openshift.io"


def text(request: Request, manifest: Manifest) -> str:
    """The MachineConfig as YAML."""
    return plain_yaml.text(
        {
            "apiVersion": f"{API}/v1",
            "kind": "MachineConfig",
            "metadata": {"labels": {f"{API}/role": request.role}, "name": request.name or f"99-{request.role}-kdump"},
            "spec": {"config": ignition.config(manifest), "kernelArguments": [f"{cmdline.KEY}{request.crashkernel}"]},
        }
    )
