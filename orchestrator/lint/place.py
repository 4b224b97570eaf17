# SPDX-License-Identifier: Apache-2.0
"""Where something stands in a config: a file, and JSON pointers (RFC 6901)."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Place:
    """`pointer` in the file; `nested`: from there on, one pointer for every config that lies inside another one's data: URL."""

    file: str
    pointer: str = ""
    nested: tuple[str, ...] = ()

    def below(self, *keys: str | int) -> Place:
        """The same place and then these keys."""
        steps = "".join(f"/{escaped(str(key))}" for key in keys)
        if self.nested:
            return replace(self, nested=(*self.nested[:-1], self.nested[-1] + steps))
        return replace(self, pointer=self.pointer + steps)

    def inside(self) -> Place:
        """The top of the config that lies in the data: URL here."""
        return replace(self, nested=(*self.nested, ""))

    def __str__(self) -> str:
        """For a person."""
        return f"{printable(self.file)}: {self.pointers}"

    @property
    def pointers(self) -> str:
        """All pointers, from the outside in. The top of a document, whose pointer is empty, is shown as /."""
        return " > ".join(pointer or "/" for pointer in (self.pointer, *self.nested))


def printable(name: str) -> str:
    """A file's name, without a character that acts on a terminal."""
    return name if name.isprintable() else ascii(name)[1:-1]


def escaped(key: str) -> str:
    """A key as a pointer's step."""
    return key.replace("~", "~0").replace("/", "~1")
