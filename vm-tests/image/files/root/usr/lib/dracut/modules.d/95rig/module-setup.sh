#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What Fedora CoreOS's own dracut modules do around Ignition and Debian has no package for.

# called by dracut
check() {
    return 255
}

# called by dracut
depends() {
    echo ignition ostree
}

# called by dracut
installkernel() {
    instmods qemu_fw_cfg virtio_blk xfs
}

# called by dracut
install() {
    inst_multiple mountpoint sleep mkdir mount cp umount
    inst_script "$moddir/mount-var" /usr/lib/rig/mount-var
    # Debian's Ignition always relabels; there is no SELinux policy here.
    inst_script "$moddir/setfiles" /usr/sbin/setfiles
    inst_script "$moddir/late-writer" /usr/lib/rig/late-writer
    # rig-propagate.service is wanted by initrd.target, as there; the others are required, as all of Fedora CoreOS' are.
    for unit in rig-mount-var rig-teardown rig-hang rig-unordered rig-propagate; do
        inst_simple "$moddir/$unit.service" "$systemdsystemunitdir/$unit.service"
    done
    for unit in rig-mount-var rig-teardown rig-hang rig-unordered; do
        systemctl -q --root="$initdir" add-requires ignition-diskful.target "$unit.service" || exit 1
    done
    systemctl -q --root="$initdir" add-wants initrd.target rig-propagate.service || exit 1
}
