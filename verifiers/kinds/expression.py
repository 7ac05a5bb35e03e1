r"""Expressions: equal in value wherever they have one. `1/\sqrt2` is `\frac{\sqrt2}{2}`, `(x+1)^2` is `x^2+2x+1`.

Three steps, each only where the one before could not tell: the same text; the same exact value (`exact.py`); the same
value to sixty digits (`numeric.py`). What our reader does not know goes to math-verify.
"""

import re

from ovt.verifiers.algebra import symbolic
from ovt.verifiers.algebra.exact import compare_exactly, exact_ratio
from ovt.verifiers.algebra.notation import SYMBOL_COMMANDS, Unreadable, has_words, math_source
from ovt.verifiers.algebra.syntax import parse
from ovt.verifiers.kinds.number import MIN_ROUNDED_DIGITS, Number, read_number
from ovt.verifiers.verdict import Finding

_BEYOND_US = re.compile(r"\\(?:int|iint|oint|lim|sum|prod|partial)(?![a-z])")
_LONE_LETTERS = re.compile(r"[a-z](?: [a-z])+")
_ORDINAL_OR_DECADE = re.compile(r"\d+(?:st|nd|rd|th)|(?:1\d|20)\d0'?s")
_PLAIN = re.compile(r"[A-Za-z\s'\-]+")


def looks_symbolic(text: str) -> bool:
    """Whether a gold is mathematics rather than words: no word in it that mathematics does not know."""
    source = math_source(text)
    if has_words(source):
        return False
    # Two letters side by side may be a word, a name or a product: only math dressing says which.
    if not _PLAIN.fullmatch(source) or "$" in text or "\\" in text:
        return True
    return source == "pi" or source in SYMBOL_COMMANDS or bool(_LONE_LETTERS.fullmatch(source))


def read_expression(text: str) -> str | None:
    """The source of a gold that is an expression."""
    if not looks_symbolic(text):
        return None
    source = math_source(text)
    if _ORDINAL_OR_DECADE.fullmatch(source):
        return None
    try:
        parse(source)
    except Unreadable:
        return source if _BEYOND_US.search(source) and _relation_free(source) else None
    return source


def _relation_free(source: str) -> bool:
    return not re.search(r"[=<>≤≥≠,;:]", re.sub(r"_\{[^{}]*\}", "", source))


def check_expression(prediction: str, gold: str) -> Finding | None:
    """Compare with a gold's source; None where the prediction is no expression."""
    source = math_source(prediction)
    word = compare_sources(source, gold)
    if word == "unreadable":
        return None
    return finding_of(word, source, gold)


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
            return symbolic.compare(decimal, other, number.places)
    return symbolic.compare(left, right)


def ratio_of_sources(left: str, right: str) -> str:
    """How one expression is a constant multiple of another: "positive", "negative", "none" or "unknown"."""
    try:
        ratio = exact_ratio(parse(left), parse(right))
    except Unreadable:
        return "unknown"
    if ratio is None:
        return symbolic.ratio(left, right)
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
    return symbolic.ask_math_verify(left, right)
