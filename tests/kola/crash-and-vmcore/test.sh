#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
## kola:
##   # As in Fedora CoreOS' own test kdump.crash.
##   minMemory: 4096
##   architectures: x86_64 aarch64 ppc64le
##   # The kernel crashes on purpose: nothing is to be read into its messages.
##   tags: kdump skip-base-checks
##   # Two reboots, and writing a dump in between.
##   timeoutMin: 15
##   description: On a machine that was only told to enable kdump, a panic leaves a vmcore.

set -xeuo pipefail

# shellcheck source=tests/kola/data/commonlib.sh
. "$KOLA_EXT_DATA/commonlib.sh"

case "${AUTOPKGTEST_REBOOT_MARK:-}" in
"")
    wait_armed
    # kdump-utils' own estimate of the size, where there is one (Debian has none).
    if type -P kdumpctl; then
        ! kdumpctl estimate | grep "WARNING: Current crashkernel size is lower than recommended size" || fatal "the reservation is too small"
    fi
    # It is the harness that knows the mark across the crash.
    /tmp/autopkgtest-reboot-prepare aftercrash
    panic
    ;;
aftercrash)
    check_vmcore
    # The capture kernel must not have provisioned the machine again, and the next panic is to be captured too.
    wait_armed
    kdump-karg status
    ;;
*)
    fatal "unexpected mark: $AUTOPKGTEST_REBOOT_MARK"
    ;;
esac
