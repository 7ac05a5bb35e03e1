r"""Intervals and their unions, written with brackets or with inequalities. Open and closed ends matter.

`0 \le x < 1` is `[0,1)`;  `[1,2] \cup [2,3]` is `[1,3]`;  `x \ne 3` is `(-∞,3) ∪ (3,∞)`;  `ℝ` is `(-∞,∞)`
"""

import re
from functools import cmp_to_key
from itertools import pairwise
from typing import NamedTuple

from ovt.verifiers.algebra.exact import CONSTANT, VARIABLE, TooLarge, exact_value
from ovt.verifiers.algebra.notation import Unreadable, math_source
from ovt.verifiers.algebra.structure import (
    COMMA,
    Relation,
    enclosing,
    flip,
    inside,
    is_name,
    members,
    read_relation,
    split_top,
)
from ovt.verifiers.algebra.syntax import parse
from ovt.verifiers.kinds.expression import compare_sources, finding_of, order_of_constants
from ovt.verifiers.verdict import Finding

_UNION = re.compile(r"(?<!\s)\s*+(?:∪|(?:,\s*+)?(?<![A-Za-z])or(?![A-Za-z]))\s*+")
_MEMBERSHIP = re.compile(r"^(?:[A-Za-z]\w*(?:\s*\([a-z]\))?|\\[a-z]+)\s*(?:∈|=)\s*")
_SOME = ("", "all ", "the ", "set of ", "the set of ", "set of all ", "the set of all ")
_ALL_REALS = frozenset(["ℝ", "all reals", "the set of all reals", *(f"{some}real numbers" for some in _SOME)])
_WITHOUT = re.compile(
    r"^(?:ℝ|(?:x\s+∈\s+)?all\s+(?:the\s+)?reals?(?:\s+numbers)?|\(\s*+-\s*+∞\s*+,\s*+(?:\+\s*+)?∞\s*+\))\s*+"
    r"(?:(?:∖|-)\s*+(?=\\?\{)|except\s*+(?:for\s+)?(?:x\s*=\s*)?)",
    re.IGNORECASE,
)
_BUILDER = re.compile(r"^\\?\{\s*+([A-Za-z])\s*+(?:∈\s*+ℝ\s*+)?[|:]\s*+(.*?)\\?\}$")
_AND = re.compile(r"(?<!\s)\s*+(?:,\s*+)?(?<![A-Za-z])and(?![A-Za-z])\s*+")
_TURNED = re.compile(r"([\[\]])([^\[\]()∪]+[,;][^\[\]()∪]+)([\[\]])")
_MARKS = frozenset("()[]{}<>|\\∈∪")
MAX_PIECES = 20
_ORDERS = {"less": -1, "equal": 0, "greater": 1}


class Piece(NamedTuple):
    """An interval: its ends as sources (`-∞` and `∞` included) and whether each belongs to it."""

    low: str
    low_closed: bool
    high: str
    high_closed: bool

    def __str__(self) -> str:
        return f"{'[' if self.low_closed else '('}{self.low}, {self.high}{']' if self.high_closed else ')'}"


Pieces = tuple[Piece, ...]


class Unordered(Exception):
    """Two ends that cannot be ordered."""


def _source(text: str) -> str:
    """`math_source`, with open ends as parentheses: `]0, 1[` is `(0, 1)`."""
    source = math_source(text).rstrip(" .")
    if not source.endswith("[") and "]" not in source[:-1]:
        return source
    return _TURNED.sub(
        lambda found: f"{'[' if found[1] == '[' else '('}{found[2]}{']' if found[3] == ']' else ')'}", source
    )


def read_union(text: str) -> Pieces | None:
    """The union of intervals that a text may be: `(3, 4)` and `(-∞,-8), (8,∞)` too."""
    return read_intervals(text) or _comma_union(text)


