# SPDX-License-Identifier: Apache-2.0
"""A small client of QEMU's monitor protocol: commands out, events in."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class QmpEvent:
    """Something QEMU reports by itself, such as RESET."""

    name: str
    #: By QEMU's clock.
    seconds: float


class Qmp:
    """Negotiates as soon as QEMU greets; replies to commands are not waited for."""

    def __init__(self, channel: socket.socket, on_event: Callable[[QmpEvent], None]) -> None:
        self._channel = channel
        self._on_event = on_event
        self._partial = b""

    def execute(self, command: str, **arguments: object) -> None:
        """Send a command."""
        message = {"execute": command, "arguments": arguments}
        self._channel.sendall(json.dumps(message).encode() + b"\n")

    def feed(self, data: bytes) -> None:
        """Take what QEMU wrote."""
        *lines, self._partial = (self._partial + data).split(b"\n")
        for line in lines:
            if line.strip():
                self._handle(json.loads(line))

    def _handle(self, message: dict[str, object]) -> None:
        if "QMP" in message:
            self.execute("qmp_capabilities")
        elif "event" in message:
            self._on_event(QmpEvent(str(message["event"]), _seconds(message["timestamp"])))


def _seconds(timestamp: object) -> float:
    assert isinstance(timestamp, dict)
    return float(timestamp["seconds"]) + float(timestamp["microseconds"]) / 1e6
