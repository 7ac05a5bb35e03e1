"""Whether two values are equal: one rule for each pair of kinds, the same in both directions.

What is optional on one side is documented here: the unit of a quantity and a percent sign (`quantity.py`), the name of
an assignment (`x = 5` is `5`), a.m. or p.m., a leading article, the label of a gold (`(D) Alina` is `Alina`), the
space after a comma (`3,5` is 3.5, and the list `3, 5` in that order), the brackets of a matrix with one row or column.
Everything else must be on both sides.
"""

import re
from collections.abc import Callable
from itertools import product
from typing import Any

from ovt.verifiers import guard
from ovt.verifiers.dressing import plain, undress
from ovt.verifiers.kinds.collection import compare_collections, compare_with_one
from ovt.verifiers.kinds.dates import compare_dates, compare_range_with_ratio, compare_ranges
from ovt.verifiers.kinds.equation import compare_equations, compare_inequalities
from ovt.verifiers.kinds.expression import compare_ratios
from ovt.verifiers.kinds.interval import Pieces, compare_intervals, read_union
from ovt.verifiers.kinds.letter import lone_letter
from ovt.verifiers.kinds.matrix import as_matrix, compare_matrices
from ovt.verifiers.kinds.quantity import Quantity, compare_quantities
from ovt.verifiers.kinds.text import normalize_text
from ovt.verifiers.kinds.times import compare_times
from ovt.verifiers.values import (
    CHOICE,
    DATE,
    EQUATION,
    EXPRESSION,
    INEQUALITY,
    INTERVAL,
    LIST,
    MATRIX,
    NUMBER,
    QUANTITY,
    RANGE,
    RATIO,
    TABLE,
    TEXT,
    TIME,
    YES_NO,
    Value,
    read_value,
)
from ovt.verifiers.verdict import Finding, Kind, equal_or_not

_CHEMICAL = re.compile(r"(?=.*\d)(?:[A-Z][a-z]?\d*+){2,}")
_NO_SCRIPTS = dict.fromkeys(map(ord, "_{} "))
Rule = Callable[[Value, Value], Finding]


def compare(answer: Value, gold: Value, kind: str = "auto") -> Finding:
    """Compare two values; `kind` is how their parts are read."""
    if (answer.kind, gold.kind) in _STRANGERS:
        return Finding("wrong", "unparseable", undress(answer.text), undress(gold.text))
    bare = undress(answer.text)
    if bare == undress(gold.text) and (bare or answer.text.strip() == gold.text.strip()) and answer.kind is gold.kind:
        return Finding("correct", "identical", bare, bare)
    if reason := guard.refuse(bare):
        return Finding("wrong", reason, bare, gold.text)
    for value, other in ((answer, gold), (gold, answer)):
        if value.kind is EQUATION and value.data.name and other.kind not in (EQUATION, TEXT):
            inner = read_value(value.data.right, kind)
            return compare(inner, other, kind) if value is answer else compare(other, inner, kind)
    if TEXT in (answer.kind, gold.kind):
        return _compare_with_text(answer, gold, kind)
    if answer.kind is gold.kind:
        return _SAME.get(answer.kind, _by_itself)(answer, gold)
    rule = _PAIRS.get((answer.kind, gold.kind))
    if rule:
        return rule(answer, gold)
    turned = _PAIRS.get((gold.kind, answer.kind))
    if turned:
        finding = turned(gold, answer)
        return finding._replace(prediction=finding.gold, gold=finding.prediction)
    if gold.kind is CHOICE and gold.data.text:
        return compare(answer, read_value(gold.data.text), kind)
    return Finding("wrong", "unparseable", bare, undress(gold.text))


def compare_texts(left: str, right: str) -> Finding:
    """Compare two texts by their values: how members, entries and options are compared."""
    return compare(read_value(left), read_value(right))


def _by_itself(answer: Value, gold: Value) -> Finding:
    return gold.kind.judge(answer.data, gold.data)


def _plain(rule: Callable[[Any, Any], Finding]) -> Rule:
    return lambda answer, gold: rule(answer.data, gold.data)


def _with_parts(rule: Callable[[Any, Any, Callable[[str, str], Finding]], Finding]) -> Rule:
    return lambda answer, gold: rule(answer.data, gold.data, compare_texts)


def _compare_letters(answer: Value, gold: Value) -> Finding:
    left, right = answer.data, gold.data
    if left.letter != right.letter:
        return Finding("wrong", "other_choice", left.letter, right.letter)
    return Finding("correct", "same_choice", left.letter, right.letter)


