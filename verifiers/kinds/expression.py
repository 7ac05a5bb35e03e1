r"""Expressions: equal in value wherever they have one. `1/\sqrt2` is `\frac{\sqrt2}{2}`, `(x+1)^2` is `x^2+2x+1`.

Three steps, each only where the one before could not tell: the same text; the same exact value (`exact.py`); the same
value to sixty digits (`numeric.py`). What our reader does not know goes to math-verify.
"""

import re
import sys
from collections.abc import Callable
from functools import lru_cache, wraps
from importlib import import_module
from typing import Any

from ovt.verifiers import guard
from ovt.verifiers.algebra.exact import compare_exactly, exact_ratio
from ovt.verifiers.algebra.notation import SYMBOL_COMMANDS, Unreadable, has_words, math_source
from ovt.verifiers.algebra.numeric import compare_numerically, evaluate, proportional
from ovt.verifiers.algebra.syntax import number_node, parse
from ovt.verifiers.kinds.number import MIN_ROUNDED_DIGITS, Number, read_number
from ovt.verifiers.verdict import Finding


def _decided(question: Callable[..., str]) -> Callable[..., str]:
    """The question with its answers cached, and "unknown" where it fails."""

    @lru_cache(maxsize=16384)
    @wraps(question)
    def decide(*args: Any) -> str:
        try:
            return question(*args)
        except Exception:  # noqa: BLE001 (a library may fail in any way on hostile text: the result is unknown)
            return "unknown"

    return decide


@_decided
def _compare_digits(left: str, right: str, decimal_places: int | None = None) -> str:
    """Whether two expressions (`math_source` text) are equal: "equal", "different" or "unknown".

    decimal_places: the left is a decimal that was written to this many places.
    """
    return _word(compare_numerically(parse(left), parse(right), decimal_places))


def _word(equal: bool | None) -> str:
    return "unknown" if equal is None else "equal" if equal else "different"


@_decided
def _ratio_of_digits(left: str, right: str) -> str:
    """How `left` is a constant multiple of `right`: "positive", "negative", "none" or "unknown"."""
    factor = proportional(parse(left), parse(right))
    if factor is None:
        return "unknown"
    return "none" if factor == 0 else "positive" if factor > 0 else "negative"


@_decided
def order_of_constants(left: str, right: str) -> str:
    """ "less", "equal", "greater" or "unknown" for two constant expressions."""
    difference = evaluate(parse(f"({left})-({right})"), 0)
    if getattr(difference, "imag", 0):
        return "unknown"
    return "equal" if abs(difference) < 1e-50 else "less" if difference < 0 else "greater"


@_decided
def _ask_math_verify(left: str, right: str) -> str:
    """What math-verify says of two LaTeX expressions that our reader does not know (integrals, limits, …)."""
    if "math_verify" not in sys.modules:
        with guard.untimed():
            _ask("\\int_0^1 x dx", "\\int_0^1 y dy")  # It imports parts of itself only when used.
    # Apart: it is slow to import again if its process ends, and what it caches would change the time it takes.
    return guard.apart(_ask, left, right)


def _ask(left: str, right: str) -> str:
    # Typed loosely: "no time limit of its own" is a None that its annotations do not know.
    math_verify: Any = import_module("math_verify")
    latex_only = [math_verify.LatexExtractionConfig()]
    trees = [math_verify.parse(f"${source}$", latex_only, parsing_timeout=None) for source in (left, right)]
    # The second entry is the text it fell back to; without a first there was nothing it could read.
    if any(len(tree) < 2 for tree in trees):
        return "unknown"
    return _word(math_verify.verify(trees[1], trees[0], timeout_seconds=None))


_BEYOND_US = re.compile(r"\\(?:int|iint|oint|lim|sum|prod|partial)(?![a-z])")
ORDINAL_OR_DECADE = re.compile(r"\d+(?:st|nd|rd|th)|(?:1\d|20)\d\d'?s")
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ '-")


def looks_symbolic(text: str) -> bool:
    """Whether a text is mathematics rather than words: it has no word that mathematics does not know."""
    source = math_source(text)
    if has_words(source):
        return False
    # Two letters side by side may be a word, a name or a product: only math dressing says which.
    if not _LETTERS.issuperset(source) or "$" in text or "\\" in text:
        return True
    lone = " " in source and all(len(word) == 1 and word.islower() for word in source.split(" "))
    return source == "pi" or source in SYMBOL_COMMANDS or lone


