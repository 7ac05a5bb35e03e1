"""Which kind a gold is, and the check that goes with it. Kinds are tried in the order of `_READERS`."""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

from ovt.verifiers.dressing import plain, undress
from ovt.verifiers.extract import untagged_answer
from ovt.verifiers.guard import refuse
from ovt.verifiers.kinds.choice import check_letter, read_letter
from ovt.verifiers.kinds.collection import check_collection, read_collection_gold
from ovt.verifiers.kinds.dash_range import check_range, read_range_gold
from ovt.verifiers.kinds.dates import check_date, read_date
from ovt.verifiers.kinds.equation import check_equation, read_equation, value_of
from ovt.verifiers.kinds.expression import check_expression, read_expression
from ovt.verifiers.kinds.inequality import check_inequality, read_inequality
from ovt.verifiers.kinds.interval import check_intervals, read_interval_gold
from ovt.verifiers.kinds.matrix import check_matrix, read_matrix
from ovt.verifiers.kinds.quantity import (
    Quantity,
    check_quantity,
    read_number_gold,
    read_quantity,
    read_quantity_gold,
)
from ovt.verifiers.kinds.ratio import check_ratio, read_ratio_gold
from ovt.verifiers.kinds.text import check_text
from ovt.verifiers.kinds.time import check_time, read_time
from ovt.verifiers.kinds.yes_no import check_yes_no, read_yes_no
from ovt.verifiers.verdict import Finding


class Gold(NamedTuple):
    """A gold as its kind reads it; `parsed` is what that kind's check wants."""

    kind: str
    text: str
    parsed: Any


_CHEMICAL = re.compile(r"(?=.*\d)(?:[A-Z][a-z]?\d*+){2,}")


def _check_expression(prediction: str, gold: str) -> Finding | None:
    """As an expression; or, where the prediction has a unit, without it."""
    finding = check_expression(prediction, gold)
    if finding and finding.outcome == "correct":
        return finding
    if _CHEMICAL.fullmatch(formula := re.sub(r"[_{}]", "", gold)) and formula == re.sub(
        r"[_{}\s]", "", plain(prediction)
    ):
        return Finding("correct", "equal", formula, formula)
    quantity = read_quantity(prediction)
    return check_quantity(prediction, Quantity(gold, None, None)) if quantity and quantity.unit else finding


def _check_list(prediction: str, gold: Any) -> Finding | None:
    """As a collection; a row or a column of a matrix is a tuple."""
    matrix = read_matrix(prediction) if "\\begin" in prediction and gold.brackets == "()" else None
    vector = matrix and (matrix.rows[0] if len(matrix.rows) == 1 else [row[0] for row in matrix.rows])
    if matrix and vector and sum(map(len, matrix.rows)) == len(vector):
        prediction = f"({', '.join(vector)})"
    return check_collection(prediction, gold, compare_texts)


def _ratio_as_quotient(prediction: str) -> str:
    """`3 : 4` as `(3)/(4)`, for golds that are one number; a time of day is left alone."""
    terms = read_ratio_gold(prediction) if ":" in prediction and not read_time(prediction) else None
    return f"({terms[0]})/({terms[1]})" if terms and len(terms) == 2 else prediction


def _as_text(text: str) -> str:
    return text


_READERS: dict[str, tuple[Callable[[str], Any], Callable[[str, Any], Finding | None]]] = {
    "choice": (read_letter, check_letter),
    "yes_no": (read_yes_no, check_yes_no),
    "number": (read_number_gold, check_quantity),
    "time": (read_time, check_time),
    "date": (read_date, check_date),
    "range": (read_range_gold, check_range),
    "ratio": (read_ratio_gold, check_ratio),
    "quantity": (read_quantity_gold, check_quantity),
    "matrix": (read_matrix, lambda prediction, gold: check_matrix(prediction, gold, compare_texts)),
    "interval": (read_interval_gold, check_intervals),
    "equation": (read_equation, lambda prediction, gold: check_equation(prediction, gold, compare_texts)),
    "list": (read_collection_gold, _check_list),
    "inequality": (read_inequality, check_inequality),
    "expression": (read_expression, _check_expression),
    "text": (_as_text, check_text),
}


@lru_cache(maxsize=8192)
def read_gold(gold: str, kind: str = "auto") -> Gold:
    """The gold's kind and what that kind reads in it; free text where no other kind can read it."""
    if "\\boxed" in gold:
        gold = untagged_answer(gold)[0] or gold
    wanted = {"set": "list", "tuple": "list"}.get(kind, kind)
    for name in _READERS if kind == "auto" else (wanted,):
        parsed = None if refuse(gold) else _READERS[name][0](gold)
        if parsed is not None:
            return Gold(_name_of(name, parsed), gold, parsed)
    return Gold("text", gold, gold)


def _name_of(kind: str, parsed: Any) -> str:
    if kind == "list":
        return {"": "list", "()": "tuple", "[]": "tuple"}.get(parsed.brackets, "set")
    return kind


def compare_texts(prediction: str, gold: str) -> Finding:
    """Compare two texts, the second taken for the gold: how members, entries and options are compared."""
    return check_gold(prediction, read_gold(gold, "auto"))


def check_gold(prediction: str, gold: Gold) -> Finding:
    """Compare a bare answer with a gold that was read."""
    if not prediction.strip():
        return Finding("wrong", "no_answer", "", gold.text)
    bare = undress(prediction)
    if bare == undress(gold.text) and (bare or prediction.strip() == gold.text.strip()):
        return Finding("correct", "identical", bare, bare)
    if refuse(bare):
        return Finding("wrong", refuse(bare) or "", bare, gold.text)
    check = _READERS[{"set": "list", "tuple": "list"}.get(gold.kind, gold.kind)][1]
    if gold.kind in ("number", "expression"):
        prediction = _ratio_as_quotient(prediction)
    finding = check(prediction, gold.parsed)
    if finding is None and gold.kind not in ("text", "equation"):
        # `x = 5`, `6 * 7 = 42`: what an equation says is its value.
        value = value_of(prediction)
        finding = check(value, gold.parsed) if value and value != prediction else None
    return finding or Finding("wrong", "unparseable", bare, undress(gold.text))
