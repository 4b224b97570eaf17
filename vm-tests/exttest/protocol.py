# SPDX-License-Identifier: Apache-2.0
"""The guest's side of kola's protocol: the unit that runs a test, the programs by which a test asks for a reboot.

In place of kolet, which reports over ssh, files in /run stand for a mark that was noted and for the harness' answer.
"""

from __future__ import annotations

from exttest.found import ExternalTest

ENVIRONMENT = "/run/kola-runext-env"
MARK, ANSWER = "/run/kola-mark", "/run/kola-mark-noted"
PREPARE, REBOOT = "/tmp/autopkgtest-reboot-prepare", "/tmp/autopkgtest-reboot"  # noqa: S108  kola's names

#: Returns when the harness has the mark. The pause lets the harness' own command end before the machine goes down.
PREPARE_SCRIPT = f"""\
#!/bin/bash
set -euo pipefail
printf %s "$1" >{MARK}.part
mv {MARK}.part {MARK}
until [ -e {ANSWER} ]; do sleep 0.2; done
sleep 2
"""
REBOOT_SCRIPT = f"""\
#!/bin/bash
set -xeuo pipefail
{PREPARE} "$1"
reboot
"""
SCRIPTS = {PREPARE: PREPARE_SCRIPT, REBOOT: REBOOT_SCRIPT}


def unit_name(number: int) -> str:
    """The unit of a machine's nth test. kola numbers them where there are several."""
    return f"kola-runext-{number}.service"


def data_directory(number: int) -> str:
    """Where the test's data go: kola's place."""
    return f"/var/opt/kola/extdata-{number}"


def program_path(number: int, test: ExternalTest) -> str:
    """Where the program goes. kola's place is /usr/local/bin, which an image without the trait `kola` cannot write."""
    return f"/var/opt/kola/bin-{number}/kola-runext-{test.program.name}"


def unit(number: int, test: ExternalTest) -> str:
    """The unit's text (harness.go registerExternalTest()). It is started by hand, once per boot."""
    return f"""\
[Service]
RemainAfterExit=yes
EnvironmentFile=-{ENVIRONMENT}
Environment=KOLA_UNIT={unit_name(number)}
Environment=KOLA_TEST={test.name}
Environment=KOLA_TEST_EXE={test.program.name}
Environment=KOLA_EXT_DATA={data_directory(number)}
ExecStart={program_path(number, test)}
"""
