# SPDX-License-Identifier: Apache-2.0
"""A generator as a `with` block. It stands in for contextlib's, whose import takes longer than to carry out a change."""

from __future__ import annotations

TYPE_CHECKING = False  # importing it from typing would cost more than the work of most runs
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from typing import Any, ParamSpec, TypeVar

    P = ParamSpec("P")
    T = TypeVar("T")


class Block:
    """One run of a generator, its first part before a `with` block and its second after."""

    def __init__(self, generator: Any) -> None:
        """A generator that has not begun."""
        self.generator = generator

    def __enter__(self) -> Any:
        """What the generator yields."""
        return next(self.generator)

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
        """Let the generator end, or give it the exception; returns whether the exception was handled."""
        if kind is None:
            try:
                next(self.generator)
            except StopIteration:
                return False
            raise RuntimeError("generator didn't stop")
        try:
            self.generator.throw(error)
        except StopIteration as stop:
            return stop is not error
        except BaseException as raised:
            if raised is error or (isinstance(error, StopIteration) and raised.__cause__ is error):
                return False  # the statement raises it again, as it was
            raise
        raise RuntimeError("generator didn't stop after throw()")


def contextmanager(function: Callable[P, Iterator[T]]) -> Callable[P, AbstractContextManager[T]]:
    """The decorator."""

    def begin(*args: P.args, **kwargs: P.kwargs) -> AbstractContextManager[T]:
        """A run of its own for every `with`."""
        return Block(function(*args, **kwargs))

    return begin
