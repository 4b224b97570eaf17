#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What Ignition calls for kernelArguments, in the place of the stub that its dracut module brings.
exec /usr/bin/kdump-karg kargs "$@"
