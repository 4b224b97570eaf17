# SPDX-License-Identifier: Apache-2.0
"""From the options of `kdump-karg render` to the text that it prints."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.render import butane, files, ignition, machineconfig, request
from orchestrator.render.request import Format, Request
from orchestrator.render.words import Given


def of_options(options: Mapping[str, Given]) -> str:
    """The config. The same options and files give the same bytes."""
    return of_request(request.read_all(options))


def of_request(asked: Request) -> str:
    """The same for a request."""
    manifest = files.manifest(asked)
    if asked.format is Format.BUTANE:
        return butane.text(manifest)
    if asked.format is Format.MACHINECONFIG:
        return machineconfig.text(asked, manifest)
    return ignition.text(manifest)
