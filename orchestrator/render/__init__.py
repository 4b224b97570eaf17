# SPDX-License-Identifier: Apache-2.0
"""From a small request to a complete config: Ignition, Butane or MachineConfig. Looks at the files it names, at no machine."""
