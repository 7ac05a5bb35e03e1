"""The jobs of the worker processes: numeric comparison to many digits, and math-verify for what we cannot read."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from ovt.verifiers.notation import Unreadable
from ovt.verifiers.numeric import compare_numerically, evaluate, proportional
from ovt.verifiers.syntax import parse


def compare(left: str, right: str, decimal_places: int | None = None) -> str:
    """Whether two expressions (`math_source` text) are equal: "equal", "different" or "unknown".

    decimal_places: the left is a decimal that was written to so many places.
    """
    try:
        equal = compare_numerically(parse(left), parse(right), decimal_places)
    except Unreadable:
        return "unknown"
    return _word(equal)


def _word(equal: bool | None) -> str:
    return "unknown" if equal is None else "equal" if equal else "different"


def ratio(left: str, right: str) -> str:
    """How `left` is a constant multiple of `right`: "positive", "negative", "none" or "unknown"."""
    try:
        factor = proportional(parse(left), parse(right))
    except Unreadable:
        return "unknown"
    if factor is None:
        return "unknown"
    return "none" if factor == 0 else "positive" if factor > 0 else "negative"


def order(left: str, right: str) -> str:
    """ "less", "equal", "greater" or "unknown" for two constant expressions."""
    try:
        difference = evaluate(parse(f"({left})-({right})"), 0)
    except (Unreadable, ArithmeticError, ValueError, TypeError):
        return "unknown"
    if getattr(difference, "imag", 0):
        return "unknown"
    return "equal" if abs(difference) < 1e-50 else "less" if difference < 0 else "greater"


def ask_math_verify(left: str, right: str) -> str:
    """What math-verify says of two LaTeX expressions that our reader does not know (integrals, limits, …)."""
    import logging

    logging.disable(logging.CRITICAL)
    # Typed loosely: "no time limit of its own" is a None that its annotations do not know.
    math_verify: Any = import_module("math_verify")
    latex_only = [math_verify.LatexExtractionConfig()]
    trees = [math_verify.parse(f"${source}$", latex_only, parsing_timeout=None) for source in (left, right)]
    # The second entry is the text it fell back to; without a first there was nothing it could read.
    if any(len(tree) < 2 for tree in trees):
        return "unknown"
    return _word(math_verify.verify(trees[1], trees[0], timeout_seconds=None))


JOBS: dict[str, Callable[..., str]] = {
    "compare": compare,
    "ratio": ratio,
    "order": order,
    "math_verify": ask_math_verify,
}
