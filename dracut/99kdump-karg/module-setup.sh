#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Puts kdump-karg into the initramfs. It only copies files and links units: what to do is decided by the program.

# In every image that has Ignition, and never in the initramfs of the capture kernel: kdump-utils' mkdumprd exports
# IN_KDUMP, SUSE's kdump names its module on the command line of dracut.
check() {
    [[ $IN_KDUMP ]] && return 1
    [[ " $dracutmodules $add_dracutmodules $force_add_dracutmodules " == *" kdump "* ]] && return 1
    [[ " $dracutmodules $add_dracutmodules $force_add_dracutmodules " == *" kdumpbase "* ]] && return 1
    require_binaries /usr/lib/kdump-karg/python || return 1
    return 0
}

# The units order themselves against Ignition's, and systemd runs them.
depends() {
    echo systemd ignition
}

install() {
    # The frozen program, and what it calls: mount and umount for /boot, udevadm to wait for its device, systemctl to
    # reboot or to stop a strict boot, journalctl to keep the first boot's log.
    inst_multiple /usr/lib/kdump-karg/python /usr/bin/kdump-karg \
        mount umount udevadm systemctl journalctl sleep
    inst_simple /usr/lib/kdump-karg/python._pth
    inst_simple /usr/lib/kdump-karg/kdump-karg.pyz
    # Which of Python's modules are files, and whether libpython is one, differs between distributions; none may be missing.
    local file
    for file in "$dracutsysrootdir"/usr/lib/kdump-karg/*.so "$dracutsysrootdir"/usr/lib/kdump-karg/libp; do
        [[ ! -e $file ]] || inst_multiple "${file#"$dracutsysrootdir"}" || exit 1
    done

    # A program that cannot start, for want of a library, fails the image build as well. (Not tried on a foreign root.)
    [[ $dracutsysrootdir ]] || /usr/bin/kdump-karg --version > /dev/null || exit 1

    # Ignition's module, which is ahead of this one, installs a stub that refuses kernelArguments. A distribution's own helper stays.
    local helper
    for helper in "$initdir"/usr/bin/ignition-kargs-helper "$initdir"/usr/sbin/ignition-kargs-helper; do
        grep -qs 'kernelArguments is not supported' "$helper" || continue
        rm -f "$helper" || exit 1 # dracut does not overwrite what is there
        inst_simple "$moddir/ignition-kargs-helper.sh" "${helper#"$initdir"}" || exit 1
    done

    inst_simple "$moddir/kdump-karg.service" "$systemdsystemunitdir/kdump-karg.service"
    inst_simple "$moddir/kdump-karg-write.service" "$systemdsystemunitdir/kdump-karg-write.service"
    inst_simple "$moddir/kdump-karg-reboot.service" "$systemdsystemunitdir/kdump-karg-reboot.service"

    # Only Ignition's first boot reaches ignition-complete.target, so on any other boot nothing pulls the program in.
    # A unit that cannot be linked fails the image build, not a boot.
    systemctl -q --root="$initdir" add-wants ignition-complete.target kdump-karg.service || exit 1
    systemctl -q --root="$initdir" add-wants initrd-switch-root.target kdump-karg-write.service || exit 1
    systemctl -q --root="$initdir" add-wants initrd-switch-root.target kdump-karg-reboot.service || exit 1
}
