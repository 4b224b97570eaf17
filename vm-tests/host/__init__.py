# SPDX-License-Identifier: Apache-2.0
"""What runs on this machine and knows of no guest: other programs, Debian's archive, the cache of built things, progress."""
