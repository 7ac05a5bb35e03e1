"""The property that finds a verifier that reads one text in two ways: golds that one text earns for equal each other.

    cross(["2*pi"], ["2", "2\\pi"], grade).unequal  ->  (("2*pi", "2", "2\\pi"),) if it earns for both

What an answer may leave out excuses a pair: `21` earns for `21 cm` and for `21 m` (a unit), `50%` for `50` and `0.5`
(the sign), `5` for `x = 5` and for `y = 5` (a name), `7:30` for the morning and for the evening, a matrix of one
row for a tuple in either bracket.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from typing import Any, NamedTuple

from ovt.verifiers.reading import read_text
from ovt.verifiers.values import EQUATION, EXPRESSION, LIST, MATRIX, NUMBER, QUANTITY, RATIO, TIME, Value, read_value

Earns = Callable[[str, str], bool]
"""(text, gold) -> whether the text earns for it."""


@dataclass(frozen=True)
class Crossed:
    """accepted: how many (text, gold) earned. unequal: (text, gold, other gold) that nothing excuses; excused: the
    number of pairs of unequal golds that something does."""

    accepted: int
    excused: int
    unequal: tuple[tuple[str, str, str], ...]


def cross(texts: Sequence[str], golds: Sequence[str], earns: Earns) -> Crossed:
    """Every text on every gold, and what it earns for on each other."""
    unequal, accepted, excused = [], 0, 0
    for text in texts:
        earned = [gold for gold in golds if earns(text, gold)]
        accepted += len(earned)
        for one, two in combinations(earned, 2):
            if not (earns(one, two) or earns(two, one)):
                excuse = differ_in_what_is_optional(text, one, two)
                excused += excuse
                unequal += [] if excuse else [(text, one, two)]
    return Crossed(accepted, excused, tuple(unequal))


class Parts(NamedTuple):
    """amounts: the numbers that a value may mean, None for one that is not written as a number. marks: the parts of it
    that an answer may leave out: a unit, a percent sign, a name, half a day."""

    shape: str
    amounts: frozenset[Fraction] | None
    marks: tuple[Any, ...]


def differ_in_what_is_optional(text: str, one: str, two: str) -> bool:
    """Whether two golds that a text earns for are unequal only by a unit, a percent sign, a name or a row's brackets.

    Each has one value, the same but for these, and they do not have the same of them.
    """
    parts = [_take_apart(read_text(each, None).value) for each in (text, one, two)]
    known = [part for part in parts if part]
    if len(known) < 3 or {part.shape for part in known} not in _SHAPES:
        return False
    said, *golds = known
    amounts = [gold.amounts & said.amounts for gold in golds if gold.amounts is not None and said.amounts is not None]
    return all(amounts) and len({said.marks, *(gold.marks for gold in golds)}) > 1


_SHAPES = ({"amount"}, {"list"}, {"list", "matrix"}, {"time"})


def _take_apart(value: Value | None) -> Parts | None:
    if value is None:
        return None
    if value.kind is EQUATION and value.data.name:
        inner = _take_apart(read_value(value.data.right))
        return inner and inner._replace(marks=(*inner.marks, value.data.name))
    if value.kind in (NUMBER, QUANTITY):
        return _of_quantity(value.data)
    if value.kind in (EXPRESSION, RATIO):
        return Parts("amount", None, (None, False))
    if value.kind is TIME:
        return Parts("time", None, (value.data.half,))
    if value.kind is LIST:
        return Parts("list", None, (value.data.brackets, any(value.data.names)) if any(value.data.names) else ())
    return Parts("matrix", None, ("rows",)) if value.kind is MATRIX else None


def _of_quantity(quantity: Any) -> Parts:
    number, unit = quantity.number, quantity.unit
    if number is None:
        return Parts("amount", None, (unit, False))
    sizes = {Fraction(1), Fraction(1, 100) if number.percent else Fraction(1), unit.factor if unit else Fraction(1)}
    return Parts("amount", frozenset(number.value * size for size in sizes), (unit, number.percent))
