# SPDX-License-Identifier: Apache-2.0
"""The slim modules against the standard ones they stand for: the same code, the same answers."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from orchestrator.freeze import archive, interpreter
from orchestrator.freeze.slim import dataclasses as slim_dataclasses
from orchestrator.freeze.slim import enum as slim_enum
from orchestrator.freeze.trace import SLIM
from tests.freeze.test_tree import unpacked

POINT = """
from __future__ import annotations
from dataclasses import FrozenInstanceError, dataclass, fields, replace
from typing import ClassVar

def error(function):
    try:
        function()
    except Exception as problem:
        return type(problem).__name__

@dataclass(frozen=True)
class Point:
    'Docs.'
    x: int
    y: int = 2
    limit: ClassVar[int] = 9

@dataclass(frozen=True)
class Deep(Point):
    z: tuple[int, ...] = ()
    y: int = 5
    def total(self):
        return self.x + self.y + sum(self.z)

@dataclass(frozen=True)
class Twin:
    x: int
    y: int = 2

@dataclass(frozen=True)
class Checked:
    n: int
    def __post_init__(self):
        if self.n < 0:
            raise ValueError(self.n)
        object.__setattr__(self, 'n', self.n + 1)

@dataclass(frozen=True)
class Own:
    n: int
    def __repr__(self): return 'mine'
    def __eq__(self, other): return True
    __match_args__ = ()

@dataclass(frozen=True)
class Key:
    n: int
    def __hash__(self): return 7

def matched(value):
    match value:
        case Deep(x, y, z): return ('deep', x, y, z)
        case Point(1, y): return ('one', y)
        case Point(x=x): return ('other', x)
"""
DATACLASS_TABLE = {
    "positional": "Point(1, 3) == Point(x=1, y=3)",
    "default": "(Point(1).y, Point.y)",
    "keyword": "Point(y=4, x=3).x",
    "repr": "repr(Point(1, '2'))",
    "repr of a subclass": "repr(Deep(1, z=(4,)))",
    "str": "str(Point(1))",
    "equal": "(Point(1) == Point(1), Point(1) != Point(1), Point(1) == Point(2))",
    "unequal classes": "(Point(1) == Twin(1), Point(1) == 1, Deep(1) == Point(1, 5))",
    "hash": "(hash(Point(1)) == hash(Point(1, 2)), len({Point(1), Point(1), Point(2)}), hash(Point(3)) == hash((3, 2)))",
    "unhashable": "error(lambda: hash(Point([])))",
    "assignment": "error(lambda: setattr(Point(1), 'x', 2))",
    "assignment of another": "error(lambda: setattr(Point(1), 'other', 2))",
    "deletion": "error(lambda: delattr(Point(1), 'x'))",
    "the error's base": "issubclass(FrozenInstanceError, AttributeError)",
    "no argument": "error(lambda: Point())",
    "too many": "error(lambda: Point(1, 2, 3))",
    "unknown": "error(lambda: Point(1, w=2))",
    "twice": "error(lambda: Point(1, x=2))",
    "class variable": "(Point.limit, Point(1).limit, 'limit' in repr(Point(1)))",
    "inheritance": "(Deep(1, z=(1, 2)).total(), Deep.__match_args__)",
    "match": "(matched(Point(1, 8)), matched(Point(2)), matched(Deep(1)))",
    "post init": "(Checked(1).n, error(lambda: Checked(-1)))",
    "replace": "(replace(Point(1), y=9), replace(Deep(1), z=(3,)), error(lambda: replace(Point(1), w=1)))",
    "replace checks": "error(lambda: replace(Checked(1), n=-5))",
    "fields": "([f.name for f in fields(Deep)], [f.name for f in fields(Point(1))])",
    "own methods": "(repr(Own(1)), Own(1) == 5, Own.__match_args__, hash(Key(1)), error(lambda: hash(Own(1))))",
    "docstring": "Point.__doc__",
    "instance dictionary": "vars(Deep(1))",
}
COLOUR = """
from __future__ import annotations
from enum import Enum, StrEnum

def error(function):
    try:
        function()
    except Exception as problem:
        return type(problem).__name__

class Colour(Enum):
    'Docs.'
    RED = 'red'
    BLUE = 'blue'
    AZURE = 'blue'
    _HIDDEN = 3
    __private = 4
    @property
    def loud(self): return self.value.upper()
    @classmethod
    def first(cls): return cls.RED

class Word(StrEnum):
    NONE = 'none'
    GRUB2 = 'grub2'
