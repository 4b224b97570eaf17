# SPDX-License-Identifier: Apache-2.0
"""The ends of the emulator's channels on this side, and the thread that reads them."""

from __future__ import annotations

import fcntl
import os
import selectors
import socket
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

#: Holds everything a boot prints. A UART drops what nobody takes, and a UNIX socket would take
#: less than 300 bytes when they are written one at a time.
PIPE_SIZE = 1 << 20
POLL = 0.2

Feed = Callable[[bytes], None]


class SerialPipe:
    """A pair of FIFOs, NAME.in and NAME.out, as QEMU's pipe chardev wants them."""

    def __init__(self, name: Path) -> None:
        self.name = name
        self._paths = [name.with_name(f"{name.name}.{way}") for way in ("in", "out")]
        for path in self._paths:
            path.unlink(missing_ok=True)
            os.mkfifo(path)
        # Read and write: opening waits for nobody, and the other end's exit is no end of file.
        self._in, self.out = (os.open(path, os.O_RDWR | os.O_NONBLOCK) for path in self._paths)
        fcntl.fcntl(self.out, fcntl.F_SETPIPE_SZ, PIPE_SIZE)

    def write(self, data: bytes) -> None:
        """Type."""
        os.write(self._in, data)

    def close(self) -> None:
        """Close both and remove their names."""
        for descriptor in (self._in, self.out):
            os.close(descriptor)
        for path in self._paths:
            path.unlink()


class Reader(threading.Thread):
    """Feeds what arrives to its consumers, one at a time, until the last socket is closed."""

    def __init__(
        self, pipe: SerialPipe, on_serial: Feed, sockets: Mapping[socket.socket, Feed], changed: threading.Condition
    ) -> None:
        super().__init__(daemon=True)
        self._feeds: dict[int, Feed] = {end.fileno(): feed for end, feed in sockets.items()}
        self._pipe = pipe.out
        self._on_serial = on_serial
        self._changed = changed

    def run(self) -> None:
        """Read until QEMU has gone, then what is left in the pipe."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._pipe, selectors.EVENT_READ)
            for descriptor in self._feeds:
                selector.register(descriptor, selectors.EVENT_READ)
            while len(selector.get_map()) > 1:
                for key, _ in selector.select(POLL):
                    if not self._pass_on(key.fd):
                        selector.unregister(key.fd)
        self._pass_on(self._pipe)

    def _pass_on(self, descriptor: int) -> bool:
        """Read once; False at the end of file."""
        try:
            data = os.read(descriptor, PIPE_SIZE)
        except BlockingIOError:
            return True
        except ConnectionResetError:
            return False
        with self._changed:
            self._feeds.get(descriptor, self._on_serial)(data)
            self._changed.notify_all()
        return bool(data)
