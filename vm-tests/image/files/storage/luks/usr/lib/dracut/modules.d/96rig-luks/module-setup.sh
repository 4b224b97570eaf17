#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Encrypts the root in the first boot, as Ignition does on Fedora CoreOS, and binds it to the machine's TPM.

# called by dracut
check() {
    return 255
}

# called by dracut
depends() {
    echo crypt systemd-cryptsetup tpm2-tss
}

# called by dracut
installkernel() {
    instmods dm_crypt xts
}

# called by dracut
install() {
    inst_multiple cryptsetup systemd-cryptenroll rm udevadm
    inst_script "$moddir/encrypt-root" /usr/lib/rig/encrypt-root
    inst_simple "$moddir/rig-luks.service" "$systemdsystemunitdir/rig-luks.service"
    systemctl -q --root="$initdir" add-wants initrd.target rig-luks.service || exit 1
}
