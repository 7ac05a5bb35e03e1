"""Equations: an assignment is worth its value (`x = 5` is `5`), any other equation is compared up to scaling.

`z = 1 + 1 = 2` is `2`;  `2x+4y-3=0` is `y=-x/2+3/4`;  `a+3z=0` is not `0`
"""

import re
from collections.abc import Callable
from itertools import product
from typing import NamedTuple

from ovt.verifiers.algebra.exact import CONSTANT, TooLarge, exact_value
from ovt.verifiers.algebra.notation import Unreadable, has_words, math_source
from ovt.verifiers.algebra.structure import Relation, apart, flip, is_name, members, read_relation
from ovt.verifiers.algebra.syntax import parse
from ovt.verifiers.kinds.expression import compare_sources, finding_of, looks_symbolic, ratio_of_sources
from ovt.verifiers.kinds.interval import compare_intervals, read_intervals
from ovt.verifiers.kinds.number import read_number
from ovt.verifiers.kinds.quantity import approximates, read_measure
from ovt.verifiers.verdict import Finding

_LETTERS = re.compile(r"(?<![A-Za-z\\])[A-Za-z](?![A-Za-z])")
_NO_BRACES = dict.fromkeys(map(ord, "{}"))


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
    source = math_source(apart(text))
    relation = read_relation(source)
    if relation is None or set(relation.signs) - {"=", "≈"} or len(members(source, bare=True)) > 1:
        return None
    sides = _before_approximation(relation.members, relation.signs)
    if sides is None:
        return None
    first, last = sides[0], sides[-1]
    if len(sides) == 1:
        return Equation("=", first, first)
    if any(_mentions(side, first) for side in sides[1:-1]):
        # `y = 2x - 1y = 2x + 1` is two equations, not a chain.
        return None
    if is_name(first):
        return Equation(first, first, last)
    if len(sides) == 2 and is_name(last) and not (last[:3].isalpha() and len(last) > 2):
        return Equation(last, last, first)
    if has_words(first):
        return None
    if len(sides) > 2 or (_is_amount(first) and _is_amount(last)):
        return Equation("=", first, last)
    return Equation("", first, last) if looks_symbolic(first) and looks_symbolic(last) else None


def _before_approximation(sides: tuple[str, ...], signs: tuple[str, ...]) -> tuple[str, ...] | None:
    """`x = 1/3 ≈ 0.333` says 1/3; `x ≈ 11` says 11; None where the approximation is of something else."""
    while signs[-1] == "≈" and (len(sides) > 2 or not is_name(sides[0])):
        if not is_name(sides[0]) and not approximates(sides[-1], sides[-2]):
            return None
        sides, signs = sides[:-1], signs[:-1]
        if not signs:
            break
    return sides


def _is_letter(source: str) -> bool:
    return len(source) == 1 and source.isascii() and source.isalpha()


def _mentions(source: str, name: str) -> bool:
    """Whether a side of a chain speaks of the variable that the chain is about."""
    return _is_letter(name) and name in _LETTERS.findall(source)


def _is_amount(source: str) -> bool:
    quantity = read_measure(source)
    if read_number(source):
        return True
    return _is_constant(quantity.source if quantity else source)


def _is_constant(source: str) -> bool:
    try:
        return exact_value(parse(source)).level == CONSTANT
    except (Unreadable, TooLarge, ZeroDivisionError, RecursionError):
        return False


def compare_equations(left: Equation, right: Equation, compare: Compare) -> Finding:
    """Two assignments by their values, other equations up to scaling; `compare(text, text)` compares values."""
    if left.name and right.name:
        finding = compare(left.right, right.right)
        if finding.outcome == "correct" and not _names_agree(left, right):
            return Finding("wrong", "other_name", str(left), str(right))
        if finding.outcome == "correct":
            return finding
    return _compare_sides(left, right)


def _names_agree(found: Equation, gold: Equation) -> bool:
    """`x = 5` is not `y = 5`; but names of functions and phrases are free: `y = 2x` is `f(x) = 2x`."""
    if _is_glued(found.left, gold.left):
        return False
    if not all(_is_letter(name.partition("_")[0]) for name in (found.left, gold.left)):
        return True
    return found.left.translate(_NO_BRACES) == gold.left.translate(_NO_BRACES) or not _is_constant(gold.right)


def _is_glued(name: str, letter: str) -> bool:
    """Whether a name is a letter with something before it that makes it another: `unx`; `area` may be `a`."""
    if not (_is_letter(letter) and name.isascii() and name.isalpha() and len(name) > 1):
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
    """The chain of inequalities that a text is."""
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


def compare_inequalities(left: Relation, right: Relation) -> Finding:
    """Two chains of inequalities; as intervals where they can be read as such."""
    shown = str(left), str(right)
    pieces = [read_intervals(text) for text in shown]
    if pieces[0] and pieces[1]:
        if _variables_differ(left, right):
            return Finding("wrong", "other_name", *shown)
        return compare_intervals(pieces[0], pieces[1])
    if len(left.members) != len(right.members):
        return Finding("wrong", "different", *shown)
    return _compare_pair(left, right) if len(left.members) == 2 else _compare_chains(left, right)


def _variables_differ(found: Relation, gold: Relation) -> bool:
    """Whether both bound one letter, and not the same one: `x > 5` and `y > 5`; or one has something glued to it."""
    if any(_is_glued(*names) for names in product(found.members, gold.members)):
        return True
    letters = [[member for member in relation.members if _is_letter(member)] for relation in (found, gold)]
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
