# SPDX-License-Identifier: Apache-2.0
"""The part of the standard `enum` that the application uses: Enum and StrEnum with plain values.

The standard module imports functools, collections and operator, and makes a class in a quarter of a millisecond. It is
in the zip as well, under another name, and serves whatever is not here: `re` and `signal` ask for more.
"""

from __future__ import annotations

TYPE_CHECKING = False  # what typing.TYPE_CHECKING is, without the cost of importing typing
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

STANDARD = "_standard_enum"  # the freezer's name for the standard module


def _is_member(name: str, key: str, value: object) -> bool:
    """Is this entry in the body of the class `name` a member? Not a special or private name, a method or the like."""
    special = key.startswith("_") and key.endswith("_")
    return not special and not key.startswith(f"_{name}__") and not hasattr(value, "__get__")


def _member(cls: Any, key: str, value: object) -> Any:
    member: Any = str.__new__(cls, value) if issubclass(cls, str) else object.__new__(cls)
    member._name_ = key
    member._value_ = value
    return member


class EnumType(type):
    """The class of the classes: makes the members, then keeps them from being changed."""

    _members: dict[str, Any]

    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any]) -> EnumType:
        """Take the plain values out of the class body and make a member of each."""
        values = {key: value for key, value in namespace.items() if _is_member(name, key, value)}
        cls = super().__new__(mcs, name, bases, {key: value for key, value in namespace.items() if key not in values})
        members: dict[str, Any] = {}
        for key, value in values.items():
            known = [member for member in members.values() if member._value_ == value]
            members[key] = known[0] if known else _member(cls, key, value)
            type.__setattr__(cls, key, members[key])
        type.__setattr__(cls, "_members", members)
        return cls

    def __call__(cls, value: object) -> Any:
        """The member of that value."""
        for member in cls._members.values():
            if member is value or member._value_ == value:
                return member
        raise ValueError(f"{value!r} is not a valid {cls.__qualname__}")

    def __getitem__(cls, name: str) -> Any:
        return cls._members[name]

    def __iter__(cls) -> Iterator[Any]:
        return (member for name, member in cls._members.items() if member._name_ == name)

    def __len__(cls) -> int:
        return len(list(iter(cls)))

    def __contains__(cls, value: object) -> bool:
        return any(member is value or member._value_ == value for member in cls._members.values())

    def __setattr__(cls, name: str, value: object) -> None:
        if name in cls._members:
            raise AttributeError(f"cannot reassign member {name!r}")
        super().__setattr__(name, value)


class Enum(metaclass=EnumType):
    """Members are the plain values of the class body; a value that occurs twice makes an alias."""

    _name_: str
    _value_: Any

    @property
    def name(self) -> str:
        """What the member is called in its class."""
        return self._name_

    @property
    def value(self) -> Any:
        """What the member stands for."""
        return self._value_

    def __repr__(self) -> str:
        return f"<{type(self).__name__}.{self._name_}: {self._value_!r}>"

    def __str__(self) -> str:
        return f"{type(self).__name__}.{self._name_}"

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def __hash__(self) -> int:
        return hash(self._name_)


class StrEnum(str, Enum):
    """Members are strings as well."""

    __repr__ = Enum.__repr__
    __str__ = str.__str__
    __format__ = str.__format__  # type: ignore[assignment]  # positional-only there
    __hash__ = str.__hash__


def __getattr__(name: str) -> Any:
    """Anything else comes from the standard module."""
    if name.startswith("__"):
        raise AttributeError(name)
    return getattr(__import__(STANDARD), name)
