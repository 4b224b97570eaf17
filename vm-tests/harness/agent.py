# SPDX-License-Identifier: Apache-2.0
"""The host's end of the channel to the guest's agent (image/files/root/usr/lib/rig/agent)."""

from __future__ import annotations

import base64
import json
import socket
from collections.abc import Callable
from dataclasses import dataclass

PORT = "kdump-karg.agent"
TOKEN = "kdump-karg-agent"


@dataclass(frozen=True)
class Hello:
    """A boot has reached the real root."""

    boot_id: str
    uptime: float


@dataclass(frozen=True)
class Result:
    """What a command in the guest did."""

    status: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        """Standard output without the white space around it."""
        return self.stdout.decode(errors="replace").strip()


class Agent:
    """Speaks the protocol; waiting is the machine's business."""

    def __init__(self, channel: socket.socket, on_hello: Callable[[Hello], None]) -> None:
        self._channel = channel
        self._on_hello = on_hello
        self._partial = b""
        self._sent = 0
        self.hellos: list[Hello] = []
        self.results: dict[int, Result] = {}

    def send(self, command: str) -> int:
        """Send a command to the boot that said hello last; returns its number."""
        self._sent += 1
        encoded = base64.b64encode(command.encode()).decode()
        self._channel.sendall(f"{self.hellos[-1].boot_id} {self._sent} {encoded}\n".encode())
        return self._sent

    def feed(self, data: bytes) -> None:
        """Take what the guest wrote."""
        *lines, self._partial = (self._partial + data).split(b"\n")
        for line in lines:
            message = _parse(line)
            if message is not None:
                self._handle(message)

    def _handle(self, message: dict[str, object]) -> None:
        if message.get("event") == "hello":
            hello = Hello(str(message["boot_id"]), float(str(message["uptime"])))
            self.hellos.append(hello)
            self._on_hello(hello)
        elif message.get("event") == "result":
            self.results[int(str(message["id"]))] = Result(
                int(str(message["status"])),
                base64.b64decode(str(message["stdout"])),
                base64.b64decode(str(message["stderr"])),
            )


def _parse(line: bytes) -> dict[str, object] | None:
    """A message, or None for anything else: a crash may cut a line off."""
    try:
        message = json.loads(line)
    except ValueError:
        return None
    if isinstance(message, dict) and message.get("token") == TOKEN:
        return message
    return None