"""
ENUM_TABLE = {
    "name and value": "(Colour.RED.name, Colour.RED.value)",
    "repr and str": "(repr(Colour.RED), str(Colour.RED), f'{Colour.RED}', f'{Colour.RED:>12}')",
    "iteration": "[member.name for member in Colour]",
    "order and length": "(len(Colour), [word.value for word in Word])",
    "identity": "(Colour('red') is Colour.RED, Colour['RED'] is Colour.RED, Colour(Colour.RED) is Colour.RED)",
    "alias": "(Colour.AZURE is Colour.BLUE, Colour['AZURE'] is Colour.BLUE)",
    "equality": "(Colour.RED == Colour.RED, Colour.RED == 'red', Colour.RED != Colour.BLUE)",
    "unknown value": "error(lambda: Colour('green'))",
    "unknown name": "error(lambda: Colour['GREEN'])",
    "unknown attribute": "error(lambda: Colour.GREEN)",
    "no reassignment": "error(lambda: setattr(Colour, 'RED', 1))",
    "hash": "({Colour.RED: 1}[Colour('red')], len({*Colour}))",
    "membership": "(Colour.RED in Colour, Word.NONE in Colour)",
    "isinstance": "(isinstance(Colour.RED, Colour), isinstance(Colour.RED, Enum), isinstance(Word.NONE, str))",
    "methods": "(Colour.RED.loud, Colour.first().name)",
    "string": "(Word.GRUB2 == 'grub2', str(Word.GRUB2), f'{Word.GRUB2:>6}', 'x' + Word.NONE, repr(Word.NONE))",
    "string lookup": "(Word('grub2') is Word.GRUB2, {'none': 1}[Word.NONE], Word.NONE in ('none',))",
    "truth": "bool(Colour.RED)",
    "docstring": "Colour.__doc__",
    "type name": "type(Colour.RED).__name__",
    "join": "', '.join(Word)",
}
# Printed by the Python that runs it: one JSON list of reprs.
SCRIPT = """
import json, sys
said = []
for setup, table in json.load(sys.stdin):
    sys.modules['shapes'] = type(sys)('shapes')
    space = vars(sys.modules['shapes'])
    exec(setup, space)
    said += [(text, repr(eval(text, space))) for text in table]
print(json.dumps(said))
"""


@contextlib.contextmanager
def standing_in(name: str, module: ModuleType) -> Iterator[None]:
    """`import name` gets `module` for the length of the block."""
    before = sys.modules[name]
    sys.modules[name] = module
    try:
        yield
    finally:
        sys.modules[name] = before


def answers(setup: str) -> dict[str, object]:
    """The namespace of a module after running `setup` in it; the standard dataclasses looks the module up."""
    module = ModuleType("shapes")
    sys.modules["shapes"] = module
    exec(compile(setup, "shapes", "exec", dont_inherit=True), vars(module))
    return vars(module)


@pytest.mark.parametrize("text", DATACLASS_TABLE.values(), ids=DATACLASS_TABLE.keys())
def test_dataclasses_agree(text: str) -> None:
    real = answers(POINT)
    with standing_in("dataclasses", slim_dataclasses):
        slim = answers(POINT)
    assert real["Point"] is not slim["Point"]
    assert repr(eval(text, slim)) == repr(eval(text, real))


@pytest.mark.parametrize("text", ENUM_TABLE.values(), ids=ENUM_TABLE.keys())
def test_enums_agree(text: str) -> None:
    real = answers(COLOUR)
    with standing_in("enum", slim_enum):
        slim = answers(COLOUR)
    assert repr(eval(text, slim)) == repr(eval(text, real))


@pytest.mark.parametrize("name", archive.SUITES)
def test_every_python_agrees(name: str, tmp_path: Path) -> None:
    """Under the interpreters themselves, standard modules against slim ones."""
    python = interpreter.interpreter(unpacked(name))
    job = json.dumps([(POINT, list(DATACLASS_TABLE.values())), (COLOUR, list(ENUM_TABLE.values()))])
    (tmp_path / f"{slim_enum.STANDARD}.py").symlink_to(f"{python.stdlib}/enum.py")
    real, slim = (json.loads(python.run(["-c", SCRIPT], path=path, stdin=job)) for path in ((), (SLIM, str(tmp_path))))
    assert slim == real


@pytest.mark.parametrize("text", ["@dataclass\nclass A: pass", "@dataclass(frozen=False)\nclass A: pass", "field()"])
def test_what_is_not_there_is_an_error(text: str) -> None:
    """The freezer's trace stops at what the slim module does not have; it never behaves in another way."""
    with standing_in("dataclasses", slim_dataclasses), pytest.raises((TypeError, ImportError)):
        answers("from dataclasses import dataclass\n" + (f"from dataclasses import field\n{text}" if "field" in text else text))


def test_other_enums_come_from_the_standard_module(monkeypatch: pytest.MonkeyPatch) -> None:
    import enum

    monkeypatch.setitem(sys.modules, slim_enum.STANDARD, enum)
    assert slim_enum.IntFlag is enum.IntFlag
    with pytest.raises(AttributeError):
        slim_enum.no_such_name


def test_slim_modules_import_nothing() -> None:
    """That is what they are for."""
    for module in (slim_dataclasses, slim_enum):
        imported = [name for name, value in vars(module).items() if isinstance(value, ModuleType)]
        assert imported == [], f"{module.__file__} imports {imported}"
