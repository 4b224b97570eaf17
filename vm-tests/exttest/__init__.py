# SPDX-License-Identifier: Apache-2.0
"""kola's external tests (`tests/kola`) on our own machines: finds them as kola does, and speaks its protocol.

Sources: coreos-assembler's page external-tests.md on kola, mantle/kola/harness.go, mantle/cmd/kolet/kolet.go.
"""
