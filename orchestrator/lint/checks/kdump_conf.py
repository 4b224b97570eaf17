# SPDX-License-Identifier: Apache-2.0
"""/etc/kdump.conf, by kdump-utils' own reading of it (rules/dump_target.py)."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from orchestrator.lint import limits, packages
from orchestrator.lint.assumed import Assumed
from orchestrator.lint.findings import Finding
from orchestrator.lint.manifest import File, Manifest
from orchestrator.rules import dump_target, makedumpfile

DEPRECATED = ("net", "options", "link_delay", "disk_timeout", "debug_mem_level", "blacklist")
OPTIONS = sorted(dump_target.TARGETS | dump_target.OTHER_OPTIONS)
# The values that kdumpctl takes (check_failure_action_config(), check_final_action_config()).
FINAL = ("reboot", "halt", "poweroff")
FAILURE = (*FINAL, "shell", "dump_to_rootfs")
ACTIONS = {"failure_action": FAILURE, "default": FAILURE, "final_action": FINAL}
LONGEST_OPTION = 24  # characters of a word that may be a misspelt option
FLAT = "-F"
STREAMS = ("ssh", "raw")  # targets that take one stream of bytes


def findings(config: Manifest, machine: Assumed) -> Iterator[Finding]:
    """All of this theme."""
    for path in packages.PACKAGE_FILES:
        file, text = config.file(path), config.text(path)
        if file is not None and text is not None and "\r" in text:
            yield Finding("text-crlf", file.place, f"{path} has CR LF line ends")
    file, text = config.file(packages.KDUMP_CONF), config.text(packages.KDUMP_CONF)
    if file is not None and text is not None:
        settings = dump_target.settings(text)
        yield from _options(file, settings)
        yield from _actions(file, settings)
        yield from _collector(file, settings)


def _options(file: File, settings: list[tuple[str, str]]) -> Iterator[Finding]:
    """Words that are no option. They are repeated only where they are nearly one: a wrong file may hold a secret."""
    strange = [key for key, _ in settings if key not in OPTIONS]
    for key in list(dict.fromkeys(strange))[: limits.MOST_ALIKE]:
        if key in DEPRECATED:
            yield Finding("kdump-conf-deprecated", file.place, f"{key} is an option that kdumpctl no longer takes")
            continue
        near = difflib.get_close_matches(key.lower(), OPTIONS, 1, 0.7) if len(key) <= LONGEST_OPTION else []
        said = f"{ascii(key)} is no option of kdump.conf(5)" if near else "a line begins with a word that is no option"
        yield Finding("kdump-conf-option", file.place, said, f"write {near[0]}" if near else "")


def _actions(file: File, settings: list[tuple[str, str]]) -> Iterator[Finding]:
    """What is to be done when the dump has failed, or has not."""
    for key, value in dict(settings).items():
        if key in ACTIONS and value not in ("", *ACTIONS[key]):
            yield Finding("kdump-conf-action", file.place, f"{key} has a value that it does not take")
        elif key in ACTIONS and value == "shell":
            yield Finding("kdump-conf-shell", file.place, f"{key} shell: after a failed dump the machine waits for somebody")


def _collector(file: File, settings: list[tuple[str, str]]) -> Iterator[Finding]:
    """The command that writes the dump; where there is none kdump-utils' own is right for every target."""
    options = dict(settings)
    command = options.get("core_collector", "")
    program, _, arguments = command.partition(" ")
    if not command:
        return
    if program.rpartition("/")[2] == makedumpfile.PROGRAM and FLAT not in arguments and any(key in options for key in STREAMS):
        yield Finding("collector-flat", file.place, "the target takes a stream, and makedumpfile has no -F")
    if makedumpfile.level_of_collector(command) == makedumpfile.EVERYTHING:
        yield Finding("collector-everything", file.place, "core_collector writes all of the memory")
