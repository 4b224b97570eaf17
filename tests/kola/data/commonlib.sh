# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the tests share; they source it.

# Where the distributions' names differ, this variable says so: Fedora's and RHEL's name of the unit, or Debian's.
KDUMP_UNIT=kdump.service
if [ -e /usr/lib/systemd/system/kdump-tools.service ]; then
    KDUMP_UNIT=kdump-tools.service
fi

fatal() {
    echo "$@" >&2
    exit 1
}

# The kernel's own word: crash loaded, crash size. The first name is the one since Linux 6.19.
crash() {
    cat "/sys/kernel/kexec/crash_$1" 2>/dev/null || cat "/sys/kernel/kexec_crash_$1"
}

has_argument() {
    grep -qE "(^| )$1( |=|$)" /proc/cmdline
}

# kdump-utils may build the capture initramfs first, which takes minutes on a busy machine.
wait_armed() {
    local left=240
    set +x
    until [ "$(crash loaded)" = 1 ]; do
        left=$((left - 1))
        [ "$left" -gt 0 ] || fatal "$KDUMP_UNIT has loaded no capture kernel within 240 seconds"
        sleep 1
    done
    set -x
}

# This is the boot that Ignition ran in, and nothing was written for kdump.
still_first_boot() {
    has_argument ignition.firstboot || fatal "this is not the first boot: there was a reboot"
    ! has_argument crashkernel || fatal "crashkernel= is on the kernel command line"
    ! grep -r crashkernel= /boot/loader/entries/ || fatal "crashkernel= was written to the boot loader entry"
    [ ! -e /var/log/kdump-karg/first-boot ] || fatal "kdump-karg has left the journal of another boot"
}

# Does not return. The harness must have been told before: /tmp/autopkgtest-reboot-prepare MARK.
panic() {
    # XFS fails in the capture kernel where the panic follows the boot closely (coreos/fedora-coreos-tracker issue 1195).
    sleep 5
    # The test is about the dump, not about what the disk loses.
    sync
    echo 1 >/proc/sys/kernel/sysrq
    echo c >/proc/sysrq-trigger
    sleep 5
    fatal "sysrq c did not crash the machine"
}

# The newest dump: a kdump file (Debian's is flattened), of this kernel, with the log of our panic beside it.
check_vmcore() {
    local dump
    [ -z "$(find /var/crash -name '*incomplete*')" ] || fatal "a dump in /var/crash is incomplete"
    dump=$(find /var/crash -type f \( -name vmcore -o -name 'dump.*' \) -printf '%T@ %p\n' | sort -n | tail -n 1 | cut -d ' ' -f 2)
    [ -n "$dump" ] || fatal "there is no vmcore in /var/crash"
    # Not through a pipe: where grep has seen enough, the writer fails, and so would the test (pipefail).
    grep -qaE '^(KDUMP   |makedumpfile)' <(head -c 12 "$dump") || fatal "$dump is no kdump file: $(file "$dump")"
    # VMCOREINFO is not compressed.
    grep -qaF "OSRELEASE=$(uname -r)" <(head -c 1M "$dump") || fatal "$dump is not of the kernel $(uname -r)"
    grep -q 'Kernel panic - not syncing: sysrq triggered crash' "$(dirname "$dump")"/*dmesg* || fatal "no panic in the log beside $dump"
}
