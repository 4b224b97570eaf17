# SPDX-License-Identifier: Apache-2.0
"""context.py against contextlib: the same blocks, the same answers."""

from __future__ import annotations

import contextlib

import pytest

from orchestrator.system import context

BLOCKS = """
@contextmanager
def block(log, end):
    log.append('in')
    try:
        yield 'value'
    except KeyError:
        log.append('caught')
        if end == 'raise':
            raise
        if end == 'other':
            raise IndexError('other')
    finally:
        log.append('out')
    if end == 'go on':
        yield 'again'

def run(error, end=''):
    log = []
    try:
        with block(log, end=end) as value:
            log.append(value)
            if error:
                raise error
            log.append('end')
    except BaseException as raised:
        log.append((type(raised).__name__, raised is error, type(raised.__context__).__name__))
    return log
"""


@pytest.mark.parametrize("end", ["", "raise", "other", "go on"])
@pytest.mark.parametrize("error", [None, KeyError(1), ValueError(2), StopIteration(3), SystemExit(4)], ids=repr)
def test_it_does_what_the_standard_one_does(error: BaseException | None, end: str) -> None:
    answers = []
    for decorator in (contextlib.contextmanager, context.contextmanager):
        names: dict[str, object] = {"contextmanager": decorator}
        exec(BLOCKS, names)
        function = names["run"]
        assert callable(function)
        answers.append(function(error, end))
    assert answers[0] == answers[1]
