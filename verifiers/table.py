"""The kinds of answers, one row each; how a gold's kind is found, and how answers are compared with it.

A gold of unknown kind is tried in table order, and is text if no other kind can read it. Plugins' kinds
(`ovt.core.registry.KINDS`) are used only when named: `kind="roman"` reads every gold as one, and
`kind="auto+roman"` tries it after the whole table except text. Installing one changes no verdict that does not name it.
"""

import contextlib
import re
import sys
from functools import lru_cache
from importlib import import_module
from operator import attrgetter
from typing import Any, NamedTuple

from ovt.core.registry import KINDS
from ovt.verifiers import guard
from ovt.verifiers.dressing import plain, undress
from ovt.verifiers.extract import untagged_answer
from ovt.verifiers.kinds.choice import check_letter, read_letter
from ovt.verifiers.kinds.collection import check_collection, check_matrix, read_collection_gold, read_matrix
from ovt.verifiers.kinds.dates import check_date, check_range, check_time, read_date, read_range_gold, read_time
from ovt.verifiers.kinds.equation import check_equation, check_inequality, read_equation, read_inequality, value_of
from ovt.verifiers.kinds.expression import check_expression, check_ratio, read_expression, read_ratio_gold
from ovt.verifiers.kinds.interval import check_intervals, read_interval_gold
from ovt.verifiers.kinds.quantity import Quantity, check_quantity, read_number_gold, read_quantity, read_quantity_gold
from ovt.verifiers.kinds.text import check_text, check_yes_no, read_yes_no
from ovt.verifiers.sentence import settle_choice, settle_math, settle_number, settle_time, settle_yes_no
from ovt.verifiers.verdict import Finding, Kind

_CHEMICAL = re.compile(r"(?=.*\d)(?:[A-Z][a-z]?\d*+){2,}")


class Gold(NamedTuple):
    """A gold as its kind reads it."""

    kind: Kind
    text: str
    value: Any

    @property
    def name(self) -> str:
        """The kind's name in verdicts; collections go by their brackets."""
        if self.kind is LIST:
            return {"": "list", "()": "tuple", "[]": "tuple"}.get(self.value.brackets, "set")
        return self.kind.name


def compare_texts(prediction: str, gold: str) -> Finding:
    """Compare two texts, the second taken as the gold: how members, entries and options are compared."""
    return check_gold(prediction, read_gold(gold))


def _check_expression(prediction: str, gold: str) -> Finding | None:
    """As an expression; if the prediction has a unit, without it."""
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


CHOICE = Kind("choice", read_letter, check_letter, settle=settle_choice)
YES_NO = Kind("yes_no", read_yes_no, check_yes_no, settle=settle_yes_no)
NUMBER = Kind(
    "number",
    read_number_gold,
    check_quantity,
    respell=_ratio_as_quotient,
    settle=settle_number,
    family="value",
    has_digits=True,
)
TIME = Kind("time", read_time, check_time, settle=settle_time, family="time", has_digits=True)
DATE = Kind("date", read_date, check_date, has_digits=True)
RANGE = Kind("range", read_range_gold, check_range, has_digits=True)
RATIO = Kind("ratio", read_ratio_gold, check_ratio, settle=settle_math, family="value", has_digits=True)
QUANTITY = Kind("quantity", read_quantity_gold, check_quantity, settle=settle_number, family="value", has_digits=True)
MATRIX = Kind(
    "matrix",
    read_matrix,
    lambda prediction, gold: check_matrix(prediction, gold, compare_texts),
    settle=settle_math,
)
INTERVAL = Kind("interval", read_interval_gold, check_intervals, settle=settle_math)
EQUATION = Kind(
    "equation",
    read_equation,
    lambda prediction, gold: check_equation(prediction, gold, compare_texts),
    settle=settle_math,
    takes_value=False,
)
LIST = SET = TUPLE = Kind("list", read_collection_gold, _check_list, settle=settle_math)
INEQUALITY = Kind("inequality", read_inequality, check_inequality, settle=settle_math)
EXPRESSION = Kind(
    "expression",
    read_expression,
    _check_expression,
    respell=_ratio_as_quotient,
    settle=settle_math,
    family="value",
)
TEXT = Kind("text", str, check_text, takes_value=False)

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


def _tried(kind: str) -> tuple[Kind, ...]:
    first, *others = kind.split("+")
    return (*TABLE[:-1], *map(find, others), TEXT) if first == "auto" else (find(kind),)


@lru_cache(maxsize=8192)
def read_gold(gold: str, kind: str = "auto") -> Gold:
    """The gold as read by the first kind that can; as text if none can."""
    if "\\boxed" in gold:
        gold = untagged_answer(gold)[0] or gold
    for row in _tried(kind):
        value = None if guard.refuse(gold) else row.read(gold)
        if value is not None:
            return Gold(row, gold, value)
    return Gold(TEXT, gold, gold)


def check_gold(prediction: str, gold: Gold) -> Finding:
    """Compare a bare answer with a parsed gold."""
    if not prediction.strip():
        return Finding("wrong", "no_answer", "", gold.text)
    bare = undress(prediction)
    if bare == undress(gold.text) and (bare or prediction.strip() == gold.text.strip()):
        return Finding("correct", "identical", bare, bare)
    if reason := guard.refuse(bare):
        return Finding("wrong", reason, bare, gold.text)
    finding = gold.kind.check(gold.kind.respell(prediction), gold.value)
    if finding is None and gold.kind.takes_value:
        # `x = 5`, `6 * 7 = 42`: what an equation says is its value.
        value = value_of(prediction)
        finding = gold.kind.check(value, gold.value) if value and value != prediction else None
    return finding or Finding("wrong", "unparseable", bare, undress(gold.text))
