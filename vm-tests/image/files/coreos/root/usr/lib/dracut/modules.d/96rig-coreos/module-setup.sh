#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The units of Fedora CoreOS' first boot that touch /boot, the command line or the network, in our own words.

# called by dracut
check() {
    return 255
}

# called by dracut
depends() {
    echo rig ignition ostree
}

# called by dracut
installkernel() {
    instmods virtio_net
}

# called by dracut
install() {
    inst_multiple blkid cat cp e2fsck grep ls mkdir mount rm sed sleep systemctl tune2fs udevadm umount \
        "$systemdutildir/systemd-network-generator" "$systemdsystemunitdir/systemd-network-generator.service" \
        "$systemdutildir/network/99-default.link"
    systemctl -q --root="$initdir" add-wants sysinit.target systemd-network-generator.service || exit 1
    for script in append-kargs boot-edit early-reboot network-teardown uuid-boot; do
        inst_script "$moddir/$script" "/usr/lib/rig/$script"
    done
    # In the place of Ignition's own, which refuses.
    inst_script "$moddir/kargs-helper" /usr/lib/rig/kargs-helper
    ln -sf ../lib/rig/kargs-helper "$initdir/usr/sbin/ignition-kargs-helper"
    inst_script "$moddir/sysroot-generator" "$systemdutildir/system-generators/rig-sysroot-generator"
    for unit in uuid-boot early-reboot kargs-reboot boot-edit network-teardown; do
        inst_simple "$moddir/rig-$unit.service" "$systemdsystemunitdir/rig-$unit.service"
        systemctl -q --root="$initdir" add-requires ignition-diskful.target "rig-$unit.service" || exit 1
    done
}
