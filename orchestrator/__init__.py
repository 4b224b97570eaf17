# SPDX-License-Identifier: Apache-2.0
"""kdump-karg: reserve memory for kdump on the first boot of an ostree + Ignition system."""

__version__ = "0.2.0"
