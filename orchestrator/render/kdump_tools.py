# SPDX-License-Identifier: Apache-2.0
"""/etc/default/kdump-tools of Debian's kdump-tools: lines that are added to the image's file: the last assignment counts.

The image's file says where the capture kernel's initramfs is, which a request cannot know (docs/image-builder.md).
Sources: kdump-tools 1.10.9 kdump-config, its init script and its two units.
"""

from __future__ import annotations

from orchestrator.errors import Refusal
from orchestrator.render.distribution import DEBIAN_DEFAULTS
from orchestrator.render.request import Directory, Nfs, Raw, Request, Ssh
from orchestrator.rules import capture_cmdline, dump_blockers, dump_target, makedumpfile

PATH = DEBIAN_DEFAULTS
# As the default in kdump_load(), and without ignition.firstboot: the capture kernel must not provision the machine.
VALUED = "|".join(name.removesuffix("=") for name in capture_cmdline.KDUMP_TOOLS_REMOVES)
OFF_THE_LINE = f"({VALUED})=[^ ]*|{dump_blockers.FIRST_BOOT}(=[^ ]*)?"
ALWAYS = (
    "USE_KDUMP=1",
    "KDUMP_KERNEL=/usr/lib/modules/$(uname -r)/vmlinuz",  # where ostree has it; the package looks into /boot
    f"KDUMP_CMDLINE=$(sed -re 's/(^| )({OFF_THE_LINE})//g' /proc/cmdline)",
)
REMOTE = f'KDUMP_CMDLINE_APPEND="{capture_cmdline.KDUMP_TOOLS_APPEND}"'  # its unit waits for the network
# kdump-tools.service runs in the capture kernel as well, before anything waits for the network, and would reboot when it
# has failed; kdump-tools-dump.service is to save the dump.
NOT_BEFORE_THE_NETWORK = "[Unit]\nConditionPathExists=!/proc/vmcore\n"
# It runs one command and has no shell's `;` (init script: $KDUMP_FAIL_CMD).
ACTIONS = {"reboot": "reboot -f", "halt": "halt -f", "poweroff": "poweroff -f"}
# kdump-config makes the directory of the remote host on the machine, too, and keeps its notes there.
WRITABLE = ("/var/", "/home/", "/root/", "/srv/", "/mnt/", "/opt/")


def text(request: Request) -> str:
    """The lines to add."""
    lines = [*ALWAYS, *_target(request)]
    if request.collector:
        lines.append(f'MAKEDUMP_ARGS="{_arguments(request.collector)}"')
    if request.failure_action:
        if request.failure_action not in ACTIONS:
            raise Refusal(f"kdump-tools has no failure-action {request.failure_action}; give one of {', '.join(ACTIONS)}")
        lines.append(f'KDUMP_FAIL_CMD="{ACTIONS[request.failure_action]}"')
    return "".join(f"{line}\n" for line in lines)


def drop_in(request: Request) -> str:
    """For kdump-tools.service."""
    return NOT_BEFORE_THE_NETWORK if isinstance(request.target, (Ssh, Nfs)) else ""


def _target(request: Request) -> list[str]:
    """Where the dump goes."""
    target = request.target
    if isinstance(target, Raw):
        raise Refusal("kdump-tools does not write to a raw device; give path, ssh or nfs")
    if isinstance(target, Directory):
        return [f'KDUMP_COREDIR="{target.path}"']
    if isinstance(target, Nfs):
        return [REMOTE, f'NFS="{target.host}:{target.export}"']
    if isinstance(target, Ssh):
        if not target.directory.startswith(WRITABLE):
            raise Refusal(
                "kdump-tools makes the directory of ssh's host on the machine itself as well, which ostree allows below "
                f"{', '.join(WRITABLE)} only; give a directory there"
            )
        names = [f'SSH="{target.account}@{target.host}"', f'SSH_KEY="{dump_target.KEY}"']
        return [REMOTE, *names, f'KDUMP_COREDIR="{target.directory}"']
    return []


def _arguments(command: str) -> str:
    """The arguments of makedumpfile, the only program that kdump-config runs."""
    program, _, arguments = command.partition(" ")
    if program.rpartition("/")[2] != makedumpfile.PROGRAM or not arguments:
        raise Refusal("kdump-tools runs makedumpfile, with arguments of yours, and nothing else; give makedumpfile -c -d 31")
    return arguments