def _compare_with_text(answer: Value, gold: Value, kind: str) -> Finding:
    """At least one is free text: the words decide, whatever the other is."""
    if gold.kind is CHOICE and gold.data.text:
        gold = Value(TEXT, gold.data.text, gold.data.text)
    left, right = normalize_text(answer.text), normalize_text(gold.text)
    if not left:
        return Finding("wrong", "no_answer", left, right)
    if left != right and LIST in (answer.kind, gold.kind):
        letters, text = (answer, gold) if answer.kind is LIST else (gold, answer)
        return equal_or_not(not letters.data.alternatives and _is_run(letters.data.members, text.text), left, right)
    if left == right and EXPRESSION in (answer.kind, gold.kind):
        equal = "_" not in answer.text + gold.text or bool(
            _CHEMICAL.fullmatch(plain(answer.text).translate(_NO_SCRIPTS))
        )
        return equal_or_not(equal, left, right)
    reason = "" if answer.kind is gold.kind or left == right else "unparseable" if gold.kind is not TEXT else ""
    return equal_or_not(left == right, left, right, reason)


def _is_run(members: tuple[str, ...], text: str) -> bool:
    """`AC` where the other is a list of letters."""
    run = plain(text)
    return (
        run.isascii() and run.isalpha() and run.isupper() and sorted(run) == sorted(map(lone_letter, members), key=str)
    )


def _quantity(value: Value) -> Quantity:
    """A number, a quantity, an expression or a ratio of two as a quantity."""
    if value.kind is EXPRESSION:
        return Quantity(value.data, None, None)
    if value.kind is RATIO:
        return Quantity(f"({value.data[0]})/({value.data[1]})", None, None)
    return value.data


def _compare_amounts(answer: Value, gold: Value) -> Finding:
    for value in (answer, gold):
        if value.kind is RATIO and len(value.data) != 2:
            return Finding("wrong", "different_length", answer.text, gold.text)
    return compare_quantities(_quantity(answer), _quantity(gold))


def _compare_list_with_one(collection: Value, one: Value) -> Finding:
    comma = one.kind is NUMBER and one.data.number.decimal_comma and not collection.data.brackets
    if comma and ",".join(collection.data.members) == undress(one.text):
        return Finding("correct", "equal", collection.text, one.text)
    return compare_with_one(collection.data, one.text, compare_texts)


def _compare_list_with_matrix(collection: Value, matrix: Value) -> Finding:
    rows = as_matrix(collection.data, matrix.data)
    if rows is None:
        return Finding("wrong", "unparseable", collection.text, str(matrix.data))
    return compare_matrices(rows, matrix.data, compare_texts)


def _pieces(value: Value) -> Pieces | None:
    return value.data if value.kind is INTERVAL else read_union(value.text)


def _compare_as_intervals(answer: Value, gold: Value) -> Finding:
    left, right = _pieces(answer), _pieces(gold)
    if left is None or right is None:
        return Finding("wrong", "different", answer.text, gold.text)
    return compare_intervals(left, right)


_SAME: dict[Kind, Rule] = {
    CHOICE: _compare_letters,
    NUMBER: _compare_amounts,
    QUANTITY: _compare_amounts,
    EXPRESSION: _compare_amounts,
    RATIO: _plain(compare_ratios),
    TIME: _plain(compare_times),
    DATE: _plain(compare_dates),
    RANGE: _plain(compare_ranges),
    MATRIX: _with_parts(compare_matrices),
    INTERVAL: _compare_as_intervals,
    EQUATION: _with_parts(compare_equations),
    LIST: _with_parts(compare_collections),
    INEQUALITY: _plain(compare_inequalities),
}
_AMOUNTS = (NUMBER, QUANTITY, EXPRESSION, RATIO)
_PAIRS: dict[tuple[Kind, Kind], Rule] = {
    **{(left, right): _compare_amounts for left in _AMOUNTS for right in _AMOUNTS if left is not right},
    **{(LIST, one): _compare_list_with_one for one in (*_AMOUNTS, CHOICE, YES_NO, TIME, DATE, RANGE, EQUATION)},
    (LIST, MATRIX): _compare_list_with_matrix,
    (LIST, INTERVAL): _compare_as_intervals,
    (LIST, INEQUALITY): _compare_as_intervals,
    (INTERVAL, INEQUALITY): _compare_as_intervals,
    (RANGE, RATIO): lambda span, ratio: compare_range_with_ratio(span.data, ratio.data),
}
_STRANGERS = frozenset(
    pair
    for pair in product(set(TABLE) - {TEXT, EQUATION, CHOICE}, repeat=2)
    if pair[0] is not pair[1] and pair not in _PAIRS and pair[::-1] not in _PAIRS
)
"""Pairs of kinds that no rule compares."""
