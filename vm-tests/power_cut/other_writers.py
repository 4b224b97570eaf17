# SPDX-License-Identifier: Apache-2.0
"""Other ways to do what kdump-karg does on a first boot, recorded like it: what a power cut does to them.

Each puts the argument into the entry, removes the stamp, and leaves the rest to the unmounting at the reboot, which is
imitated by making /boot read-only again. They run in the real root of a first boot that nothing else ends.
"""

from __future__ import annotations

import base64
from pathlib import Path

from harness import guest
from harness.disk import Disk
from harness.guest import AUTO
from harness.ignition import Config
from harness.machine import Machine

from power_cut import writelog
from power_cut.cut_states import Recording

ENTRY = "/boot/loader/entries/ostree-1.conf"
STAMP = "/boot/ignition.firstboot"
#: The image's own end of the first boot would come first.
CONFIG = Config().mask("ignition-firstboot-complete.service")
OSTREE = f"ostree admin kargs edit-in-place --append-if-missing=crashkernel={AUTO}"

#: {new} is a file with the new text.
WRITERS = {
    "truncate and write": f"cat {{new}} >{ENTRY}; rm {STAMP}",
    "rename, no freeze": (
        f"cp {{new}} {ENTRY}.tmp; sync {ENTRY}.tmp; mv {ENTRY}.tmp {ENTRY}; sync /boot/loader/entries; rm {STAMP}; sync /boot"
    ),
    "ostree edit-in-place": f"{OSTREE}; rm {STAMP}",
}
BEGIN = "mount -o remount,rw /boot"
END = "mount -o remount,ro /boot"
#: The image's entry and the stamp once more, safely.
RESTORE = (
    f"cp {{old}} {ENTRY}.tmp; sync {ENTRY}.tmp; mv {ENTRY}.tmp {ENTRY}; touch {STAMP}; sync -f /boot; "
    "fsfreeze --freeze /boot; fsfreeze --unfreeze /boot"
)


def record(image: Path, work: Path) -> dict[str, Recording]:
    """Let each writer do it, one after the other on one machine; a recording for each."""
    log = work / "writes.log"
    disk = Disk.overlay(image, work / "recorded.qcow2")
    found = {}
    with Machine(disk, log_dir=work, ignition=CONFIG, write_log=log) as machine:
        machine.wait_boot()
        guest.settled(machine)
        old = guest.entry(machine)
        files = {"old": _put(machine, "old", old), "new": _put(machine, "new", guest.final_form(old))}
        for name, commands in WRITERS.items():
            machine.run(f"set -e; {BEGIN}; {RESTORE.format(**files)}")
            start = _written(log)
            machine.run(f"set -e; {commands.format(**files)}", timeout=300.0)
            done = _written(log)
            machine.run(END)
            found[name] = Recording(image, log, start, _written(log), done)
    disk.path.unlink()
    return found


def _written(log: Path) -> int:
    """How many writes the guest has made so far."""
    return len(writelog.writes(writelog.read(log)))


def _put(machine: Machine, name: str, text: str) -> str:
    """A file in the guest, out of /boot."""
    path = f"/run/{name}-entry"
    machine.run(f"base64 -d <<<{base64.b64encode(text.encode()).decode()} >{path}")
    return path
