#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
## kola:
##   description: Where nothing asks for kdump, there is no reboot and /boot is as it was.

set -xeuo pipefail

# shellcheck source=tests/kola/data/commonlib.sh
. "$KOLA_EXT_DATA/commonlib.sh"

still_first_boot
[ "$(systemctl show --value --property=ActiveState "$KDUMP_UNIT")" = inactive ] || fatal "$KDUMP_UNIT is not inactive"
# Every run of the program leaves a line in the journal. Where the harness' own units are enabled by a preset, as kola's are, the program
# is started to see whether kdump is among them.
said=$(journalctl --boot --quiet --output=cat SYSLOG_IDENTIFIER=kdump-karg)
! grep -v -e 'SKIP: nothing in the provisioned system asks for kdump' -e '^$' <<<"$said" || fatal "the program has found something to do"

# No file was written since the kernel started. That the stamp goes changes a directory only.
booted=$(awk '$1 == "btime" { print $2 }' /proc/stat)
changed=$(find /boot -xdev -type f -newermt "@$booted")
if [ -e /boot/.root_uuid ]; then
    # Fedora CoreOS' coreos-boot-edit.service writes this file and two more; still_first_boot has looked into the entry.
    changed=$(grep -vE '^/boot/(\.root_uuid|grub2/bootuuid\.cfg|loader/entries/[^/]*\.conf)$' <<<"$changed") || true
fi
[ -z "$changed" ] || fatal "these files of /boot were written in this boot: $changed"