def read_intervals(text: str) -> Pieces | None:
    """The union of intervals that a text is, by brackets or by inequalities in one variable."""
    source = _source(text)
    if match := _BUILDER.match(source):
        source = match[2].strip()
    if match := _MEMBERSHIP.match(source):
        source = source[match.end() :]
    if source.lower() in _ALL_REALS:
        return (Piece("-∞", False, "∞", False),)
    if match := _WITHOUT.match(source):
        return _holes(source[match.end() :])
    parts = split_top(source, _UNION)
    if len(parts) > MAX_PIECES:
        return None
    pieces: list[Piece] = []
    for part in parts:
        found = _bracketed(part) or _from_inequality(part) or _from_two_bounds(part)
        if found is None:
            return None
        pieces += found
    return tuple(pieces) or None


def read_certain_intervals(text: str) -> Pieces | None:
    """A text that can only be an interval: by its brackets, an infinite end, a union, or the real line."""
    if text.isascii() and _MARKS.isdisjoint(text) and "real" not in text.lower():
        return None
    source = _source(text)
    pieces = read_intervals(text)
    if pieces is None:
        return None
    if read_relation(source) and "∈" not in source and not _BUILDER.match(source):
        return pieces if _UNION.search(source) or _AND.search(source) else None
    if "∪" not in source and all(piece.low == piece.high for piece in pieces):
        return None
    certain = len(pieces) > 1 or any(sign in source for sign in "∞ℝ∪∈") or enclosing(source) in ("(]", "[)")
    turned = source != math_source(text).rstrip(" .")
    return pieces if certain or turned or source.lower() in _ALL_REALS or _BUILDER.match(source) else None


def _bracketed(source: str) -> list[Piece] | None:
    brackets = enclosing(source)
    if not brackets:
        return None
    ends = members(inside(source, brackets), bare=False)
    if brackets in ("\\{\\}", "{}"):
        return [Piece(end, True, end, True) for end in ends] or None
    if len(ends) != 2:
        return None
    low, high = (end.removeprefix("+").strip() for end in ends)
    return [Piece(low.replace("- ∞", "-∞"), brackets[0] == "[", high, brackets[-1] == "]")]


def _holes(source: str) -> Pieces | None:
    """The real line without the points of a set."""
    brackets = enclosing(source)
    points = (
        members(inside(source, brackets), bare=False) if brackets in ("\\{\\}", "{}") else members(source, bare=True)
    )
    if not points or len(points) > MAX_PIECES or not all(map(_is_bound, points)):
        return None
    try:
        points.sort(key=cmp_to_key(order))
    except Unordered:
        return None
    return tuple(Piece(low, False, high, False) for low, high in pairwise(["-∞", *points, "∞"]))


def _from_inequality(source: str) -> list[Piece] | None:
    relation = read_relation(source)
    if relation is None or not set(relation.signs) <= set("<>≤≥≠"):
        return None
    if len(relation.members) == 3:
        return _from_chain(relation)
    if len(relation.members) != 2:
        return None
    if _is_bound(relation.members[0]) and is_name(relation.members[1]):
        relation = flip(relation)
    (left, right), sign = relation.members, relation.signs[0]
    if not (is_name(left) and _is_bound(right)):
        return None
    if sign == "≠":
        return [Piece("-∞", False, right, False), Piece(right, False, "∞", False)]
    closed = sign in "≤≥"
    return [Piece("-∞", False, right, closed) if sign in "<≤" else Piece(right, closed, "∞", False)]


def _from_two_bounds(source: str) -> list[Piece] | None:
    """`x > 2 and x < 5`: a lower and an upper bound of one name."""
    parts = _AND.split(source)
    if len(parts) != 2:
        return None
    relations, pieces = [*map(read_relation, parts)], [*map(_from_inequality, parts)]
    if not all(found and len(found) == 1 for found in pieces):
        return None
    if len({member for relation in relations if relation for member in relation.members if is_name(member)}) != 1:
        return None
    ends = sorted((found[0] for found in pieces if found), key=lambda piece: piece.low == "-∞")
    if ends[0].high != "∞" or ends[1].low != "-∞":
        return None
    return [Piece(ends[0].low, ends[0].low_closed, ends[1].high, ends[1].high_closed)]


