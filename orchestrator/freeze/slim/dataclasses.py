# SPDX-License-Identifier: Apache-2.0
"""The part of the standard `dataclasses` that the application uses: frozen classes with plain defaults.

The standard module imports inspect and writes source for exec(), which takes longer than all the rest of a run.
What is not here is a TypeError or an ImportError when the zip is built, never another behaviour at run time.
"""

from __future__ import annotations

TYPE_CHECKING = False  # what typing.TYPE_CHECKING is, without the cost of importing typing
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    T = TypeVar("T")

FIELDS = "__dataclass_fields__"  # the standard module's own name: what marks a class as one of these


class FrozenInstanceError(AttributeError):
    """Somebody tried to change an instance."""


class MISSING:
    """Stands for a default that is not there."""


class Field:
    """One field of a class."""

    __slots__ = ("default", "name")

    def __init__(self, name: str, default: object) -> None:
        """A field of that name; MISSING for no default."""
        self.name = name
        self.default = default


def dataclass(*, frozen: bool) -> Callable[[type[T]], type[T]]:
    """The decorator, as `@dataclass(frozen=True)` and in no other form."""
    if not frozen:
        raise TypeError("the frozen application has frozen dataclasses only; write @dataclass(frozen=True)")
    return _processed


def fields(class_or_instance: Any) -> tuple[Field, ...]:
    """The fields, inherited ones first."""
    return tuple(getattr(class_or_instance, FIELDS).values())


def replace(obj: T, /, **changes: object) -> T:
    """A copy with some fields changed."""
    return type(obj)(**{**_values(obj), **changes})


def _processed(cls: type[T]) -> type[T]:
    found: dict[str, Field] = {}
    for base in cls.__mro__[:0:-1]:
        found.update(base.__dict__.get(FIELDS, {}))
    for name, annotation in cls.__dict__.get("__annotations__", {}).items():
        if not annotation.startswith(("ClassVar", "typing.ClassVar")):
            found[name] = Field(name, getattr(cls, name, MISSING))
    own = cls.__dict__
    for method in METHODS:
        # A class's own __eq__ makes Python put a None under __hash__, which counts as not being there.
        if own.get(method.__name__) is None:
            setattr(cls, method.__name__, method)
    setattr(cls, FIELDS, found)
    if "__match_args__" not in own:
        setattr(cls, "__match_args__", tuple(found))
    return cls


def _values(obj: object) -> dict[str, Any]:
    return {field.name: getattr(obj, field.name) for field in fields(obj)}


def __init__(self: Any, /, *args: object, **kwargs: object) -> None:
    known = getattr(self, FIELDS)
    values = self.__dict__
    values.update(zip(known, args, strict=False))
    values.update(kwargs)
    if len(values) != len(args) + len(kwargs) or not kwargs.keys() <= known.keys():
        raise TypeError(_misfit(type(self).__name__, known, args, kwargs))
    if len(values) < len(known):
        for name, field in known.items():
            if name not in values:
                if field.default is MISSING:
                    raise TypeError(f"{type(self).__name__}() lacks an argument: {name!r}")
                values[name] = field.default
    post = getattr(self, "__post_init__", None)
    if post is not None:
        post()


def _misfit(name: str, known: dict[str, Field], args: tuple[object, ...], kwargs: dict[str, object]) -> str:
    """What is wrong with arguments that no field takes."""
    if len(args) > len(known):
        return f"{name}() takes {len(known)} arguments but {len(args)} were given"
    free = [*known][len(args) :]
    wrong = next(key for key in kwargs if key not in free)
    return f"{name}() got an unexpected argument, or one twice: {wrong!r}"


def __repr__(self: object) -> str:
    inner = ", ".join(f"{name}={value!r}" for name, value in _values(self).items())
    return f"{type(self).__qualname__}({inner})"


def __eq__(self: object, other: object) -> bool:
    if type(other) is not type(self):
        return NotImplemented
    return _values(self) == _values(other)


def __hash__(self: object) -> int:
    return hash(tuple(_values(self).values()))


def __setattr__(self: object, name: str, value: object) -> None:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def __delattr__(self: object, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


METHODS = (__init__, __repr__, __eq__, __hash__, __setattr__, __delattr__)
