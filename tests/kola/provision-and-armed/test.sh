#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
## kola:
##   # The default size is for machines of 2 GiB (aarch64) or 1 GiB and more; a capture kernel wants some besides.
##   minMemory: 4096
##   architectures: x86_64 aarch64 ppc64le
##   # One reboot more than a stock first boot, and on Fedora CoreOS the capture initramfs is built.
##   timeoutMin: 15
##   tags: kdump
##   description: A config that only enables kdump ends in an armed machine after one reboot.

set -xeuo pipefail

# shellcheck source=tests/kola/data/commonlib.sh
. "$KOLA_EXT_DATA/commonlib.sh"

# The config has no kernel argument: this one is kdump-karg's.
has_argument crashkernel || fatal "crashkernel= is not on the kernel command line"
# Ignition must not run again.
! has_argument ignition.firstboot || fatal "this boot is a first boot: kdump-karg has not rebooted"
[ ! -e /boot/ignition.firstboot ] || fatal "the next boot would be a first boot"

# One boot until kdump-karg's reboot, whose journal it keeps, and one since then.
[ "$(journalctl --directory=/var/log/kdump-karg/first-boot --field=_BOOT_ID | sort -u | wc -l)" = 1 ] || fatal "more than one first boot"
[ "$(journalctl --field=_BOOT_ID | sort -u | wc -l)" = 1 ] || fatal "more than one reboot"

wait_armed
[ "$(crash size)" -gt 0 ] || fatal "armed without a reservation"
# A unit that is green says little: without the argument kdump.service is skipped.
systemctl is-active "$KDUMP_UNIT"
# The chain, link by link; its exit status is 0 only where every link holds.
kdump-karg status
