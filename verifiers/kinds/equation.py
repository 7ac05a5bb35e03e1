"""Equations: an assignment is worth its value (`x = 5` is `5`), any other equation is compared up to scaling.

`z = 1 + 1 = 2` is `2`;  `2x+4y-3=0` is `y=-x/2+3/4`;  `a+3z=0` is not `0`
"""

import re
from collections.abc import Callable
from itertools import product
from typing import NamedTuple

from ovt.verifiers.algebra.exact import CONSTANT, TooLarge, exact_value
from ovt.verifiers.algebra.notation import (
    Relation,
    Unreadable,
    flip,
    has_words,
    is_name,
    math_source,
    members,
    read_relation,
)
from ovt.verifiers.algebra.syntax import parse
from ovt.verifiers.kinds.expression import compare_sources, finding_of, looks_symbolic, ratio_of_sources
from ovt.verifiers.kinds.interval import Pieces, check_intervals, read_intervals
from ovt.verifiers.verdict import Finding

_LETTER = re.compile(r"[A-Za-z]")
_WORD = re.compile(r"[A-Za-z]{2,}")


class Equation(NamedTuple):
    """name: what is assigned to, "" for an equation proper. left, right: its two sides (the value is on the right)."""

    name: str
    left: str
    right: str

    def __str__(self) -> str:
        return f"{self.left} = {self.right}"


Compare = Callable[[str, str], Finding]


def read_equation(text: str) -> Equation | None:
    """The equation that a text is: an assignment, a calculation that ends in its result, or an equation proper."""
    relation = read_relation(math_source(text))
    if relation is None or set(relation.signs) - {"=", "≈"}:
        return None
    if len(members(math_source(text), bare=True)) > 1:
        return None
    sides = _before_approximation(relation.members, relation.signs)
    first, last = sides[0], sides[-1]
    if len(sides) == 1:
        return Equation("=", first, first)
    if any(_mentions(side, first) for side in sides[1:-1]):
        # `y = 2x - 1y = 2x + 1` is two equations, and no chain.
        return None
    if is_name(first):
        return Equation(first, first, last)
    if len(sides) == 2 and is_name(last) and not re.match(r"[a-zA-Z]{3,}", last):
        return Equation(last, last, first)
    if has_words(first):
        return None
    if len(sides) > 2 or (_is_constant(first) and _is_constant(last)):
        return Equation("=", first, last)
    return Equation("", first, last) if looks_symbolic(first) and looks_symbolic(last) else None


def _before_approximation(sides: tuple[str, ...], signs: tuple[str, ...]) -> tuple[str, ...]:
    """`x = 1/3 ≈ 0.333` says 1/3; `x ≈ 11` says 11."""
    while len(sides) > 2 and signs[-1] == "≈":
        sides, signs = sides[:-1], signs[:-1]
    if len(sides) == 2 and signs[0] == "≈" and not is_name(sides[0]):
        return sides[:1]
    return sides


def _mentions(source: str, name: str) -> bool:
    """Whether a side of a chain speaks of the variable that the chain is about."""
    return bool(_LETTER.fullmatch(name)) and bool(re.search(rf"(?<![A-Za-z\\]){name}(?![A-Za-z])", source))


def _is_constant(source: str) -> bool:
    try:
        return exact_value(parse(source)).level == CONSTANT
    except (Unreadable, TooLarge, ZeroDivisionError, RecursionError):
        return False


def value_of(text: str) -> str | None:
    """The value of an assignment or a calculation, as source; None for anything else."""
    equation = read_equation(text)
    return equation.right if equation and equation.name else None


def check_equation(prediction: str, gold: Equation, compare: Compare) -> Finding | None:
    """Compare an answer with an equation; `compare(text, text)` compares values."""
    found = read_equation(prediction)
    if found is None:
        return compare(math_source(prediction), gold.right) if gold.name else _not_an_equation(prediction, gold)
    if gold.name and found.name:
        finding = compare(found.right, gold.right)
        if finding.outcome == "correct" and not _names_agree(found, gold):
            return Finding("wrong", "other_name", str(found), str(gold))
        if finding.outcome == "correct":
            return finding
    return _compare_sides(found, gold)


def _not_an_equation(prediction: str, gold: Equation) -> Finding:
    return Finding("wrong", "not_an_equation", math_source(prediction), str(gold))


