# SPDX-License-Identifier: Apache-2.0
"""The errors that end a run. Every message is one sentence that names the file, the value and the fix."""


class KdumpKargError(Exception):
    """Base of all errors of this program; `exit_status` is what the front end returns."""

    exit_status = 1


class Failure(KdumpKargError):
    """Something that should have worked did not: an I/O error, a program that failed."""

    exit_status = 1


class UsageError(KdumpKargError):
    """The command line of this program cannot be understood."""

    exit_status = 2


class Refusal(KdumpKargError):
    """What was found or asked for must not be acted on; nothing was written."""

    exit_status = 3
