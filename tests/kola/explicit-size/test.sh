#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
## kola:
##   # What is reserved must leave enough.
##   minMemory: 4096
##   architectures: x86_64 aarch64 ppc64le
##   timeoutMin: 15
##   tags: kdump
##   description: The size in /etc/kdump-karg.conf is what the kernel reserves.

set -xeuo pipefail

# shellcheck source=tests/kola/data/commonlib.sh
. "$KOLA_EXT_DATA/commonlib.sh"

# Word for word as in config.bu, once, and the distribution's default not at all.
[ "$(tr ' ' '\n' </proc/cmdline | grep '^crashkernel=')" = crashkernel=512M ] || fatal "crashkernel=512M is not on the kernel command line"
wait_armed
[ "$(crash size)" = $((512 * 1024 * 1024)) ] || fatal "the kernel has reserved $(crash size) bytes"
kdump-karg status
