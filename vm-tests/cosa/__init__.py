# SPDX-License-Identifier: Apache-2.0
"""Runs the story and the external tests against a Fedora CoreOS image by the tools of coreos-assembler."""
