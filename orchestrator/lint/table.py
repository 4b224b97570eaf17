# SPDX-License-Identifier: Apache-2.0
"""Every check: its identifier, how bad a finding of it is, what it looks for, why (with the source), and the usual mend.

docs/lint.md shows the same table; a test holds the two together. Issues are named OWNER/REPOSITORY#NUMBER, on GitHub.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Severity(Enum):
    """How bad a finding is: with an error there is no dump, or not the one that was meant."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True)
class Check:
    """`source`: who says so."""

    severity: Severity
    what: str
    source: str
    mend: str


ERROR, WARNING, INFO = Severity
TRACKER = "coreos/fedora-coreos-tracker"
CHECKS = {
    # The config as a whole
    "ignition-version": Check(
        ERROR,
        "ignition.version is missing or not of specification 3",
        "Ignition's specification: a config of another major version is refused",
        "write the version of the specification that the image's Ignition knows, such as 3.4.0",
    ),
    "config-json": Check(
        ERROR,
        "a config that is merged or replaces this one is not JSON",
        "Ignition stops in its fetch stage",
        "mend the JSON of that config",
    ),
    "source-elsewhere": Check(
        INFO,
        "a config or a file that is fetched when a machine boots",
        "lint works offline: what is there was not looked at",
        "lint that config by itself",
    ),
    "data-url": Check(
        ERROR,
        "a data: URL that cannot be decoded, such as base64 that is none",
        "Ignition stops at it (github.com/vincent-petithory/dataurl, Go's encoding/base64)",
        "encode it anew (base64 --wrap=0, or let butane do it)",
    ),
    "data-gzip": Check(
        ERROR,
        "compression and the contents do not agree",
        "Ignition's specification, contents.compression: null or gzip",
        'set compression to "gzip" exactly where the source is packed with gzip',
    ),
    "file-twice": Check(
        ERROR,
        "one config lists a file's path twice",
        "Ignition's specification, storage.files: every path is unique; the config is refused",
        "keep one of the two",
    ),
    "file-overridden": Check(
        WARNING,
        "a merged config overwrites kdump's configuration of another one",
        "Ignition config/merge/merge.go: the file of the child counts, nothing of the parent's is kept",
        "write the file in one config only",
    ),
    "machineconfig-role": Check(
        ERROR,
        "a MachineConfig without the label machineconfiguration.openshift.io/role",
        "OpenShift's sample, callout 1; butane: ErrRoleRequired: no pool takes it",
        "add the label with the value worker or master",
    ),
    # Kernel arguments and crashkernel=
    "kargs-version": Check(
        ERROR,
        "kernelArguments in a config whose version does not know them",
        "Ignition, Upgrading Configs: kernel arguments came with 3.3.0; an unknown key is only warned of",
        "raise ignition.version to 3.3.0 or later",
    ),
    "kargs-place": Check(
        ERROR,
        "kernelArguments in the Ignition config of a MachineConfig",
        "butane: ErrKernelArgumentSupport",
        "write them into spec.kernelArguments",
    ),
    "crashkernel-octal": Check(
        ERROR,
        "a size that begins with 0 and so is octal",
        "linux lib/cmdline.c memparse(): 0512M is 330 MiB",
        "write the number without the 0",
    ),
    "crashkernel-unit": Check(
        ERROR,
        "a size with more than K, M, G, T, P or E after it, such as 256MB",
        "linux kernel/crash_reserve.c: unrecognized char, and nothing is reserved",
        "write one letter after the number, such as 256M",
    ),
    "crashkernel-auto": Check(
        ERROR,
        "crashkernel=auto as a kernel argument",
        f"no upstream kernel knows it; Fedora CoreOS' documentation: it does not reserve enough; {TRACKER}#798",
        "write a size such as 512M, or leave the argument out and let kdump-karg choose",
    ),
    "crashkernel-malformed": Check(
        ERROR,
        "any other value that the kernel does not read, or reads only in part",
        "linux kernel/crash_reserve.c",
        "write SIZE, SIZE@OFFSET, START-END:SIZE,...[@OFFSET] or SIZE,high",
    ),
    "crashkernel-nothing": Check(
        ERROR,
        "a value that reserves nothing on the machine, or on any",
        "linux kernel/crash_reserve.c, evaluated; users lose the dump and learn of it at the crash",
        "write a value that holds for the machine's memory",
    ),
    "crashkernel-tiny": Check(
        ERROR,
        "less than 64 MiB, which no capture kernel of today runs in; often a number without its M",
        "measured: beside kernel and initramfs 49 MiB are needed (orchestrator/decide/sizing.py)",
        "write a size such as 512M",
    ),
    "crashkernel-small": Check(
        WARNING,
        "less than the package's default for the machine, or for any",
        "kdump-utils kdump-lib.sh, Debian's kdump-tools.cfg; a small size loses the dump: "
        f"{TRACKER}#1832, truenas/middleware#6809, harvester/harvester#1357",
        "write at least that default",
    ),
    "crashkernel-advice": Check(
        WARNING,
        "less than the 300 MiB that Fedora CoreOS advises",
        f"{TRACKER}#798: 256M failed, 300M was the least; openshift-kni/cnf-features-deploy#1155 went from 256M to 512M",
        "write 512M, which Fedora CoreOS' own test takes, and test with a crash",
    ),
    "crashkernel-hole": Check(
        WARNING,
        "ranges between or above which nothing is reserved",
        "linux kernel/crash_reserve.c: the first range that holds decides, and none is no error",
        "let every range begin where the one before ends, and leave the last end open",
    ),
    "crashkernel-start": Check(
        INFO,
        "ranges that begin above a memory size which machines have",
        "ranges that begin at 2G reserve nothing below it: rhkdump/kdump-utils#90, canonical/ubuntu-server-documentation#544",
        "say for which machines with --memory",
    ),
    "crashkernel-twice": Check(
        WARNING,
        "several values of crashkernel=, of which the kernel takes one",
        "linux kernel/crash_reserve.c get_last_crashkernel(); openshift/machine-config-operator#4046",
        "keep one",
    ),
    "crashkernel-contradicts": Check(
        WARNING,
        "kernelArguments and kdump-karg.conf ask for different values",
        "docs/operator.md: kernelArguments decide",
        "write the value in one place",
    ),
    "crashkernel-repeats": Check(
        INFO,
        "kernelArguments and kdump-karg.conf ask for the same value",
        "one of them will be forgotten at the next change",
        "write the value in one place",
    ),
    "crashkernel-removed": Check(
        ERROR,
        "shouldNotExist takes away the value that is asked for",
        "Ignition refuses an argument in both lists (coreos/ignition#1178)",
        "take it out of shouldNotExist",
    ),
    "crashkernel-unused": Check(
        WARNING,
        "memory is reserved and no kdump unit is enabled",
        "microsoft/azurelinux#5460, ComputeCanada/magic_castle#391: memory lost for nothing; kdump.service is off by default",
        "enable kdump.service, or leave crashkernel= out",
    ),
    "crashkernel-missing": Check(
        INFO,
        "a kdump unit is enabled and nobody names a size",
        "kdump.service is skipped without a word where the argument is missing (rhkdump/kdump-utils#35); kdump-karg adds it",
        "nothing where kdump-karg is in the image; else add crashkernel= to kernelArguments",
    ),
    # Units
    "unit-masked": Check(
        ERROR,
        "a kdump unit is enabled and masked",
        "systemctl(1): a masked unit is never started",
        "take mask, or the link to /dev/null, away",
    ),
    "unit-name": Check(
        ERROR,
        "the unit of another distribution than the one that the files are for",
        "Fedora, RHEL CoreOS and SUSE have kdump.service, Debian kdump-tools.service; to enable another one does nothing",
        "enable the unit of the distribution",
    ),
    "unit-unknown": Check(
        ERROR,
        "an enabled unit without contents whose name is nearly a kdump unit's",
        "Ignition writes a preset for it; coreos/fedora-coreos-config#1743: a unit that was not there deceived even a test",
        "write kdump.service (Debian: kdump-tools.service)",
    ),
    "unit-replaced": Check(
        WARNING,
        "the config brings its own contents for a kdump unit",
        "the distribution's unit and its changes are hidden: systemd.unit(5)",
        "use a drop-in",
    ),
    "unit-kargs": Check(
        WARNING,
        "a unit that sets crashkernel= or reboots for kdump's sake",
        f"coreos/fedora-coreos-docs#388, {TRACKER}#1079: a boot more, and races; kernelArguments exist for it",
        "use kernelArguments, or let kdump-karg do it",
    ),
    # kdump.conf
    "kdump-conf-option": Check(
        ERROR,
        "a word in kdump.conf that is no option",
        "kdump-utils kdumpctl parse_config(): the service fails",
        "see kdump.conf(5)",
    ),
    "kdump-conf-deprecated": Check(
        ERROR,
        "an option that kdump-utils no longer takes",
        "kdump-utils kdumpctl parse_config() refuses net, options, link_delay, disk_timeout, debug_mem_level and blacklist",
        "see kdump.conf(5): ssh or nfs in the place of net, dracut_args and extra_modules for the rest",
    ),
    "kdump-conf-action": Check(
        ERROR,
        "failure_action or final_action with a value that is none",
        "kdump-utils kdumpctl check_failure_action_config()",
        "write reboot, halt or poweroff, for failure_action also shell or dump_to_rootfs",
    ),
    "kdump-conf-shell": Check(
        WARNING,
        "failure_action shell",
        "the machine waits at a shell that nobody sees until somebody comes (kdump.conf(5))",
        "write failure_action reboot",
    ),
    "collector-flat": Check(
        ERROR,
        "an ssh or raw target and a makedumpfile without -F",
        "kdump-utils mkdumprd verify_core_collector(): no capture initramfs is built",
        "add -F to the arguments of makedumpfile",
    ),
    "collector-everything": Check(
        WARNING,
        "a core collector that leaves no page out",
        "the dump is as large as the memory: makedumpfile(8) -d; microsoft/lisa#2091: disks run full",
        "add -d 31 to the arguments of makedumpfile",
    ),
    "text-crlf": Check(
        ERROR,
        "CR LF line ends in kdump's configuration",
        "shells and kdump-karg take the CR for a part of the value",
        "save it with LF",
    ),
    # The target
    "target-many": Check(
        ERROR,
        "more than one target",
        "kdump.conf(5): one dump target at most",
        "keep one",
    ),
    "target-ssh-user": Check(
        ERROR,
        "an ssh target without a user",
        "kdump-utils kdumpctl check_ssh_config()",
        "write ssh USER@HOST",
    ),
    "target-ssh-key": Check(
        ERROR,
        "an ssh target whose key the config does not bring",
        f"ssh runs with BatchMode=yes (kdump-utils kdump.sh), and nobody answers on a first boot; {TRACKER}#1813",
        "add the private key with mode 0600 (384)",
    ),
    "target-host-key": Check(
        ERROR,
        "an ssh target whose host key the config does not bring",
        "StrictHostKeyChecking=yes (kdump-utils kdump.sh)",
        "add the host's line to /root/.ssh/known_hosts (ssh-keyscan prints it)",
    ),
    "target-network": Check(
        ERROR,
        "a target on another machine, and a capture kernel without a network",
        "dracut_args leave the network out; kdump-tools: neither systemd.unit=kdump-tools-dump.service nor ip= on its line",
        "leave the network modules in; kdump-tools: add systemd.unit=kdump-tools-dump.service to KDUMP_CMDLINE_APPEND",
    ),
    "target-nfs-module": Check(
        WARNING,
        "an NFS target without the nfs module on an image that omits it",
        f"Fedora CoreOS omits it from initramfs: {TRACKER}#1729, rhkdump/kdump-utils#11, openshift/openshift-docs#78300",
        "add extra_modules nfs, or --force-add nfs to dracut_args",
    ),
    "target-lost": Check(
        ERROR,
        "a directory that does not outlive the crash, or that nothing can be written to",
        "/tmp and /run are in memory, /usr is read-only (ostree)",
        "write a directory below /var",
    ),
    "target-outside": Check(
        WARNING,
        "a directory outside /var and of every file system that the config makes",
        "on ostree all that stays lies below /var; composefs: coreos/fedora-coreos-tracker#1791",
        "write a directory below /var",
    ),
    "target-directory": Check(
        WARNING,
        "a directory that nothing in the config makes",
        "kdump-utils mkdumprd check_save_path_fs(): the dump path must exist, else no capture initramfs is built",
        "add it to storage.directories",
    ),
    "target-luks": Check(
        WARNING,
        "a dump on this machine, whose disk the config encrypts",
        "rhkdump/kdump-utils#10: Argon2 takes 1.3 GiB, and the key must reach the capture kernel; "
        "OpenShift's documentation asks for a remote target",
        "dump to ssh or nfs, or give the capture kernel a key and the memory",
    ),
    # The capture kernel's command line
    "capture-first-boot": Check(
        ERROR,
        "an own KDUMP_COMMANDLINE_REMOVE without ignition.firstboot",
        f"{TRACKER}#622 and #1079: a crash in the first boot provisions again; OpenShift's published sample",
        "add ignition.firstboot to KDUMP_COMMANDLINE_REMOVE",
    ),
    "capture-root": Check(
        WARNING,
        "an own KDUMP_COMMANDLINE without root=",
        "kdump-utils gen-kdump-sysconfig.sh; coreos/fedora-coreos-config#2847",
        "use KDUMP_COMMANDLINE_APPEND to add arguments",
    ),
    "capture-blocked": Check(
        ERROR,
        "a line for the capture kernel with which there is no dump",
        "the package's own rules (orchestrator/rules/capture_cmdline.py, dump_blockers.py)",
        "leave the package's own setting as it is",
    ),
    "capture-doubtful": Check(
        WARNING,
        "an argument that may take the capture kernel's memory",
        "each is on the list that one of the packages removes (orchestrator/rules/dump_blockers.py)",
        "add it to KDUMP_COMMANDLINE_REMOVE",
    ),
    "capture-cpus": Check(
        WARNING,
        "an own /etc/sysconfig/kdump without nr_cpus= or maxcpus=, or with nr_cpus=1 on ppc64le",
        "kdump-utils gen-kdump-sysconfig.sh; OpenShift's documentation: ppc64le does not support nr_cpus=1",
        "add nr_cpus=1 (ppc64le: maxcpus=1)",
    ),
    "capture-kexec": Check(
        WARNING,
        "an own /etc/sysconfig/kdump whose KEXEC_ARGS lacks -s",
        "with Secure Boot only kexec_file_load is allowed: openSUSE/kdump#10, microsoft/azurelinux#1027",
        'write KEXEC_ARGS="-s"',
    ),
    "capture-unknown": Check(
        INFO,
        "a configuration that only a shell can read",
        "no shell is run (orchestrator/rules/shell_assignments.py), so its line was not looked at",
        "write plain assignments",
    ),
    # Files
    "file-exists": Check(
        ERROR,
        "a file that the distribution ships, without overwrite",
        "Ignition's specification, storage.files.overwrite is false by default: Ignition stops where the file is there",
        "set overwrite to true",
    ),
    "file-secret": Check(
        ERROR,
        "a mode that opens a private key or a password to others",
        "ssh refuses such a key (ssh(1), IDENTITY FILES); the default mode of a file is 0644",
        "set mode to 384, which is 0600",
    ),
    "file-mode": Check(
        WARNING,
        "a mode that was meant in octal: JSON has decimal numbers",
        "Ignition's specification, storage.files.mode: 0644 is 420",
        "write the decimal number: 384 for 0600, 420 for 0644, 493 for 0755",
    ),
    # kdump-karg.conf
    "conf-malformed": Check(
        ERROR,
        "kdump-karg.conf cannot be read",
        "kdump-karg.conf(5): the run is refused",
        "see kdump-karg.conf(5)",
    ),
    "conf-contradicts": Check(
        ERROR,
        "kdump-karg.conf says enable=yes, and the config masks or disables the unit",
        "kdump-karg.conf(5): the run is refused",
        "take one of the two back",
    ),
    "conf-ignored": Check(
        WARNING,
        "a file that looks like kdump-karg's configuration and is none",
        "kdump-karg.conf(5): /etc/kdump-karg.conf, and names in /etc/kdump-karg.conf.d that end in .conf",
        "write /etc/kdump-karg.conf",
    ),
}
