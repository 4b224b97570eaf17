#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
## kola:
##   architectures: x86_64 aarch64 ppc64le
##   # Units have failed, which is what this test is about.
##   tags: kdump skip-base-checks
##   description: A size that no machine could reserve is refused with the reason; the first boot goes on.

set -xeuo pipefail

# shellcheck source=tests/kola/data/commonlib.sh
. "$KOLA_EXT_DATA/commonlib.sh"

still_first_boot

# Whoever looks for failed units finds one: kdump was wanted, and is not armed.
systemctl is-failed kdump-karg-report.service

# Exit status 4: wanted and not armed. The first broken link, and a sentence that names the file and the value.
status=0
told=$(kdump-karg status --json) || status=$?
[ "$status" = 4 ] || fatal "kdump-karg status ended with $status, not 4"
[ "$(jq --raw-output .broken <<<"$told")" = provisioning ] || fatal "not broken at provisioning: $told"
verdict=$(jq --raw-output .verdict <<<"$told")
[[ $verdict == */etc/kdump-karg.conf*64G* ]] || fatal "the verdict names neither file nor value: $verdict"

# The same sentence for who looks at the console, and at the journal of the first boot.
grep -F "${verdict#*: }" /run/issue.d/50_kdump-karg.issue
journalctl --boot --output=cat --unit=kdump-karg.service | grep -F 64G
