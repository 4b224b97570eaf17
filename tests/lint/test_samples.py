# SPDX-License-Identifier: Apache-2.0
"""What is published as an example, rewritten as test data, gives the findings that the bug reports about it tell of."""

from __future__ import annotations

import pytest

from orchestrator.lint import assumed
from orchestrator.lint.assumed import Assumed
from orchestrator.rules.arch import GIB
from tests.lint.configs import Config, checks, conf, file, kdump, machineconfig, unit

# The defaults of kdump-utils' sysconfig file in the words of OpenShift's sample, whose list of removals stops short.
OPENSHIFT_SYSCONFIG = (
    'KDUMP_COMMANDLINE_REMOVE="swiotlb log_buf_len quiet slub_debug hugepagesz hugepages"\n'
    'KDUMP_COMMANDLINE_APPEND="nr_cpus=1 irqpoll reset_devices panic=10 numa=off mce=off cgroup_disable=memory"\n'
    'KDUMP_IMG="vmlinuz"\nKEXEC_ARGS="-s"\n'
)
OPENSHIFT = machineconfig(
    kdump(
        files=(
            file("/etc/kdump.conf", "core_collector makedumpfile -l -d 31 --message-level 7\npath /var/crash\n"),
            file("/etc/sysconfig/kdump", OPENSHIFT_SYSCONFIG),
        )
    ),
    "crashkernel=256M",
)
TELCO = machineconfig(kdump(), "crashkernel=256M", name="06-kdump-enable-worker")
KOLA_SSH = conf("sshkey /etc/kdump-key\npath /home/core/crash\ncore_collector makedumpfile -F -l -d 31\nssh core@10.0.2.2\n")
WISH = conf("net penguin.example.com:/export/cores\n")
WORKAROUND = "[Unit]\nAfter=kdump.service\n[Service]\nExecStart=/usr/bin/systemctl reboot\n"

SAMPLES: list[tuple[str, Config, list[str], Assumed | None]] = [
    ("Fedora CoreOS, debugging-kernel-crashes: 300M and the unit", kdump("crashkernel=300M"), [], None),
    (
        "the same on aarch64 with 8G, of which fedora-coreos-config#1757 says 448M",
        kdump("crashkernel=300M"),
        ["crashkernel-small"],
        Assumed(assumed.of_size(8 * GIB), "aarch64"),
    ),
    (
        "Fedora CoreOS, kernel-args: 256M, for which there was no dump (fedora-coreos-tracker#798)",
        kdump("crashkernel=256M"),
        ["crashkernel-advice"],
        None,
    ),
    ("Fedora CoreOS before 2021: crashkernel=auto", kdump("crashkernel=auto"), ["crashkernel-auto"], None),
    (
        "Fedora CoreOS in 2022: a unit reboots (fedora-coreos-docs#388)",
        kdump("crashkernel=300M", units=(unit(), unit("again.service", contents=WORKAROUND))),
        ["unit-kargs"],
        None,
    ),
    (
        "OpenShift, day 1: the list lacks ignition.firstboot (fedora-coreos-tracker#622, #1079)",
        OPENSHIFT,
        ["capture-first-boot", "crashkernel-advice"],
        None,
    ),
    (
        "the same on ppc64le, for which it has a footnote",
        OPENSHIFT,
        ["capture-cpus", "capture-first-boot", "crashkernel-small"],
        Assumed(assumed.of_size(16 * GIB), "ppc64le"),
    ),
    ("OpenShift for telcos: 256M, later 512M (cnf-features-deploy#1018, #1155)", TELCO, ["crashkernel-advice"], None),
    ("the same, corrected", machineconfig(kdump(), "crashkernel=512M", name="06-kdump-enable-worker"), [], None),
    ("kola's own test: 512M", kdump("crashkernel=512M"), [], None),
    ("kola by ssh, before its key is put in", KOLA_SSH, ["target-host-key", "target-ssh-key"], None),
    ("NFS on Fedora CoreOS (fedora-coreos-tracker#1729)", conf("nfs 10.0.2.2:/\npath /crash\n"), ["target-nfs-module"], None),
    ("the wish of coreos/ignition#2261, with the option of 2012", WISH, ["kdump-conf-deprecated"], None),
]


@pytest.mark.parametrize(("config", "expected", "machine"), [row[1:] for row in SAMPLES], ids=[row[0] for row in SAMPLES])
def test_the_sample_gives_what_its_bug_reports_say(config: Config, expected: list[str], machine: Assumed | None) -> None:
    assert checks(config, machine) == expected