def _names_agree(found: Equation, gold: Equation) -> bool:
    """`x = 5` is not `y = 5`; but names of functions and phrases are free: `y = 2x` is `f(x) = 2x`."""
    plain = re.compile(r"[A-Za-z](?:_\{?\w+\}?)?$")
    if _is_glued(found.left, gold.left):
        return False
    if not (plain.match(found.left) and plain.match(gold.left)):
        return True
    return re.sub("[{}]", "", found.left) == re.sub("[{}]", "", gold.left) or not _is_constant(gold.right)


def _is_glued(name: str, letter: str) -> bool:
    """Whether a name is a letter with something before it that makes it another: `unx`; `area` may be `a`."""
    if not (_LETTER.fullmatch(letter) and _WORD.fullmatch(name)):
        return False
    return name.endswith(letter) and name[0].lower() != letter.lower()


def _compare_sides(found: Equation, gold: Equation) -> Finding:
    """Whether one equation is a multiple of the other."""
    if "=" in (found.name, gold.name):
        return Finding("wrong", "different", str(found), str(gold))
    if all(_same(found[side], gold[side]) for side in (1, 2)) or all(
        _same(found[side], gold[3 - side]) for side in (1, 2)
    ):
        return Finding("correct", "equal", str(found), str(gold))
    if gold.name and found.name and _is_constant(gold.right):
        return Finding("wrong", "different", str(found), str(gold))
    word = ratio_of_sources(_difference(found), _difference(gold))
    if word in ("positive", "negative"):
        word = "equal"
    elif word == "none":
        word = "different"
    return finding_of(word, str(found), str(gold))


def _same(left: str, right: str) -> bool:
    return compare_sources(left, right) == "equal"


def _difference(equation: Equation) -> str:
    return f"({equation.left})-({equation.right})"


def read_inequality(text: str) -> Relation | None:
    """The chain of inequalities that a gold is."""
    relation = read_relation(math_source(text))
    if relation is None or not set(relation.signs) & set("<>≤≥≠") or not set(relation.signs) <= set("<>≤≥≠="):
        return None
    try:
        for member in relation.members:
            if "∞" not in member:
                parse(member)
    except Unreadable:
        return None
    return relation


def check_inequality(prediction: str, gold: Relation) -> Finding | None:
    """Compare with an inequality or an interval; None where the prediction is neither."""
    shown = str(gold)
    pieces: Pieces | None = read_intervals(shown)
    found = read_inequality(prediction)
    finding = check_intervals(prediction, pieces) if pieces else None
    named = found or read_relation(math_source(prediction))
    if finding and named and _variables_differ(named, gold):
        return Finding("wrong", "other_name", str(named), shown)
    if finding:
        return finding
    if found is None:
        return None
    if len(found.members) != len(gold.members):
        return Finding("wrong", "different", str(found), shown)
    if len(found.members) == 2:
        return _compare_pair(found, gold)
    return _compare_chains(found, gold)


def _variables_differ(found: Relation, gold: Relation) -> bool:
    """Whether both bound one letter, and not the same one: `x > 5` and `y > 5`; or one has something glued to it."""
    if any(_is_glued(*names) for names in product(found.members, gold.members)):
        return True
    letters = [[member for member in relation.members if _LETTER.fullmatch(member)] for relation in (found, gold)]
    return len(letters[0]) == len(letters[1]) == 1 and letters[0] != letters[1]


def _compare_chains(found: Relation, gold: Relation) -> Finding:
    """A chain equals itself, read from either end."""
    for candidate in (found, flip(found)):
        if candidate.signs != gold.signs:
            continue
        pairs = zip(candidate.members, gold.members, strict=True)
        if all(compare_sources(left, right) == "equal" for left, right in pairs):
            return Finding("correct", "equal", str(found), str(gold))
    return Finding("wrong", "different", str(found), str(gold))


def _compare_pair(found: Relation, gold: Relation) -> Finding:
    """Whether `left - right` of one is a multiple of the other's: positive, or negative and the sign turned."""
    word = ratio_of_sources(*(f"({relation.members[0]})-({relation.members[1]})" for relation in (found, gold)))
    if word in ("positive", "negative"):
        sign = found.signs[0] if word == "positive" else flip(found).signs[0]
        word = "equal" if sign == gold.signs[0] else "different"
    elif word == "none":
        word = "different"
    return finding_of(word, str(found), str(gold))
