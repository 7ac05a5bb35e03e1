"""What exact arithmetic cannot tell: comparison to many digits, and math-verify for what our reader does not know."""

import sys
from collections.abc import Callable
from functools import lru_cache, wraps
from importlib import import_module
from typing import Any

from ovt.verifiers.algebra.numeric import compare_numerically, evaluate, proportional
from ovt.verifiers.algebra.syntax import parse
from ovt.verifiers.process import clock


def _decided(question: Callable[..., str]) -> Callable[..., str]:
    """The question with its answers kept, and "unknown" where it fails."""

    @lru_cache(maxsize=16384)
    @wraps(question)
    def decide(*args: Any) -> str:
        try:
            return question(*args)
        except Exception:  # noqa: BLE001 (whatever a library makes of hostile text: it means that nobody knows)
            return "unknown"

    return decide


@_decided
def compare(left: str, right: str, decimal_places: int | None = None) -> str:
    """Whether two expressions (`math_source` text) are equal: "equal", "different" or "unknown".

    decimal_places: the left is a decimal that was written to so many places.
    """
    return _word(compare_numerically(parse(left), parse(right), decimal_places))


def _word(equal: bool | None) -> str:
    return "unknown" if equal is None else "equal" if equal else "different"


@_decided
def ratio(left: str, right: str) -> str:
    """How `left` is a constant multiple of `right`: "positive", "negative", "none" or "unknown"."""
    factor = proportional(parse(left), parse(right))
    if factor is None:
        return "unknown"
    return "none" if factor == 0 else "positive" if factor > 0 else "negative"


@_decided
def order(left: str, right: str) -> str:
    """ "less", "equal", "greater" or "unknown" for two constant expressions."""
    difference = evaluate(parse(f"({left})-({right})"), 0)
    if getattr(difference, "imag", 0):
        return "unknown"
    return "equal" if abs(difference) < 1e-50 else "less" if difference < 0 else "greater"


@_decided
def ask_math_verify(left: str, right: str) -> str:
    """What math-verify says of two LaTeX expressions that our reader does not know (integrals, limits, …)."""
    if "math_verify" not in sys.modules:
        with clock.untimed():
            _ask("\\int_0^1 x dx", "1")  # It imports some of itself only when used.
    # Apart: it is slow to import again where its process ends, and what it remembers would change the time it takes.
    return clock.apart(_ask, left, right)


def _ask(left: str, right: str) -> str:
    # Typed loosely: "no time limit of its own" is a None that its annotations do not know.
    math_verify: Any = import_module("math_verify")
    latex_only = [math_verify.LatexExtractionConfig()]
    trees = [math_verify.parse(f"${source}$", latex_only, parsing_timeout=None) for source in (left, right)]
    # The second entry is the text it fell back to; without a first there was nothing it could read.
    if any(len(tree) < 2 for tree in trees):
        return "unknown"
    return _word(math_verify.verify(trees[1], trees[0], timeout_seconds=None))