def _from_chain(relation: Relation) -> list[Piece] | None:
    if set(relation.signs) <= set(">≥"):
        relation = flip(relation)
    (low, name, high), signs = relation
    if not set(signs) <= set("<≤") or not is_name(name) or not (_is_bound(low) and _is_bound(high)):
        return None
    return [Piece(low, signs[0] == "≤", high, signs[1] == "≤")]


def _is_bound(source: str) -> bool:
    """Whether a source is a constant (or an infinity), something a variable can be compared with."""
    if source.replace(" ", "").lstrip("+-") == "∞":
        return True
    try:
        return exact_value(parse(source)).level != VARIABLE
    except (Unreadable, TooLarge, ZeroDivisionError, RecursionError):
        return False


def order(left: str, right: str) -> int:
    """-1, 0 or 1 if an end is less than, equal to or greater than another. Raises Unordered if it cannot tell."""
    ranks = [{"-∞": -1, "∞": 1, "+∞": 1}.get(end.replace(" ", ""), 0) for end in (left, right)]
    if ranks != [0, 0]:
        return (ranks[0] > ranks[1]) - (ranks[0] < ranks[1])
    try:
        a, b = (exact_value(parse(end)) for end in (left, right))
    except (Unreadable, TooLarge, ZeroDivisionError, RecursionError):
        raise Unordered from None
    if a.level == b.level == CONSTANT:
        return (a.number > b.number) - (a.number < b.number)
    word = order_of_constants(left, right)
    if word not in _ORDERS:
        raise Unordered
    return _ORDERS[word]


def merge(pieces: Pieces) -> Pieces:
    """The pieces in order, those that touch or overlap merged; unchanged if their ends cannot be ordered."""
    result: list[Piece] = []
    try:
        for piece in sorted(pieces, key=cmp_to_key(_order_of_starts)):
            if result and _touch(result[-1], piece):
                result[-1] = _join(result[-1], piece)
            else:
                result.append(piece)
    except Unordered:
        return pieces
    return tuple(result)


def _order_of_starts(first: Piece, second: Piece) -> int:
    return order(first.low, second.low) or second.low_closed - first.low_closed


def _touch(first: Piece, second: Piece) -> bool:
    place = order(second.low, first.high)
    return place < 0 or (place == 0 and (second.low_closed or first.high_closed))


def _join(first: Piece, second: Piece) -> Piece:
    place = order(first.high, second.high)
    if place > 0:
        return first
    closed = second.high_closed or (place == 0 and first.high_closed)
    return Piece(first.low, first.low_closed, second.high, closed)


def compare_intervals(left: Pieces, right: Pieces) -> Finding:
    """Two unions of intervals, with the pieces that touch merged."""
    shown = " ∪ ".join(map(str, left)), " ∪ ".join(map(str, right))
    left, right = merge(left), merge(right)
    if len(left) != len(right):
        return Finding("wrong", "different", *shown)
    for a, b in zip(left, right, strict=True):
        if (a.low_closed, a.high_closed) != (b.low_closed, b.high_closed):
            return Finding("wrong", "other_ends", *shown)
        for ends in ((a.low, b.low), (a.high, b.high)):
            word = _compare_ends(*ends)
            if word != "equal":
                return finding_of(word, *shown)
    return Finding("correct", "equal", *shown)


def _compare_ends(left: str, right: str) -> str:
    if "∞" in left + right:
        return "equal" if left.replace(" ", "").lstrip("+") == right.replace(" ", "").lstrip("+") else "different"
    word = compare_sources(left, right)
    return "different" if word == "unreadable" else word


def _comma_union(prediction: str) -> Pieces | None:
    """`(-∞,-8), (8,∞)` for a union."""
    parts = [part for pieces in split_top(_source(prediction), _UNION) for part in split_top(pieces, COMMA)]
    if len(parts) > MAX_PIECES:
        return None
    pieces = [_bracketed(part) for part in parts]
    return tuple(piece for found in pieces if found for piece in found) if len(pieces) > 1 and all(pieces) else None
