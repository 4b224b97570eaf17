# SPDX-License-Identifier: Apache-2.0
"""What is shown of a machine: the chain of links from the intent to the dump, as text, as JSON and on the console."""
