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
    inst_multiple mountpoint
    inst_script "$moddir/mount-var" /usr/lib/rig/mount-var
    # Debian's Ignition always relabels; there is no SELinux policy here.
    inst_script "$moddir/setfiles" /usr/sbin/setfiles
    inst_simple "$moddir/rig-mount-var.service" "$systemdsystemunitdir/rig-mount-var.service"
    systemctl -q --root="$initdir" add-requires ignition-diskful.target rig-mount-var.service || exit 1
}
