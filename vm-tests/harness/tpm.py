# SPDX-License-Identifier: Apache-2.0
"""A TPM for a machine: swtpm, with its state in a directory, so that it stays the same over power cuts."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.qemu import GUARD

START_SECONDS = 10.0


@contextmanager
def running(directory: Path) -> Iterator[tuple[str, ...]]:
    """The arguments for QEMU that connect to it. It serves one machine after the other."""
    state, control = directory / "tpm", directory / "tpm.socket"
    state.mkdir(exist_ok=True)
    argv = [
        *GUARD, "swtpm", "socket", "--tpm2", "--tpmstate", f"dir={state}", "--ctrl", f"type=unixio,path={control}",
        "--log", f"file={directory / 'swtpm.log'}",
    ]  # fmt: skip
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL)
    try:
        _wait_for(control, process)
        yield (
            "-chardev", f"socket,id=tpm,path={control}",
            "-tpmdev", "emulator,id=tpm0,chardev=tpm", "-device", "tpm-tis,tpmdev=tpm0",
        )  # fmt: skip
    finally:
        process.kill()
        process.wait()


def _wait_for(control: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not control.is_socket():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("swtpm does not run; its log is beside its state")
        time.sleep(0.1)
