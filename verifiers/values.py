"""The recogniser: a bare answer, or a gold, as a value of one kind. It reads both in the same way.

    read_value("x = 1/2")  ->  an equation;   read_value("12, 13")  ->  a list;   read_value("12 red")  ->  a quantity

The kinds are tried in the order of the table, by their grammar alone: nothing is skipped, and what no kind can read is
a text. Plugins' kinds (`ovt.core.registry.KINDS`) are tried only when named: `kind="roman"` first of all, and
`kind="auto+roman"` after the whole table except text.
"""

import contextlib
import sys
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from operator import attrgetter
from string import ascii_letters
from typing import Any, NamedTuple

from ovt.core.registry import KINDS
from ovt.verifiers import guard
from ovt.verifiers.algebra.notation import FUNCTIONS, SYMBOL_COMMANDS
from ovt.verifiers.dressing import undress
from ovt.verifiers.kinds.collection import read_list
from ovt.verifiers.kinds.dates import read_date, read_range
from ovt.verifiers.kinds.equation import read_equation, read_inequality
from ovt.verifiers.kinds.expression import read_expression, read_ratio
from ovt.verifiers.kinds.interval import read_certain_intervals, read_union
from ovt.verifiers.kinds.letter import read_letter
from ovt.verifiers.kinds.matrix import read_matrix
from ovt.verifiers.kinds.numerals import SCALES, WORDS
from ovt.verifiers.kinds.quantity import read_measure, read_plain_number
from ovt.verifiers.kinds.text import POLARITY, read_polarity
from ovt.verifiers.kinds.times import read_time
from ovt.verifiers.verdict import Kind

_OTHER_NAMES = (
    "half halves third thirds quarter quarters fifth sixth seventh eighth ninth tenth dozen hundred minus negative "
    "noon midday midnight clock past pi inf infinity oo real reals empty option choice answer letter a.m p.m am pm root"
)
"""Words that may be a value, or a part of one."""


class Value(NamedTuple):
    """What a text says, as its kind reads it."""

    kind: Kind
    data: Any
    text: str

    @property
    def name(self) -> str:
        """The kind's name in verdicts; collections go by their brackets."""
        if self.kind is LIST:
            return {"": "list", "()": "tuple", "[]": "tuple"}.get(self.data.brackets, "set")
        return self.kind.name


def _where(marks: str, read: Callable[[str], Any]) -> Callable[[str], Any]:
    """The reader, called only if a text has one of the characters that its kind cannot do without."""
    needed = frozenset(marks)
    return lambda text: None if text.isascii() and needed.isdisjoint(text) else read(text)


def _read_ratio(text: str) -> tuple[str, ...] | None:
    return read_ratio(text) if any(sign in text for sign in _COLONS) or text.count(" to ") > 1 else None


_DIGITS = "0123456789"
_COLONS = (":", "：", "∶", "\\colon")


CHOICE = Kind("choice", read_letter)
YES_NO = Kind("yes_no", read_polarity)
NUMBER = Kind("number", read_plain_number)
TIME = Kind("time", read_time)
DATE = Kind("date", _where(_DIGITS, read_date))
RANGE = Kind("range", _where(_DIGITS, read_range))
RATIO = Kind("ratio", _read_ratio)
QUANTITY = Kind("quantity", read_measure)
MATRIX = Kind("matrix", _where("\\[", read_matrix))
INTERVAL = Kind("interval", read_certain_intervals)
EQUATION = Kind("equation", _where("=\\", read_equation))
LIST = SET = TUPLE = Kind("list", read_list)
INEQUALITY = Kind("inequality", _where("<>=\\", read_inequality))
EXPRESSION = Kind("expression", read_expression)
TEXT = Kind("text", str)

TABLE = (
    CHOICE,
    YES_NO,
    NUMBER,
    TIME,
    DATE,
    RANGE,
    RATIO,
    QUANTITY,
    MATRIX,
    INTERVAL,
    EQUATION,
    LIST,
    INEQUALITY,
    EXPRESSION,
    TEXT,
)
"""In the order in which they are tried."""

_BY_NAME = {kind.name: kind for kind in TABLE} | {"set": SET, "tuple": TUPLE}


def find(name: str) -> Kind:
    """The kind with this name, ours or a plugin's. Raises RecipeError if there is none."""
    return _BY_NAME.get(name) or _find_added(name)


@lru_cache
def _find_added(name: str) -> Kind:
    with guard.untimed():
        found = KINDS.get(name)
    return found if isinstance(found, Kind) else Kind(name, found)


def adopt(kinds: dict[str, str], paths: list[str]) -> None:
    """Register the caller's kinds in this process. kinds: name → "module:attribute"; paths: where modules are found.

    One that cannot be imported is reported as missing on use, and its verdicts are abstentions.
    """
    sys.path += [path for path in paths if path not in sys.path]
    for name in kinds.keys() - KINDS.added.keys():
        module, _, attribute = kinds[name].partition(":")
        with guard.untimed(), contextlib.suppress(Exception):
            KINDS.added[name] = attrgetter(attribute)(import_module(module))


_Tried = tuple[tuple[Kind, Callable[[str], Any]], ...]
_WHEN_ASKED = {INTERVAL: read_union}
"""What reads a kind that is requested by name, where it is more than what can only be of that kind: `(1, 2)`."""


def _with_readers(*kinds: Kind) -> _Tried:
    return tuple((kind, kind.read) for kind in kinds)


@lru_cache
def tried(kind: str) -> _Tried:
    """The kinds in the order in which they are tried if `kind` is requested, each with its reader."""
    first, *others = kind.split("+")
    if first == "auto":
        return _with_readers(*TABLE[:-1], *map(find, others), TEXT)
    asked = find(first)
    return (asked, _WHEN_ASKED.get(asked, asked.read)), *_with_readers(*(row for row in TABLE if row is not asked))


_WORDS_ONLY = _with_readers(LIST, TEXT)
_IN_WORDS = frozenset(ascii_letters + " ,.'!?;:-")
_NAMES = frozenset([*WORDS, *SCALES, *POLARITY, *FUNCTIONS, *SYMBOL_COMMANDS, *_OTHER_NAMES.split()])


def _is_words(text: str) -> bool:
    """Whether a text is plain English words, none of which is a number, a letter, a time or a sign."""
    if not (_IN_WORDS.issuperset(text) and len(text) > 1 and text[:2].isalpha()):
        return False
    found = text.lower().replace("-", " ").replace("'", " ").split()
    return all(len(word) > 1 for word in found) and _NAMES.isdisjoint(word.strip(",.!?;:") for word in found)


_TYPESET = frozenset("$\\。")
"""With one of these, how a text is written may show what it means."""


@lru_cache(maxsize=16384)
def read_value(text: str, kind: str = "auto") -> Value:
    """The text as read by the first kind that can; as a text if none can."""
    bare = undress(text)
    if not bare or guard.refuse(text):
        return Value(TEXT, text, text)
    if bare != text and _TYPESET.isdisjoint(text):
        return read_value(bare, kind)._replace(text=text)
    for row, read in _WORDS_ONLY if kind == "auto" and _is_words(bare) else tried(kind):
        data = read(text)
        if data is not None:
            return Value(row, data, text)
    return Value(TEXT, text, text)


@lru_cache(maxsize=4096)
def is_exact(text: str, kind: str = "auto") -> bool:
    """Whether a text is a value by grammar alone: no free text, and no list of texts."""
    value = read_value(text, kind)
    if value.kind is LIST:
        return all("①" <= member <= "⑳" or is_exact(member) for member in value.data.members)
    return value.kind is not TEXT
