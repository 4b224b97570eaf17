# SPDX-License-Identifier: Apache-2.0
"""`lint`: an Ignition config or a MachineConfig read offline, what it says as data, the checks, and how findings are shown."""