def read_expression(text: str) -> str | None:
    """The source of a text that is an expression."""
    if not looks_symbolic(text):
        return None
    source = math_source(text)
    if ORDINAL_OR_DECADE.fullmatch(source):
        return None
    try:
        parse(source)
    except Unreadable:
        beyond = _BEYOND_US.search(source)
        return source if beyond and source[beyond.end() :].strip() and _relation_free(source) else None
    return source


def _relation_free(source: str) -> bool:
    bare = "".join(part.partition("}")[2] if place else part for place, part in enumerate(source.split("_{")))
    return not any(sign in bare for sign in "=<>≤≥≠,;:")


def finding_of(word: str, prediction: str, gold: str) -> Finding:
    """A comparison's word ("equal", "different", "unknown") as a finding."""
    if word == "equal":
        return Finding("correct", "equal", prediction, gold)
    if word == "different":
        return Finding("wrong", "different", prediction, gold)
    return Finding("abstain", "undecided", prediction, gold)


def compare_sources(left: str, right: str) -> str:
    """How two expressions compare: "equal", "different", "unknown", or "unreadable"."""
    if left.replace(" ", "") == right.replace(" ", ""):
        return "equal"
    try:
        trees = parse(left), parse(right)
    except Unreadable:
        return _compare_beyond(left, right)
    exactly = compare_exactly(*trees)
    if exactly is not None and not (exactly is False and _is_decimal(left) != _is_decimal(right)):
        return "equal" if exactly else "different"
    for decimal, other in ((left, right), (right, left)):
        number = _written_decimal(decimal)
        if number:
            return _compare_digits(decimal, other, number.places)
    return _compare_digits(left, right)


def ratio_of_sources(left: str, right: str) -> str:
    """How one expression is a constant multiple of another: "positive", "negative", "none" or "unknown"."""
    try:
        ratio = exact_ratio(parse(left), parse(right))
    except Unreadable:
        return "unknown"
    if ratio is None:
        return _ratio_of_digits(left, right)
    return "none" if ratio == 0 else "positive" if ratio > 0 else "negative"


def _is_decimal(source: str) -> bool:
    return _written_decimal(source) is not None


def _written_decimal(source: str) -> Number | None:
    """The number that a source is, where it is a decimal of enough digits to stand for an irrational value."""
    number = read_number(source)
    return number if number and number.places and number.digits >= MIN_ROUNDED_DIGITS else None


def _compare_beyond(left: str, right: str) -> str:
    """math-verify's word where both sides are mathematics and at least one is beyond our reader."""
    if not (_BEYOND_US.search(left) or _BEYOND_US.search(right)):
        return "unreadable"
    for source in (left, right):
        if has_words(source) or not _relation_free(source):
            return "unreadable"
    return _ask_math_verify(left, right)


@lru_cache(maxsize=8192)
def read_ratio(text: str) -> tuple[str, ...] | None:
    """The two or more terms of a ratio, as sources."""
    source = math_source(text)
    terms = tuple(term.strip() for term in source.split(":" if ":" in source else " to "))
    return terms if 2 <= len(terms) <= 5 and all(terms) and all(map(_is_term, terms)) else None


def _is_term(source: str) -> bool:
    if not looks_symbolic(f"${source}$"):
        return False
    try:
        node = parse(source)
    except Unreadable:
        return False
    # With a zero in it, every ratio would be in proportion to every other.
    return node != number_node(0)


def compare_ratios(left: tuple[str, ...], right: tuple[str, ...]) -> Finding:
    """Whether two ratios are in proportion."""
    shown = ":".join(left), ":".join(right)
    if len(left) != len(right):
        return Finding("wrong", "different_length", *shown)
    for index in range(1, len(right)):
        # a:b = c:d where a*d = b*c
        word = compare_sources(f"({left[0]})*({right[index]})", f"({left[index]})*({right[0]})")
        if word != "equal":
            return finding_of("different" if word == "unreadable" else word, *shown)
    return Finding("correct", "equal", *shown)
