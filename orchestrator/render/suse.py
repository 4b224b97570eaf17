# SPDX-License-Identifier: Apache-2.0
"""/etc/sysconfig/kdump of SUSE's kdump. What is not in it has the default of kdump-read-config.sh.

Sources: openSUSE kdump (April 2026) kdump-read-config.sh, kdump(5), dracut/module-setup.sh; Ignition's ignition-generator.
"""

from __future__ import annotations

from orchestrator.errors import Refusal
from orchestrator.facts import conf
from orchestrator.render.distribution import SUSE_SYSCONFIG
from orchestrator.render.request import Directory, Nfs, Raw, Request, Ssh
from orchestrator.rules import dump_blockers, dump_target, makedumpfile

PATH = SUSE_SYSCONFIG
ALWAYS = (
    'KDUMP_UPDATE_BOOTLOADER="false"',  # kdump-commandline.service would change the argument that kdump-karg writes
    # The package leaves ignition.firstboot on the line; of two, Ignition takes the last.
    f'KDUMP_COMMANDLINE_APPEND="{dump_blockers.FIRST_BOOT}=0"',
)
CONTINUE = {"reboot": "true", "shell": "false"}  # KDUMP_CONTINUE_ON_ERROR
FORMATS = {"-E": "ELF", "-c": "compressed", "-l": "lzo", "-p": "snappy", "-z": "zstd"}  # makedumpfile(8), KDUMP_DUMPFORMAT
KNOWN = "makedumpfile, one of -E -c -l -p -z, and -d LEVEL"


def text(request: Request) -> str:
    """The lines of the file."""
    lines = [*ALWAYS, *_target(request)]
    if request.crashkernel not in ("", conf.AUTO):
        lines.append(f'KDUMP_CRASHKERNEL="crashkernel={request.crashkernel}"')
    if request.collector:
        lines += _collector(request.collector)
    if request.failure_action:
        if request.failure_action not in CONTINUE:
            raise Refusal(f"SUSE's kdump has no failure-action {request.failure_action}; give one of {', '.join(CONTINUE)}")
        lines.append(f'KDUMP_CONTINUE_ON_ERROR="{CONTINUE[request.failure_action]}"')
    return "".join(f"{line}\n" for line in lines)


def _target(request: Request) -> list[str]:
    """Where the dump goes."""
    target = request.target
    if isinstance(target, Raw):
        raise Refusal("SUSE's kdump does not write to a raw device; give path, ssh or nfs")
    if isinstance(target, Directory):
        return [f'KDUMP_SAVEDIR="{target.path}"']
    if isinstance(target, Nfs):
        return [f'KDUMP_SAVEDIR="nfs://{target.host}{target.export}"']
    if isinstance(target, Ssh):
        place = f'KDUMP_SAVEDIR="ssh://{target.account}@{target.host}{target.directory}"'
        return [place, f'KDUMP_SSH_IDENTITY="{dump_target.KEY}"']
    return []


def _collector(command: str) -> list[str]:
    """The package puts makedumpfile's command line together by itself, of a format and a level."""
    program, *words = command.split()
    if program != makedumpfile.PROGRAM:
        raise Refusal(f"SUSE's kdump runs makedumpfile only; give core-collector {KNOWN}")
    lines = []
    while words:
        word = words.pop(0)
        if word in FORMATS:
            lines.append(f'KDUMP_DUMPFORMAT="{FORMATS[word]}"')
        elif word == "-d" and words and makedumpfile.level(f"-d {words[0]}") is not None and words[0].isdecimal():
            lines.append(f'KDUMP_DUMPLEVEL="{words.pop(0)}"')
        else:
            raise Refusal(f"SUSE's kdump has no variable for a word of this core-collector; give {KNOWN}")
    names = [line.partition("=")[0] for line in lines]
    if len(set(names)) < len(names):
        raise Refusal(f"the core-collector says one thing twice; give {KNOWN}")
    return sorted(lines)
