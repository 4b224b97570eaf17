#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
## kola:
##   minMemory: 4096
##   architectures: x86_64 aarch64 ppc64le
##   # There must be something to update to. Without this tag kola does not run the test.
##   requiredTag: update-new-kernel
##   tags: kdump needs-internet skip-base-checks
##   timeoutMin: 45
##   description: The update to another kernel keeps the argument, is armed again and dumps.

# Needs one of
# - an image that is not the newest of its stream, and the network (`rpm-ostree upgrade`), as `kola run --tag update-new-kernel
#   --qemu-image OLDER.qcow2` has it;
# - a disk whose file system has the label `update` and an ostree repository `repo` with one branch, as this project's own
#   harness attaches it.

set -xeuo pipefail

# shellcheck source=tests/kola/data/commonlib.sh
. "$KOLA_EXT_DATA/commonlib.sh"

NOTES=/var/lib/kola-update-new-kernel
DISK=/dev/disk/by-label/update

argument() {
    tr ' ' '\n' </proc/cmdline | grep '^crashkernel='
}

update_from_disk() {
    local branch stateroot mounted=/run/kola-update
    mkdir -p "$mounted"
    mount -o ro "$DISK" "$mounted"
    branch=$(ostree refs --repo="$mounted/repo")
    # ostree=/ostree/boot.N/STATEROOT/CHECKSUM/SERIAL
    stateroot=$(sed -E 's|.*ostree=/ostree/boot\.[01]/([^/]*)/.*|\1|' /proc/cmdline)
    ostree pull-local "$mounted/repo" "$branch"
    ostree admin deploy --os="$stateroot" "$branch"
    umount "$mounted"
}

case "${AUTOPKGTEST_REBOOT_MARK:-}" in
"")
    wait_armed
    mkdir -p "$NOTES"
    uname -r >"$NOTES/release"
    argument >"$NOTES/argument"
    if [ -e "$DISK" ]; then
        update_from_disk
    elif type -P rpm-ostree; then
        # 77: there is nothing newer (rpm-ostree(1), --unchanged-exit-77).
        rpm-ostree upgrade --unchanged-exit-77 || fatal "no newer version to update to: run this test on an older image, with the network"
    else
        fatal "nothing to update from: no disk with the label update, and no rpm-ostree"
    fi
    /tmp/autopkgtest-reboot updated
    ;;
updated)
    [ "$(uname -r)" != "$(cat "$NOTES/release")" ] || fatal "the update has brought the same kernel, $(uname -r): run this test on an older image"
    [ "$(argument)" = "$(cat "$NOTES/argument")" ] || fatal "the update has changed the argument: $(argument)"
    # The capture kernel is that of the new version.
    wait_armed
    kdump-karg status
    /tmp/autopkgtest-reboot-prepare aftercrash
    panic
    ;;
aftercrash)
    check_vmcore
    ;;
*)
    fatal "unexpected mark: $AUTOPKGTEST_REBOOT_MARK"
    ;;
esac
