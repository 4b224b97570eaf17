# SPDX-License-Identifier: Apache-2.0
"""Requests: every target with every distribution and format that has it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from orchestrator import cli
from orchestrator.errors import Refusal, UsageError
from orchestrator.render import output, words
from tests.render.keys import HOST, ssh_options

TARGETS = ("none", "path", "default path", "ssh", "ssh to a directory", "nfs", "nfs of everything", "raw")
DISTRIBUTIONS = ("fedora", "debian", "suse")
FORMATS = ("ignition", "butane", "machineconfig")
EXTRAS = {
    "plain": [],
    "size": ["--crashkernel", "512M"],
    "ranges": ["--crashkernel", "2G-64G:256M,64G-:512M"],
    "auto": ["--crashkernel", "auto"],
    "collector": ["--crashkernel", "256M", "--core-collector", "makedumpfile -F -l -d 31"],
    "compression": ["--crashkernel", "256M", "--core-collector", "makedumpfile -c -d 1", "--failure-action", "reboot"],
    "shell": ["--crashkernel", "1G,high", "--failure-action", "shell"],
    "halt": ["--crashkernel", "256M", "--failure-action", "halt"],
    "rootfs": ["--crashkernel", "256M", "--failure-action", "dump_to_rootfs"],
}


def target(name: str, directory: Path) -> list[str]:
    """The options for a target."""
    return {
        "none": [],
        "path": ["--path", "/var/dumps/of this machine".replace(" ", "-")],
        "default path": ["--path", "/var/crash"],
        "ssh": ssh_options(directory),
        "ssh to a directory": ssh_options(directory, ":/srv/crash"),
        "nfs": ["--nfs", f"{HOST}:/export/crash"],
        "nfs of everything": ["--nfs", "192.168.0.7:/"],
        "raw": ["--raw", "/dev/disk/by-partlabel/dump"],
    }[name]


def rendered(*argv: str) -> str:
    """What the program would print."""
    arguments = cli.parse(["render", *argv])
    return output.of_options(words.of_options(arguments.rest))


def requests(directory: Path) -> Iterator[tuple[str, list[str]]]:
    """The name and the options of every request that is not refused, without a format."""
    for distribution in DISTRIBUTIONS:
        for place in TARGETS:
            for name, extra in EXTRAS.items():
                options = ["--distribution", distribution, *target(place, directory), *extra]
                try:
                    rendered(*options)
                except (Refusal, UsageError):
                    continue
                yield f"{distribution}, {place}, {name}", options
